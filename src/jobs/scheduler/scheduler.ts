import { isPassing } from "../../domain/error.ts";
import type { Fire, Job, Overlap } from "../../domain/job.ts";
import type { Clock } from "../../lib/clock.ts";
import { Coalesced } from "../../lib/coalesced.ts";
import type { JobStore } from "../../storage/job-store.ts";
import { StorageError } from "../../storage/store.ts";
import { editJob } from "../edit.ts";
import type { Begun, Progress, Result } from "../execution/result.ts";
import { paused } from "../pause.ts";
import { toCalendar } from "../schedule/schedule.ts";
import { createZones } from "../schedule/zone.ts";
import { type Firing, fireDue } from "./firing.ts";
import type { JobsObserver } from "./job-counters.ts";
import { LiveFires } from "./live-fires.ts";
import { FireQueue } from "./queue.ts";
import { type Outcome, settled } from "./settle.ts";

/** What the scheduler needs. */
export interface SchedulerDeps {
  store: JobStore;
  clock: Clock;
  /** How many fires may run at once. */
  maxRunning: number;
  /**
   * Executes a fire. Resolves with undefined if the process stops first.
   * @throws ApiError when it cannot start now.
   */
  execute(begun: Begun): Promise<Result | undefined>;
  /** Called when a fire must stop, in addition to its signal. */
  stopRun(fire: Fire): void;
  /** Called when a fire has ended and its deliveries are stored. */
  onSettled(fire: Fire): void;
  observer: JobsObserver;
  nextId(): string;
  onFault(error: unknown): void;
}

/** Jobs examined together in one commit: some two milliseconds. */
const DUE_AT_ONCE = 25;
const CLAIM_MS = 5;
/** The longest timer: the clock may be set, or the machine may sleep. */
const MAX_WAIT_MS = 60_000;
const RETRY_START_MS = 1_000;
const TICK_MS = 1_000;
/** Missing ticks after which the scheduler counts as dead. */
const MISSED_TICKS = 3;

/**
 * Starts what is due. Each occurrence gets a row before anything is done for it, in one commit with the job's next
 * time, so that it is executed once whatever is killed. A timer waits for the next due time; a tick each second makes
 * up for late or lost timers and is the sign of life.
 */
