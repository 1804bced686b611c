import { toFailure } from "../agent/failure.ts";
import { RunStop } from "../agent/stop.ts";
import { summaryInput } from "../context/summary.ts";
import { draining, serverShutdown } from "../domain/error.ts";
import type { AgentEvent } from "../domain/event.ts";
import { fold } from "../domain/fold.ts";
import { type RunId, runIdOfPart } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import { isOpenTo, type Run, type RunInput } from "../domain/run.ts";
import { closeRun } from "../eventlog/close-run.ts";
import { allEvents } from "../eventlog/read-all.ts";
import type { ApprovalStore } from "../storage/approval-store.ts";
import type { RunQuery, StoredRun } from "../storage/store.ts";
import type { ActiveRun, LiveStatus } from "./active-run.ts";
import { countInput } from "./count-input.ts";
import type { RunDeps } from "./deps.ts";
import { KeyedRuns } from "./idempotency.ts";
import type { PendingInteractions } from "./interactions.ts";
import type { LiveRun, WatchedRun } from "./live-run.ts";
import { checkPrevious, prepareRun } from "./prepare.ts";
import { type Leftover, resumeRun, settleUnfinished } from "./recover.ts";
import { Slots, toWaiting } from "./slots.ts";

/** What runs need, and their limits. */
export interface RunsDeps extends RunDeps {
  /** How many may run at once; 0 for no limit. */
  maxConcurrent: number;
  /** How many background runs may wait. */
  maxQueued: number;
}

/** How long stopped runs may take to end, ms. */
const ABANDON_MS = 300;

/** Starts runs and keeps track of those going on. */
export class Runs {
  readonly #deps: RunsDeps;
  readonly #live = new Map<RunId, ActiveRun>();
  readonly #slots: Slots;
  readonly #keyed: KeyedRuns;
  /** Runs that are admitted or being admitted. */
  #count = 0;
  #draining = false;
  /** Set when running work was stopped: requests that are still being prepared are stopped at once. */
  #stopped = false;
  #onIdle: () => void = () => {};

  constructor(deps: RunsDeps) {
    this.#deps = deps;
    this.#slots = new Slots(deps.maxConcurrent, deps.maxQueued);
    this.#keyed = new KeyedRuns(deps);
  }

  /** How many runs are going on or wait for their session. */
  get active(): number {
    return this.#count;
  }

  get isDraining(): boolean {
    return this.#draining;
  }

  /**
   * Admits a run, or returns the run that the request's idempotency key stands for. Everything that can be wrong with
   * the request itself is found here; later failures are events of the run.
   * @throws ApiError 503 while shutting down, 429 above the limits, 507 or 503 for a background run that cannot be
   * stored, 409 for a key of another request, otherwise as `prepareRun`.
   */
  admit(input: RunInput): Promise<LiveRun> {
    const { idempotency: key } = input;
    return key === undefined
      ? this.#admitNew(input)
      : this.#keyed.admit(input, key, () => this.#admitNew(input));
  }

  /**
   * Admits a run that summarizes what `input` would have continued, as text for a later run. @throws ApiError as
   * `admit`.
   */
  summarize(input: RunInput): Promise<LiveRun> {
    return this.admit(summaryInput(input));
  }

