import { schedule as everySecond, type ScheduledTask } from "node-cron";
import { ApiError } from "../domain/error.ts";
import type { Fire, Job } from "../domain/job.ts";
import type { Clock } from "../lib/clock.ts";
import type { JobStore } from "../storage/job-store.ts";
import { editJob } from "./edit.ts";
import type { Result } from "./execution.ts";
import { fireDue } from "./firing.ts";
import { FireQueue } from "./queue.ts";
import { calendarOf } from "./schedule.ts";
import { type Outcome, settled } from "./settle.ts";

/** What the scheduler works with. */
export interface SchedulerDeps {
  store: JobStore;
  clock: Clock;
  /** Fires that may go on at once. */
  maxRunning: number;
  /** Does a fire. Undefined: the process stops first. @throws ApiError when it cannot begin now. */
  execute(job: Job, fire: Fire): Promise<Result | undefined>;
  /** Told when a job must go on without its run. */
  stopRun(fire: Fire): void;
  /** Brings a result to where the job wants it. */
  deliver(job: Job, fire: Fire): void;
  nextId(): string;
  onFault(error: unknown): void;
}

/** Jobs that are looked at together. */
const DUE_AT_ONCE = 100;
/** Longer than that no timer waits: the clock may be set, or the machine sleep. */
const MAX_WAIT_MS = 60_000;
const RETRY_START_MS = 1_000;
const TICK_MS = 1_000;
/** Ticks that may fail to come before the scheduler is called dead. */
const MISSED_TICKS = 3;