export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #queue: FireQueue;
  readonly #live: LiveFires;
  readonly #zoneOf = createZones();
  #ticks: NodeJS.Timeout | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #rounds = new Coalesced(() => this.#look());
  #isStopped = false;
  #lastTickAt: number;
  #startAgainAt = 0;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
    this.#live = new LiveFires(deps.stopRun);
    this.#queue = new FireQueue(deps.maxRunning);
    this.#lastTickAt = deps.clock.elapsed();
  }

  /** Resumes what a former process left, and starts. @throws StorageError when the store cannot be read. */
  async start(): Promise<void> {
    for (const fire of await this.#deps.store.openFires()) await this.#takeUp(fire);
    this.#lastTickAt = this.#deps.clock.elapsed();
    // Not by the wall clock, which may be set.
    this.#ticks = setInterval(() => void this.tick(), TICK_MS);
    await this.tick();
  }

  /** Whether it has ticked recently. */
  get isAlive(): boolean {
    return this.#deps.clock.elapsed() - this.#lastTickAt < MISSED_TICKS * TICK_MS;
  }

  /** How many fires are running and waiting. */
  get load(): { running: number; waiting: number } {
    return { running: this.#live.size, waiting: this.#queue.size };
  }

  /** Starts nothing more; running fires are left to their runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#ticks);
    await this.#rounds.over();
  }

  /** The fires that are running. */
  get live(): LiveFires {
    return this.#live;
  }

  /** Looks for due jobs; called after a job was changed. Never rejects. */
  tick(): Promise<void> {
    return this.#rounds.run();
  }

  /** Adds a fire that was requested by hand. */
  add(job: Job, fire: Fire): void {
    this.#queue.add({ fire, overlap: job.overlap }, this.#deps.clock.now());
    this.#advance();
  }

  /** Stops the waiting and running fires of a deleted job. */
  forget(jobId: string): void {
    this.#queue.drop(jobId);
    this.#live.stopJob(jobId);
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const { clock, store, onFault } = this.#deps;
    try {
      for (;;) {
        const now = clock.now();
        const due = await store.dueJobs(now, DUE_AT_ONCE);
        const claimed = due.length === 0 ? 0 : await this.#claim(due, now);
        this.#advance();
        this.#lastTickAt = clock.elapsed();
        if ((due.length < DUE_AT_ONCE && claimed === due.length) || this.#isStopped) break;
        // Other requests get a turn.
        await new Promise(setImmediate);
      }
      await this.#arm();
    } catch (error) {
      onFault(error);
    }
  }

  /**
   * Claims due jobs for at most CLAIM_MS and queues their fires; returns how many jobs were examined. A job that was
   * changed meanwhile is due again with its new version.
   */
  async #claim(due: readonly Job[], now: number): Promise<number> {
    const { clock, store } = this.#deps;
    const began = clock.elapsed();
    const firings: Firing[] = [];
    for (const job of due) {
      firings.push(this.#firingOf(job, now));
      // A job that missed a thousand times takes as long as all others together.
      if (clock.elapsed() - began > CLAIM_MS) break;
    }
    const claimed = await store.claimFires(firings);
    for (const [i, firing] of firings.entries()) this.#take(firing, { fires: claimed[i] ?? [], now });
    return firings.length;
  }

  #take({ job, replaces }: Firing, { fires, now }: { fires: readonly Fire[]; now: number }): void {
    const queued = fires.filter(({ status }) => status === "queued");
    if (replaces && queued.length > 0) this.#live.stopJob(job.id);
    for (const fire of queued) this.#queue.add({ fire, overlap: job.overlap }, now);
    for (const { status, count } of fires) if (status === "skipped") this.#deps.observer.ended(status, count);
  }

  /** A job that cannot be read must not keep the others from being executed. */
  #firingOf(job: Job, now: number): Firing {
    const { nextId, onFault } = this.#deps;
    try {
      return fireDue({
        job,
        calendar: toCalendar(job.schedule, this.#zoneOf),
        now,
        isBusy: this.#queue.isBusy(job.id),
        random: Math.random,
        newFireId: () => `fire_${nextId()}`,
        newRunId: () => `run_${nextId()}`,
      });
    } catch (error) {
      onFault(error);
      const reason = `Its schedule cannot be used: ${error instanceof Error ? error.message : String(error)}`;
      return { job: paused(job, { now, reason }), fires: [], replaces: false };
    }
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
    const { clock } = this.#deps;
    if (this.#isStopped || clock.elapsed() < this.#startAgainAt) return;
    const now = clock.now();
    for (let fire = this.#queue.take(now); fire !== undefined; fire = this.#queue.take(now))
      void this.#run(fire);
  }

  async #run(fire: Fire): Promise<void> {
    try {
      await this.#live.during(fire, (signal) => this.#do(fire, signal));
    } catch (error) {
      this.#deps.onFault(error);
    }
    this.#queue.end(fire);
    // Other requests get a turn, even when thousands of fires end at once.
    await new Promise(setImmediate);
    this.#advance();
  }

  async #do(waiting: Fire, signal: AbortSignal): Promise<void> {
    const { store, clock, execute, observer } = this.#deps;
    let known: Progress = {};
    let job: Job | undefined;
    try {
      job = await store.findJob(waiting.jobId, waiting.owner);
      if (job === undefined) return;
      const fire: Fire = { ...waiting, status: "running", startedAt: waiting.startedAt ?? clock.now() };
      await store.updateFire(fire);
      if (waiting.startedAt === undefined) observer.started(clock.now() - waiting.dueAt);
      const keep = async (progress: Progress) => {
        await store.updateFire({ ...fire, ...known, ...progress });
        known = { ...known, ...progress };
      };
      const result = await execute({ job, fire, keep, signal }).catch((error: unknown) =>
        this.#failed(error),
      );
      if (result !== undefined) await this.#settle({ ...fire, ...known }, result);
    } catch (error) {
      if (!isPassing(error)) throw error;
      // A full disk or a shutdown may pass; what was done stays done.
      if (error instanceof StorageError) this.#deps.onFault(error);
      this.#putBack({ ...waiting, ...known }, job?.overlap ?? "allow");
    }
  }

  /** An error that does not pass is an internal one, and ends the fire. */
  #failed(error: unknown): Result {
    if (isPassing(error)) throw error;
    this.#deps.onFault(error);
    return {
      status: "failed",
      reason: "The server had an internal error; its log has the details.",
      mayRepeat: false,
    };
  }

  #putBack(fire: Fire, overlap: Overlap): void {
    this.#startAgainAt = this.#deps.clock.elapsed() + RETRY_START_MS;
    this.#queue.add({ fire, overlap }, this.#deps.clock.now());
  }

  async #settle(fire: Fire, result: Result): Promise<void> {
    const { store, clock, nextId, observer } = this.#deps;
    const ids = { fire: `fire_${nextId()}`, run: `run_${nextId()}` as const };
    const ended = settled({ fire, result, now: clock.now(), ids });
    let outcome: Outcome | undefined;
    const job = await editJob(store, { id: fire.jobId, owner: fire.owner }, (current) => {
      outcome = ended(current);
      const { retry } = outcome;
      return { job: outcome.job, updates: [outcome.fire], fires: retry === undefined ? [] : [retry] };
    });
    if (job === undefined || outcome === undefined) return;
    observer.ended(outcome.fire.status, 1);
    if (outcome.retry !== undefined)
      this.#queue.add({ fire: outcome.retry, overlap: job.overlap }, clock.now());
    this.#deps.onSettled(outcome.fire);
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
