import { hash, randomInt } from "node:crypto";
import { invalidRequest, notFound } from "../domain/error.ts";
import { type Fire, JOB_DEFAULTS, type Job, type NewJob } from "../domain/job.ts";
import type { JobDraft } from "../domain/job-draft.ts";
import type { Occurrence } from "../domain/schedule.ts";
import type { Clock } from "../lib/clock.ts";
import type { FireQuery, JobQuery, JobStore } from "../storage/job-store.ts";
import type { WorkCheck } from "./check-work.ts";
import { editJob } from "./edit.ts";
import { type Pause, paused } from "./pause.ts";
import { type DraftTerms, readChanges, readNewJob } from "./read-draft.ts";
import { scanPrompt } from "./scan.ts";
import { listOccurrences, toCalendar } from "./schedule/schedule.ts";
import type { Scheduler } from "./scheduler/scheduler.ts";
import { applyChanges, due, resumed } from "./transitions.ts";
import { changedWork, checkedWork } from "./work.ts";

/** What jobs need. */
interface JobsDeps {
  store: JobStore;
  scheduler: Scheduler;
  /** Refuses work that cannot be done. */
  work: WorkCheck;
  terms: DraftTerms;
  clock: Clock;
  nextId(): string;
}

/** Jobs read together: some three milliseconds. */
const LISTED_AT_ONCE = 100;

/** How many ids four hex digits distinguish. */
const TAILS = 2 ** 16;

/** A tool call that creates a job; the job's origin holds its `call_id`. */
interface MakingCall {
  id: string;
  /** When the call's run was created, epoch ms: the same at each repetition. */
  at: number;
}

/** Who creates a job. */
interface Making {
  /** For readers of the job. */
  origin: Job["origin"];
  call?: MakingCall;
}

type Checked = Pick<Job, "id" | "owner" | "work" | "deliver" | "failureDeliver">;

