import { invalidRequest } from "../domain/error.ts";
import type { Fire, Job, NewJob } from "../domain/job.ts";
import { decodeJobChanges, decodeNewJob, type JobTerms } from "../wire/jobs/decode.ts";
import { fireObject, jobObject, type PrintTime } from "../wire/jobs/object.ts";
import type { JobPatch, JobRequest, RunJobRequest } from "../wire/jobs/schema.ts";
import type { WorkCheck } from "./check-work.ts";
import type { Jobs, MakingCall } from "./service.ts";
import { changedWork, checkedWork } from "./work.ts";

/** What requests for jobs are read, done and answered with. */
export interface DeskDeps {
  jobs: Jobs;
  terms: JobTerms;
  work: WorkCheck;
  print: PrintTime;
}

type Checked = Pick<Job, "id" | "owner" | "work" | "deliver" | "failureDeliver">;

/** Jobs as whoever asks speaks of them, a client or the agent: every field is read, checked and shown here. */
export class JobDesk {
  readonly #deps: DeskDeps;

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  /** A new job, as far as a request can be read without asking anybody. @throws ApiError 400 as `create`. */
  read(request: JobRequest): NewJob {
    const job = decodeNewJob(request, this.#deps.terms);
    return { ...job, work: checkedWork(job.work) };
  }

  /** @throws ApiError 400 for a field that cannot be, naming it. */
  async create(
    owner: string,
    request: JobRequest,
    { origin, call }: { origin: Job["origin"]; call?: MakingCall },
  ): Promise<Job> {
    const { jobs, work: check } = this.#deps;
    const job = this.read(request);
    await check.check(job.work, { owner, work: job.work });
    return jobs.create(owner, { ...job, origin }, call);
  }

  /** `byAgent`: it is the agent's change, not a person's. @throws ApiError 400 as `create`, 404 when the job is gone. */
  async update(job: Job, request: JobPatch, byAgent = false): Promise<Job> {
    const { jobs, terms, work: check } = this.#deps;
    const changes = { ...decodeJobChanges(request, job, terms), byAgent };
    const { work = {} } = changes;
    const changed = { ...job, ...changes, work: changedWork(job.work, work) };
    if (changes.enabled === true && job.state === "paused") await this.checkAll(changed);
    else await check.check(work, changed);
    return jobs.update(job.id, job.owner, changes);
  }

  /** Goes on with a job that can be done as it stands. @throws ApiError 400 as `create`, 404 or 409 as `Jobs.resume`. */
  async resume(job: Job): Promise<Job> {
    if (job.state !== "scheduled") await this.checkAll(job);
    return this.#deps.jobs.resume(job.id, job.owner);
  }

  /** Does a job now. @throws ApiError 400 for a prompt that is refused or missing, 404 when the job is gone. */
  async run(
    { id, owner, work }: Job,
    request: RunJobRequest,
    byAgent = false,
  ): Promise<{ job: Job; fire: Fire }> {
    const { jobs, terms } = this.#deps;
    const prompt = request?.prompt ?? undefined;
    if (prompt !== undefined && work.noAgent === true)
      throw invalidRequest("prompt", "The job asks no model: a 'prompt' would change nothing.");
    if (prompt !== undefined) terms.scan(prompt, "prompt");
    // One that came from a file may have none of its own.
    checkedWork({ ...work, prompt: prompt ?? work.prompt });
    return jobs.runNow(id, owner, { prompt, byAgent });
  }

  /**
   * What is checked of a new job: files came with more, and what was there may be gone.
   * @throws ApiError 400 for what cannot be, naming the field.
   */
  async checkAll(job: Checked): Promise<void> {
    const { terms, work: check } = this.#deps;
    checkedWork(job.work);
    terms.scan(job.work.prompt, "prompt");
    for (const target of job.deliver) terms.checkTarget(target, "deliver");
    for (const target of job.failureDeliver) terms.checkTarget(target, "failure_deliver");
    await check.check(job.work, job);
  }

  /** A job with its latest fire. */
  async shown(job: Job) {
    const { jobs, print } = this.#deps;
    const [latest] = await jobs.latestFires([job]);
    return jobObject(job, { latest, print });
  }

  /** Jobs, each with its latest fire. */
  async shownAll(listed: readonly Job[]) {
    const { jobs, print } = this.#deps;
    const fires = await jobs.latestFires(listed);
    return listed.map((job, i) => jobObject(job, { latest: fires[i], print }));
  }

  /** One time that a job was due or was run. */
  shownFire({ schedule }: Job, fire: Fire) {
    return fireObject(fire, { timezone: schedule.timezone, print: this.#deps.print });
  }
}
