import { hash, randomInt } from "node:crypto";
import { conflict, notFound } from "../domain/error.ts";
import { type Fire, type Job, type JobChanges, type NewJob, USUAL, type WorkChanges } from "../domain/job.ts";
import type { Occurrence } from "../domain/schedule.ts";
import type { Clock } from "../lib/clock.ts";
import type { FireQuery, JobQuery, JobStore } from "../storage/job-store.ts";
import { editJob } from "./edit.ts";
import { type Pause, paused } from "./pause.ts";
import { calendarOf, occurrencesOf } from "./schedule.ts";
import type { Scheduler } from "./scheduler.ts";
import { changedWork } from "./work.ts";

/** What jobs are kept and done with. */
export interface JobsDeps {
  store: JobStore;
  scheduler: Scheduler;
  clock: Clock;
  nextId(): string;
}

/** Jobs that are read together: some three milliseconds. */
const LISTED_AT_ONCE = 100;

/** What four hex digits can tell apart. */
const TAILS = 2 ** 16;

/** A tool's call that makes a job, which says so in its origin as `call_id`. */
export interface MakingCall {
  id: string;
  /** When its run was made, epoch ms: the same each time. */
  at: number;
}

/** Jobs as their owners make, change and read them. */
export class Jobs {
  readonly #deps: JobsDeps;
  #lastNumber = 0;

  constructor(deps: JobsDeps) {
    this.#deps = deps;
  }