  async #admitNew(input: RunInput): Promise<ActiveRun> {
    if (this.#draining) throw draining();
    const isBackground = input.background === true;
    const slot = isBackground ? this.#slots.queue(toWaiting(input)) : this.#slots.take();
    this.#count++;
    try {
      const active = await prepareRun(this.#deps, input, { slot, onEnd: this.#onEnd });
      if (isBackground) await active.accept(1);
      this.#add(active);
      return active;
    } catch (error) {
      slot.release();
      this.#left();
      throw error;
    }
  }

  /**
   * Resumes the background runs of a former process and ends all others as failed.
   * @throws StorageError when the store cannot be used.
   */
  async recover(): Promise<{ ended: number; resumed: number }> {
    const { store, clock } = this.#deps;
    const { ended, resumed } = await settleUnfinished(store, clock);
    // All at once, so that one commit is enough; they begin in their order.
    const active = await Promise.all(resumed.map((left) => this.#resume(left)));
    for (const run of active) void run?.begin();
    return { ended, resumed: resumed.length };
  }

  async #resume(left: Leftover): Promise<ActiveRun | undefined> {
    const { store, clock } = this.#deps;
    const had = left.status === "running";
    const slot = had ? this.#slots.take(true) : this.#slots.queue(toWaiting(left.plan.input), true);
    this.#count++;
    try {
      const active = await resumeRun(this.#deps, left, { slot, onEnd: this.#onEnd });
      await active.accept(left.plan.attempts + 1);
      this.#add(active);
      return active;
    } catch (error) {
      slot.release();
      this.#left();
      await store.append([await closeRun(left, { store, clock, error: toFailure(error) })]);
    }
    return undefined;
  }

  #add(active: ActiveRun): void {
    this.#live.set(active.run.id, active);
    if (this.#draining && active.run.background === true) active.pause();
    else if (this.#stopped) active.stop(RunStop.fail(serverShutdown()));
  }

  /** Returns a run with all its events so far; undefined when this owner has no run with that id. */
  async read(id: RunId, owner: string): Promise<{ run: Run; events: AgentEvent[] } | undefined> {
    const run = await this.#find(id, owner);
    return run && { run, events: await this.#events(id) };
  }

  /** Returns a run's status, live or as it is stored. */
  async status(id: RunId, owner: string): Promise<LiveStatus | undefined> {
    const live = this.#live.get(id);
    if (live !== undefined) return isOpenTo(live.run, owner) ? live.status : undefined;
    return (await this.#deps.store.findRun(id, owner))?.status;
  }

  /**
   * Returns a run to follow after an event, whether it is going on or has ended; undefined when this owner has no run
   * with that id.
   */
  async watch(id: RunId, owner: string, afterSeq = 0): Promise<WatchedRun | undefined> {
    const run = await this.#find(id, owner);
    return run && { run, follow: (reader) => this.#deps.log.follow(id, { afterSeq, reader }) };
  }

  /** Returns the last event number of a live run; undefined when the run is not live in this process. */
  lastSeq(id: RunId): number | undefined {
    return this.#deps.log.live(id)?.lastSeq;
  }

  /** Returns a run's events up to a number, without deltas: what a reader with that cursor must know. */
  async factsUpTo(id: RunId, seq: number): Promise<AgentEvent[]> {
    const { store, log } = this.#deps;
    const stored = await store.readFacts(id);
    const unstored = log.live(id)?.unstored(stored.at(-1)?.seq ?? 0) ?? [];
    return [...stored, ...unstored].filter((event) => event.seq <= seq);
  }

  /** Resolves when a run has ended or is no longer live in this process. */
  async whenOver(id: RunId, owner: string): Promise<void> {
    const live = this.#live.get(id);
    if (live?.run.owner === owner) await live.ended;
  }

  /** Returns the runs of a session that are going on or wait for it; the one whose turn it is comes first. */
  ofSession(sessionId: string, owner: string): Run[] {
    const runs = [...this.#live.values()].map(({ run }) => run);
    return runs.filter((run) => run.sessionId === sessionId && isOpenTo(run, owner));
  }

  /** Returns one page of an owner's runs of a surface, by age. */
  list(query: RunQuery): Promise<StoredRun[]> {
    return this.#deps.store.listRuns(query);
  }

  /** Tells a run to stop; does nothing when it is not live in this process. */
  stop(id: RunId, owner: string): void {
    const live = this.#live.get(id);
    if (live !== undefined && isOpenTo(live.run, owner)) live.stop(RunStop.cancel("stopped"));
  }

  /**
   * Adds a person's text to a run; false when it is not live in this process. @throws ApiError when it cannot be
   * stored.
   */
  async steer(id: RunId, owner: string, text: string): Promise<boolean> {
    const live = this.#live.get(id);
    return live !== undefined && isOpenTo(live.run, owner) && live.steer(text);
  }

  /** Returns what a live run asks people; undefined for an unattended run or one that is not live in this process. */
  questions(id: RunId, owner: string): PendingInteractions | undefined {
    const live = this.#live.get(id);
    return live !== undefined && isOpenTo(live.run, owner) ? live.questions : undefined;
  }

  /** The approval requests and permissions of all runs. */
  get approvals(): ApprovalStore {
    return this.#deps.store.approvals;
  }

  /** Stops a run and resolves when it has ended; false when it is not live in this process. */
  async cancel(id: RunId, owner: string): Promise<boolean> {
    const live = this.#live.get(id);
    if (live === undefined || !isOpenTo(live.run, owner)) return false;
    live.stop(RunStop.cancel("cancelled"));
    await live.ended;
    return true;
  }

  /** Returns a run that clients may read; a run that only holds items is not one. */
  async #find(id: RunId, owner: string): Promise<Run | undefined> {
    const run = await this.#owned(id, owner);
    return run?.kind === "items" ? undefined : run;
  }

  /** Returns a run by id and owner; a live run may not be stored yet. */
  async #owned(id: RunId, owner: string): Promise<Run | undefined> {
    const live = this.#deps.log.live(id);
    if (live?.isStored === true) return isOpenTo(live.run, owner) ? live.run : undefined;
    return (await this.#deps.store.findRun(id, owner))?.run;
  }

  #events(id: RunId): Promise<AgentEvent[]> {
    const { store, log } = this.#deps;
    return allEvents(store, id, log.live(id));
  }

  /** Returns the transcript up to the end of a run. @throws ApiError 400 as for a run that a request continues. */
  async transcript(id: RunId, owner: string): Promise<Item[]> {
    await checkPrevious(this.#deps, id, owner);
    return this.#deps.store.readTranscript(id);
  }

  /** Estimates the tokens of a run's first model call. @throws ApiError as `admit`, but no run begins. */
  countInput(input: RunInput): Promise<number> {
    return countInput(this.#deps, input);
  }

  /** Returns stored items of this owner by their ids. */
  async findItems(ids: readonly string[], owner: string): Promise<Map<string, ItemBody>> {
    const items = new Map<string, ItemBody>();
    for (const runId of new Set(ids.map(runIdOfPart))) {
      const found = runId === undefined ? undefined : await this.#owned(runId, owner);
      if (found === undefined) continue;
      const { input, items: output } = fold(await this.#events(found.id));
      for (const { id, status: _status, place: _place, ...body } of [...input, ...output])
        items.set(id, body as ItemBody);
    }
    return items;
  }

  /**
   * Deletes a run, and stops it if it is going on. Sessions and runs that continue it keep what they need. Returns
   * false if there is no such run or it may not be deleted by itself.
   */
  async remove(id: RunId, owner: string, mayRemove: (run: Run) => boolean): Promise<boolean> {
    const found = await this.#find(id, owner);
    if (found === undefined || !mayRemove(found)) return false;
    // It must end first: what it stores after the deletion would belong to nobody.
    await this.cancel(id, owner);
    return this.#deps.store.disownRun(id, owner, this.#deps.clock.now());
  }

  /**
   * Refuses new runs, lets the others finish for `timeoutMs`, then ends them with an error, and stores everything.
   * Background runs are left to the next process, after their step if that ends in time.
   */
  async drain(timeoutMs: number): Promise<void> {
    this.#draining = true;
    for (const run of this.#live.values()) if (run.run.background === true) run.pause();
    const timer = setTimeout(() => this.#stopAll(), timeoutMs);
    let abandon: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      // A run that does not end must not keep the process alive.
      abandon = setTimeout(resolve, timeoutMs + ABANDON_MS);
      if (this.#count === 0) resolve();
    });
    clearTimeout(timer);
    clearTimeout(abandon);
    await this.#deps.log.flush();
  }

  #stopAll(): void {
    this.#stopped = true;
    for (const run of this.#live.values()) {
      run.stop(run.run.background === true ? RunStop.suspend() : RunStop.fail(serverShutdown()));
    }
  }

  readonly #onEnd = (active: ActiveRun): void => {
    this.#live.delete(active.run.id);
    this.#left();
  };

  #left(): void {
    this.#count--;
    if (this.#count === 0) this.#onIdle();
  }
}
