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

/** What the scheduler works with. */
export interface SchedulerDeps {
  store: JobStore;
  clock: Clock;
  /** Fires that may go on at once. */
  maxRunning: number;
  /**
   * Does a fire. Undefined: the process stops first.
   * @throws ApiError when it cannot begin now.
   */
  execute(begun: Begun): Promise<Result | undefined>;
  /** Told when a fire must go no further, besides its signal. */
  stopRun(fire: Fire): void;
  /** Told that a fire is over: what is to be delivered of it is stored. */
  onSettled(fire: Fire): void;
  observer: JobsObserver;
  nextId(): string;
  onFault(error: unknown): void;
}

/** Jobs that are looked at together, in one commit: some two milliseconds. */
const DUE_AT_ONCE = 25;
const CLAIM_MS = 5;
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

  /** Takes up what a former process left, and begins. @throws StorageError when the store cannot be read. */
  async start(): Promise<void> {
    for (const fire of await this.#deps.store.openFires()) await this.#takeUp(fire);
    this.#lastTickAt = this.#deps.clock.elapsed();
    // Not by the wall clock, which may be set.
    this.#ticks = setInterval(() => void this.tick(), TICK_MS);
    await this.tick();
  }

  /** Whether it has looked at the clock lately. */
  get isAlive(): boolean {
    return this.#deps.clock.elapsed() - this.#lastTickAt < MISSED_TICKS * TICK_MS;
  }

  /** How many fires go on, and how many wait to. */
  get load(): { running: number; waiting: number } {
    return { running: this.#live.size, waiting: this.#queue.size };
  }

  /** Begins nothing more; what goes on is left to its runs. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    clearInterval(this.#ticks);
    await this.#rounds.over();
  }

  /** The fires that go on. */
  get live(): LiveFires {
    return this.#live;
  }

  /** Looks what is due; whoever changed a job calls it. Never rejects. */
  tick(): Promise<void> {
    return this.#rounds.run();
  }

  /** A fire that was made by hand. */
  add(job: Job, fire: Fire): void {
    this.#queue.add({ fire, overlap: job.overlap }, this.#deps.clock.now());
    this.#advance();
  }

  /** Ends what waits and goes on of a job that is deleted. */
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
        // Requests come in between.
        await new Promise(setImmediate);
      }
      await this.#arm();
    } catch (error) {
      onFault(error);
    }
  }

  /**
   * Writes down what is due of as many jobs as there is time for, and lets it wait for its start; how many those were. Who
   * was changed meanwhile is due again, as it is now.
   */
  async #claim(due: readonly Job[], now: number): Promise<number> {
    const { clock, store } = this.#deps;
    const began = clock.elapsed();
    const firings: Firing[] = [];
    for (const job of due) {
      firings.push(this.#firingOf(job, now));
      // One that missed a thousand times takes as long as all others.
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

  /** One job that cannot be read must not keep the others from being done. */
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
    // Requests come in between, even where thousands end at once.
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
      // What is full or shuts down now may not be so later; what was done stays done.
      if (error instanceof StorageError) this.#deps.onFault(error);
      this.#putBack({ ...waiting, ...known }, job?.overlap ?? "allow");
    }
  }

  /** An exception that will not pass is a fault of ours, and the fire's end. */
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