  /**
   * Stores a job, which is due from now on. A call that makes it makes it once: asked again, it gives the job that it
   * made. @throws StorageError when it cannot be stored.
   */
  async create(owner: string, { paused: asked, ...terms }: NewJob, call?: MakingCall): Promise<Job> {
    const { store, clock, scheduler } = this.#deps;
    const now = clock.now();
    const place = await this.#place(owner, now, call);
    if (place.made !== undefined) return place.made;
    const made: Job = {
      ...USUAL,
      origin: {},
      ...terms,
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

  /** @throws ApiError 404 when this owner has none of that id. */
  async find(id: string, owner: string): Promise<Job> {
    const job = await this.findIfThere(id, owner);
    if (job === undefined) throw unknownJob();
    return job;
  }

  /** Undefined: this owner has none of that id. */
  findIfThere(id: string, owner: string): Promise<Job | undefined> {
    return this.#deps.store.findJob(id, owner);
  }

  list(query: JobQuery): Promise<Job[]> {
    return this.#deps.store.listJobs(query);
  }

  /** All of an owner's jobs in parts, the oldest first; requests come in between. */
  async *all(owner: string): AsyncGenerator<Job[]> {
    for (let after: string | undefined; ; ) {
      const part = await this.list({ owner, order: "asc", limit: LISTED_AT_ONCE, after });
      yield part;
      if (part.length < LISTED_AT_ONCE) return;
      after = part.at(-1)?.id;
      await new Promise(setImmediate);
    }
  }

  /** @throws ApiError 404 as `find`. */
  update(id: string, owner: string, changes: JobChanges): Promise<Job> {
    const now = this.#deps.clock.now();
    return this.#edit(id, owner, (job) => changed(job, changes, now));
  }

  pause(id: string, owner: string, { reason, byAgent }: Partial<Omit<Pause, "now">> = {}): Promise<Job> {
    const now = this.#deps.clock.now();
    return this.#edit(id, owner, (job) => paused(job, { now, reason, byAgent }));
  }

  /** Goes on with a job as it is. @throws ApiError 404 as `find`, 409 for one that is completed. */
  resume(id: string, owner: string): Promise<Job> {
    const now = this.#deps.clock.now();
    return this.#edit(id, owner, (job) => resumed(job, now));
  }

  /** Deletes a job with its history, and stops what goes on of it. @throws ApiError 404 as `find`. */
  async remove(id: string, owner: string): Promise<void> {
    if (!(await this.#deps.store.deleteJob(id, owner))) throw unknownJob();
    this.#deps.scheduler.forget(id);
  }

  /** Does a job now, whatever its schedule says; `prompt` instead of its own. @throws ApiError 404 as `find`. */
  async runNow(
    id: string,
    owner: string,
    { prompt, byAgent }: { prompt?: string | undefined; byAgent?: boolean | undefined } = {},
  ): Promise<{ job: Job; fire: Fire }> {
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

  /** The last fire of each of an owner's jobs, in their order. */
  latestFires(jobs: readonly Job[]): Promise<(Fire | undefined)[]> {
    return this.#deps.store.latestFires(jobs.map(({ id }) => id));
  }

  fires(query: FireQuery): Promise<Fire[]> {
    return this.#deps.store.listFires(query);
  }

  /** When a job will be due, as the scheduler sees it; epoch ms. */
  forecast({ schedule }: Job, range: { from: number; to: number; limit: number }): Occurrence[] {
    return occurrencesOf(calendarOf(schedule), range);
  }

  async #edit(id: string, owner: string, change: (job: Job) => Job): Promise<Job> {
    const { store, scheduler } = this.#deps;
    const job = await editJob(store, { id, owner }, (current) => ({ job: change(current) }));
    if (job === undefined) throw unknownJob();
    void scheduler.tick();
    return job;
  }

  /** Those of one second come in order, too. */
  #nextNumber(seconds: number): number {
    this.#lastNumber = Math.max(seconds + randomInt(TAILS / 2), this.#lastNumber + 1);
    return this.#lastNumber;
  }

  /** Twelve hex digits, as the reference's clients check: seconds, so that lists go by age, and chance. */
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

/** A job as it waits for its next time after now. */
function due(job: Job, now: number): Job {
  const { nextAt: _at, nextOccurrence: _occurrence, ...rest } = job;
  const next = calendarOf(job.schedule).next(now);
  if (next === undefined) return { ...rest, state: "completed" };
  return { ...rest, state: "scheduled", nextAt: next.at, nextOccurrence: next.at };
}

function resumed(job: Job, now: number): Job {
  if (job.state === "scheduled") return job;
  const { pausedAt: _at, pausedReason: _reason, pausedByAgent: _byAgent, ...rest } = job;
  const isDone = job.times !== undefined && job.completed >= job.times;
  const next = due({ ...rest, failureStreak: 0, updatedAt: now }, now);
  if (isDone || next.state === "completed")
    throw conflict(
      "job_completed",
      "The job is completed: change its schedule or repeat first, or run it now.",
    );
  return next;
}

function changed(job: Job, changes: JobChanges, now: number): Job {
  const { work, times, enabled, reason, byAgent, ...plain } = changes;
  const { times: before, ...rest } = job;
  const limit = times === undefined ? before : (times ?? undefined);
  const next: Job = {
    ...rest,
    ...plain,
    ...whoseWork(work, byAgent),
    work: changedWork(job.work, work ?? {}),
    updatedAt: now,
    ...(limit !== undefined && { times: limit }),
  };
  if (enabled === false) return paused(next, { now, reason, byAgent });
  if (enabled === undefined && reason !== undefined && job.state === "paused")
    return { ...next, pausedReason: reason };
  if (enabled === true && job.state === "paused") return resumed(next, now);
  const isMoved = plain.schedule !== undefined && job.state !== "paused";
  return isMoved ? due(next, now) : next;
}

/** Any part of the work that the agent changes makes it the agent's; the words that a person writes make it a person's. */
function whoseWork(work: WorkChanges = {}, byAgent = false): Pick<Job, "byAgent"> {
  const isChanged = Object.values(work).some((value) => value !== undefined);
  if (byAgent) return isChanged ? { byAgent } : {};
  return work.prompt !== undefined || work.script !== undefined ? { byAgent } : {};
}

function unknownJob(): Error {
  return notFound("job_not_found", "There is no such job.");
}