/**
 * Begins what is due. Each occurrence becomes a row before anything is done for it, together with the job's next time, so
 * that it is done once whatever is killed. A timer waits for the next due time; a tick each second makes up for timers
 * that are late or lost, and is the sign of life.
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #queue: FireQueue;
  readonly #live = new Map<string, Fire>();
  #task: ScheduledTask | undefined;
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;
  #again = false;
  #isStopped = false;
  #lastTickAt: number;
  #startAgainAt = 0;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#queue = new FireQueue(deps.maxRunning);
    this.#lastTickAt = deps.clock.elapsed();
  }

  /** Takes up what a former process left, and begins. @throws StorageError when the store cannot be read. */
  async start(): Promise<void> {
    for (const fire of await this.#deps.store.openFires()) await this.#takeUp(fire);
    this.#lastTickAt = this.#deps.clock.elapsed();
    this.#task = everySecond("* * * * * *", () => void this.tick(), { suppressMissedWarning: true });
    await this.tick();
  }

  /** Whether it has looked at the clock lately. */
  get isAlive(): boolean {
    return this.#deps.clock.elapsed() - this.#lastTickAt < MISSED_TICKS * TICK_MS;
  }

  /** Begins nothing more; what goes on is left to its runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#task?.destroy();
    await this.#round;
  }

  /** Looks what is due; whoever changed a job calls it. Never rejects. */
  tick(): Promise<void> {
    if (this.#round !== undefined) {
      this.#again = true;
      return this.#round;
    }
    this.#round = this.#look().finally(() => {
      this.#round = undefined;
      if (this.#again) {
        this.#again = false;
        void this.tick();
      }
    });
    return this.#round;
  }

  /** A fire that was made by hand. */
  add(job: Job, fire: Fire): void {
    this.#queue.add({ fire, overlap: job.overlap }, this.#deps.clock.now());
    this.#advance();
  }

  /** Ends what waits and goes on of a job that is deleted. */
  forget(jobId: string): void {
    this.#queue.drop(jobId);
    this.#stopRuns(jobId);
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const { clock, store, onFault } = this.#deps;
    try {
      for (;;) {
        const now = clock.now();
        const due = await store.dueJobs(now, DUE_AT_ONCE);
        for (const job of due) await this.#fire(job, now);
        this.#advance();
        if (due.length < DUE_AT_ONCE || this.#isStopped) break;
        await new Promise(setImmediate);
      }
      this.#lastTickAt = clock.elapsed();
      await this.#arm();
    } catch (error) {
      onFault(error);
    }
  }

  /** One job that cannot be done must not keep the others from it. */
  async #fire(job: Job, now: number): Promise<void> {
    const { store, nextId, onFault } = this.#deps;
    try {
      const firing = fireDue({
        job,
        calendar: calendarOf(job.schedule),
        now,
        isBusy: this.#queue.isBusy(job.id),
        random: Math.random,
        newFireId: () => `fire_${nextId()}`,
        newRunId: () => `run_${nextId()}`,
      });
      const changed = await store.changeJob(firing);
      // Changed meanwhile: it is due again, as it is now.
      if (changed === undefined) return;
      if (firing.replaces) this.#stopRuns(job.id);
      for (const fire of firing.fires)
        if (fire.status === "queued") this.#queue.add({ fire, overlap: job.overlap }, now);
    } catch (error) {
      onFault(error);
    }
  }

  #stopRuns(jobId: string): void {
    for (const fire of this.#live.values()) if (fire.jobId === jobId) this.#deps.stopRun(fire);
  }

  async #takeUp(fire: Fire): Promise<void> {
    const { store, clock } = this.#deps;
    const job = await store.findJob(fire.jobId, fire.owner);
    if (job === undefined) return;
    if (fire.status === "queued") this.#queue.add({ fire, overlap: job.overlap }, clock.now());
    else {
      this.#queue.begin(fire);
      void this.#run(fire);
    }
  }

  #advance(): void {
    const now = this.#deps.clock.now();
    if (this.#isStopped || now < this.#startAgainAt) return;
    for (let fire = this.#queue.take(now); fire !== undefined; fire = this.#queue.take(now))
      void this.#run(fire);
  }

  async #run(fire: Fire): Promise<void> {
    this.#live.set(fire.id, fire);
    try {
      await this.#do(fire);
    } catch (error) {
      this.#deps.onFault(error);
    }
    this.#live.delete(fire.id);
    this.#queue.end(fire);
    this.#advance();
  }

  async #do(waiting: Fire): Promise<void> {
    const { store, clock, execute } = this.#deps;
    const job = await store.findJob(waiting.jobId, waiting.owner);
    if (job === undefined) return;
    const begun: Fire = { ...waiting, status: "running", startedAt: waiting.startedAt ?? clock.now() };
    await store.updateFire(begun);
    const result = await execute(job, begun).catch((error: unknown) => this.#notNow(error));
    if (result === "later") this.#putBack(waiting, job);
    else if (result !== undefined) await this.#settle(begun, result);
  }

  /** What is full or shuts down now may not be so later; any other exception is a fault of ours, and the fire's end. */
  #notNow(error: unknown): "later" | Result {
    const status = error instanceof ApiError ? error.failure.status : 500;
    if (status === 429 || status === 503 || status === 507) return "later";
    this.#deps.onFault(error);
    return {
      status: "failed",
      reason: "The server had an internal error; its log has the details.",
      mayRepeat: false,
    };
  }

  #putBack(fire: Fire, { overlap }: Job): void {
    this.#startAgainAt = this.#deps.clock.now() + RETRY_START_MS;
    this.#queue.add({ fire, overlap }, this.#deps.clock.now());
  }

  async #settle(fire: Fire, result: Result): Promise<void> {
    const { store, clock, nextId } = this.#deps;
    const ids = { fire: `fire_${nextId()}`, run: `run_${nextId()}` as const };
    const ended = settled({ fire, result, now: clock.now(), ids });
    let outcome: Outcome | undefined;
    const job = await editJob(store, { id: fire.jobId, owner: fire.owner }, (current) => {
      outcome = ended(current);
      const { retry } = outcome;
      return { job: outcome.job, updates: [outcome.fire], fires: retry === undefined ? [] : [retry] };
    });
    if (job === undefined || outcome === undefined) return;
    if (outcome.retry !== undefined)
      this.#queue.add({ fire: outcome.retry, overlap: job.overlap }, clock.now());
    this.#deps.deliver(job, outcome.fire);
  }

  async #arm(): Promise<void> {
    const { store, clock } = this.#deps;
    const times = [await store.nextDueAt(), this.#queue.nextDueAt].filter((at) => at !== undefined);
    clearTimeout(this.#timer);
    if (this.#isStopped || times.length === 0) return;
    const waitMs = Math.min(MAX_WAIT_MS, Math.max(0, Math.min(...times) - clock.now()));
    this.#timer = setTimeout(() => void this.tick(), waitMs);
  }
}