/** Creates, changes and reads the jobs of their owners: each draft is parsed, scanned, checked and stored here. */
export class Jobs {
  readonly #deps: JobsDeps;
  #lastNumber = 0;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
  }

  /** Reads a new job without asking anybody. @throws ApiError 400 as `create`. */
  read(draft: JobDraft): NewJob {
    return readNewJob(draft, this.#deps.terms);
  }

  /**
   * Stores a job, which is scheduled from now on. A tool call creates its job once: repeated, it returns that job.
   * @throws ApiError 400 with the invalid field; StorageError when it cannot be stored.
   */
  async create(owner: string, draft: JobDraft, { origin, call }: Making): Promise<Job> {
    const { store, clock, scheduler, work } = this.#deps;
    const { paused: asked, ...terms } = this.read(draft);
    await work.check(terms.work, { owner, work: terms.work });
    const now = clock.now();
    const place = await this.#place(owner, now, call);
    if (place.made !== undefined) return place.made;
    const made: Job = {
      ...JOB_DEFAULTS,
      ...terms,
      origin,
      id: place.id,
      owner,
      completed: 0,
      failureStreak: 0,
      state: "scheduled",
      createdAt: now,
      updatedAt: now,
      revision: 1,
    };
    const job = asked === undefined ? due(made, now) : paused(made, { now, reason: asked.reason });
    await store.createJob(job);
    void scheduler.tick();
    return job;
  }

  /** @throws ApiError 404 when this owner has no such job. */
  async find(id: string, owner: string): Promise<Job> {
    const job = await this.findIfThere(id, owner);
    if (job === undefined) throw unknownJob();
    return job;
  }

  /** Returns undefined when this owner has no such job. */
  findIfThere(id: string, owner: string): Promise<Job | undefined> {
    return this.#deps.store.findJob(id, owner);
  }

  list(query: JobQuery): Promise<Job[]> {
    return this.#deps.store.listJobs(query);
  }

  /** Reads all of an owner's jobs in parts, oldest first; other requests get a turn. */
  async *all(owner: string): AsyncGenerator<Job[]> {
    for (let after: string | undefined; ; ) {
      const part = await this.list({ owner, order: "asc", limit: LISTED_AT_ONCE, after });
      yield part;
      if (part.length < LISTED_AT_ONCE) return;
      after = part.at(-1)?.id;
      await new Promise(setImmediate);
    }
  }

  /**
   * Changes a job. `byAgent`: the agent changes it, not a person.
   * @throws ApiError 400 as `create`, 404 when the job was deleted, 409 as `resume`.
   */
  async update(job: Job, draft: JobDraft, { byAgent = false } = {}): Promise<Job> {
    const { terms, work: check, clock } = this.#deps;
    const changes = { ...readChanges(draft, job, terms), byAgent };
    const { work = {} } = changes;
    const after = { ...job, ...changes, work: changedWork(job.work, work) };
    if (changes.enabled === true && job.state === "paused") await this.checkAll(after);
    else await check.check(work, after);
    const now = clock.now();
    return this.#edit(job.id, job.owner, (current) => applyChanges(current, changes, now));
  }

  pause(id: string, owner: string, { reason, byAgent }: Partial<Omit<Pause, "now">> = {}): Promise<Job> {
    const now = this.#deps.clock.now();
    return this.#edit(id, owner, (job) => paused(job, { now, reason, byAgent }));
  }

  /**
   * Resumes a job that can be executed as it is. @throws ApiError 400 as `create`, 404 as `find`, 409 for a completed
   * job.
   */
  async resume(job: Job): Promise<Job> {
    if (job.state !== "scheduled") await this.checkAll(job);
    const now = this.#deps.clock.now();
    return this.#edit(job.id, job.owner, (current) => resumed(current, now));
  }

  /**
   * Checks everything that is checked of a new job: imported jobs may hold more, and what they need may be gone.
   * @throws ApiError 400 with the invalid field.
   */
  async checkAll(job: Checked): Promise<void> {
    const { terms, work: check } = this.#deps;
    checkedWork(job.work);
    scanPrompt(job.work.prompt, "prompt");
    for (const target of job.deliver) terms.checkTarget(target, "deliver");
    for (const target of job.failureDeliver) terms.checkTarget(target, "failure_deliver");
    await check.check(job.work, job);
  }

  /** Deletes a job with its history, and stops its fires. @throws ApiError 404 as `find`. */
  async remove(id: string, owner: string): Promise<void> {
    if (!(await this.#deps.store.deleteJob(id, owner))) throw unknownJob();
    this.#deps.scheduler.forget(id);
  }

  /**
   * Executes a job now, whatever its schedule says; `prompt` replaces its own.
   * @throws ApiError 400 for a refused or missing prompt, 404 as `find`.
   */
  async runNow(
    { id, owner, work }: Pick<Job, "id" | "owner" | "work">,
    { prompt, byAgent }: { prompt?: string | undefined; byAgent?: boolean | undefined } = {},
  ): Promise<{ job: Job; fire: Fire }> {
    if (prompt !== undefined && work.noAgent === true)
      throw invalidRequest("prompt", "The job asks no model: a 'prompt' would change nothing.");
    if (prompt !== undefined) scanPrompt(prompt, "prompt");
    // An imported job may have no prompt.
    checkedWork({ ...work, prompt: prompt ?? work.prompt });
    const { store, clock, nextId, scheduler } = this.#deps;
    const now = clock.now();
    const fire: Fire = {
      id: `fire_${nextId()}`,
      jobId: id,
      owner,
      kind: "manual",
      scheduledFor: now,
      count: 1,
      attempt: 1,
      status: "queued",
      runId: `run_${nextId()}`,
      ...(prompt !== undefined && { prompt }),
      ...(byAgent === true && { byAgent }),
      createdAt: now,
      dueAt: now,
      deliveries: [],
    };
    const job = await editJob(store, { id, owner }, (current) => ({ job: current, fires: [fire] }));
    if (job === undefined) throw unknownJob();
    scheduler.add(job, fire);
    return { job, fire };
  }

  /** Returns the last fire of each of an owner's jobs, in their order. */
  latestFires(jobs: readonly Job[]): Promise<(Fire | undefined)[]> {
    return this.#deps.store.latestFires(jobs.map(({ id }) => id));
  }

  fires(query: FireQuery): Promise<Fire[]> {
    return this.#deps.store.listFires(query);
  }

  /** Returns when a job will be due, as the scheduler sees it; epoch ms. */
  forecast({ schedule }: Job, range: { from: number; to: number; limit: number }): Occurrence[] {
    return listOccurrences(toCalendar(schedule), range);
  }

  async #edit(id: string, owner: string, change: (job: Job) => Job): Promise<Job> {
    const { store, scheduler } = this.#deps;
    const job = await editJob(store, { id, owner }, (current) => ({ job: change(current) }));
    if (job === undefined) throw unknownJob();
    void scheduler.tick();
    return job;
  }

  /** Ids of one second are in order, too. */
  #nextNumber(seconds: number): number {
    this.#lastNumber = Math.max(seconds + randomInt(TAILS / 2), this.#lastNumber + 1);
    return this.#lastNumber;
  }

  /**
   * Returns twelve hex digits, which the reference's clients check: seconds, so that ids sort by age, and a random
   * part.
   */
  async #place(
    owner: string,
    now: number,
    call: MakingCall | undefined,
  ): Promise<{ id: string; made: Job | undefined }> {
    const seconds = Math.floor((call?.at ?? now) / 1000) * TAILS;
    for (let attempt = 0; ; attempt++) {
      const tail = call && Number.parseInt(hash("sha256", `${call.id} ${attempt}`).slice(0, 4), 16);
      const number = tail === undefined ? this.#nextNumber(seconds) : seconds + tail;
      const id = number.toString(16).padStart(12, "0");
      const made = await this.#deps.store.findJob(id, owner);
      if (made === undefined || (call && made.origin["call_id"] === call.id)) return { id, made };
    }
  }
}

function unknownJob(): Error {
  return notFound("job_not_found", "There is no such job.");
}
