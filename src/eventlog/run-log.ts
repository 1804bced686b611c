import { ApiError, type Failure, storageFailed } from "../domain/error.ts";
import { type AgentEvent, type EventBody, isLast, isTerminal, statusAfter } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Run, RunStatus } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { KeyClaim, Plan, RunWrite } from "../storage/store.ts";
import { WriteWaiters } from "./write-waiters.ts";

/** Receives a run's events in order; must not throw. */
type Listener = (event: AgentEvent) => void;

/** When a run's events must be stored, and how long the run is kept. */
export interface LogTerms {
  /** Finished items are stored before they are published, because the run outlives its request. */
  durable: boolean;
  /** False: the run stays in memory and is gone after its end. */
  stored: boolean;
  /** Epoch ms after which the run may be removed. */
  expiresAt: number | undefined;
  /** What a former process stored of the run. */
  resumed?: { storedSeq: number; reservedSeq: number; status: RunStatus };
  /** The idempotency key to store with the run's first write. */
  key?: KeyClaim | undefined;
}

/** What a log needs from the event log it belongs to. */
export interface LogHost {
  now(): number;
  /** Requests a commit: `now` at the end of this tick, `soon` together with later events. */
  schedule(log: RunLog, when: "now" | "soon"): void;
  /** Called when an event was published. */
  published(run: Run, event: AgentEvent): void;
  /** Called when the log has published its last event. */
  closed(log: RunLog): void;
  fault(error: unknown): void;
}

/** Numbers reserved at a time, so that none is used twice after a crash. */
const SEQ_BLOCK = 1_000;

/**
 * The log of one live run. It numbers each event, keeps it until it is stored, and publishes it: at once, or after it
 * is stored where the contract requires that.
 */
export class RunLog {
  #run: Run;
  readonly #host: LogHost;
  readonly #terms: LogTerms;
  #listeners: Listener[] = [];
  #seq = 0;
  /** Numbered events that were not given to the store yet, in order of `seq`. */
  #pending: AgentEvent[] = [];
  /** Events that are being stored. */
  #writing: AgentEvent[] = [];
  /** Unpublished events: one that must be stored first, and all after it. */
  #held: AgentEvent[] = [];
  #storedSeq = 0;
  /** The largest number that may be published; without limit as long as no row exists that a crash could leave. */
  #reservedSeq = Number.POSITIVE_INFINITY;
  #created = false;
  #status: RunStatus = "queued";
  /** Stored with the next write. */
  #plan: Plan | undefined;
  readonly #writes = new WriteWaiters();
  #isOver = false;
  /** Set when the log can no longer be stored. */
  #failure: Failure | undefined;
  #unstoredEnd: AgentEvent | undefined;
  #stopRun: (failure: Failure) => void = () => {};
  #end: () => void = () => {};
  /** Resolves when the terminal event is published. */
  readonly ended = new Promise<void>((resolve) => {
    this.#end = resolve;
  });

  constructor(run: Run, terms: LogTerms, host: LogHost) {
    this.#run = run;
    this.#terms = terms;
    this.#host = host;
    const { resumed } = terms;
    if (resumed === undefined) return;
    this.#created = true;
    this.#status = resumed.status;
    this.#storedSeq = resumed.storedSeq;
    // Larger than every number that the former process may have published.
    this.#seq = resumed.reservedSeq;
    this.#reservedSeq = resumed.reservedSeq;
  }

  /** The run's identity and terms. */
  get run(): Run {
    return this.#run;
  }

  /** Sets what to call when the log can no longer be stored, so that the run stops. */
  onBroken(stop: (failure: Failure) => void): void {
    this.#stopRun = stop;
  }

  /** Makes this run continue another one; call it before the first event. */
  continueFrom(previous: RunId): void {
    this.#run = { ...this.#run, parent: { runId: previous } };
  }

  /** Takes the run out of its session; call it before the first event. */
  leaveSession(expiresAt: number): void {
    const { sessionId: _session, parent: _parent, ...alone } = this.#run;
    this.#run = alone;
    this.#terms.expiresAt = expiresAt;
  }

  /** Appends an event. No event may follow a terminal one. */
  readonly emit = (body: EventBody): void => {
    const event = body as AgentEvent;
    event.runId = this.#run.id;
    event.seq = ++this.#seq;
    event.at = this.#host.now();
    if (event.type === "run.started") this.#status = "running";
    else if (isTerminal(event)) this.#isOver = true;
    if (this.#failure !== undefined) {
      this.#publish(isTerminal(event) ? this.#failed(event) : event);
      return;
    }
    this.#pending.push(event);
    if (!this.#terms.stored) {
      this.#publish(event);
      return;
    }
    const gated = this.#mustBeStored(event);
    this.#host.schedule(this, gated ? "now" : "soon");
    if (gated || this.#held.length > 0) this.#held.push(event);
    else this.#publish(event);
  };

  /** The run's status. */
  get status(): RunStatus {
    return this.#status;
  }

  /** Whether the terminal event was emitted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Stores what a later process needs to resume the run, and its row if there is none.
   * @throws ApiError when it cannot be stored.
   */
  plan(plan: Plan): Promise<void> {
    this.#plan = plan;
    return this.settled();
  }

  /**
   * Resolves when everything emitted so far is stored; at once for a run that is never stored. @throws ApiError when
   * it cannot be stored.
   */
  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(new ApiError(this.#failure, { isTold: true }));
    if (!this.#terms.stored) return Promise.resolve();
    if (this.#plan === undefined && this.#pending.length === 0) return this.#writes.wait("current");
    this.#host.schedule(this, "now");
    return this.#writes.wait("next");
  }

  /** Drops a run of which nothing was published. */
  discard(): void {
    this.#host.closed(this);
    this.#end();
  }

  /** Ends this process's work on the run: stores what was emitted, and leaves the rest to the next process. */
  async suspend(): Promise<void> {
    // The next process repeats what could not be stored.
    await this.settled().catch(() => {});
    const { id: runId } = this.run;
    this.#unstoredEnd = { runId, seq: ++this.#seq, at: this.#host.now(), type: "run.suspended" };
    this.#publish(this.#unstoredEnd);
  }

  /** Adds a listener for the events published from now on; returns a function that removes it. */
  listen(listener: Listener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** The last number that was used. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** The number of the last stored event. */
  get storedSeq(): number {
    return this.#storedSeq;
  }

  /** Whether the store knows the run; otherwise all its events are in memory. */
  get isStored(): boolean {
    return this.#terms.stored;
  }

  /** Whether the run's effects must be known after a crash. */
  get isDurable(): boolean {
    return this.#terms.durable;
  }

  /** The terminal event, if it could not be stored; for readers that have read everything stored. */
  get unstoredEnd(): AgentEvent | undefined {
    return this.#unstoredEnd;
  }

  /** Returns published events after a cursor that are not stored yet. */
  unstored(afterSeq: number): AgentEvent[] {
    const firstHeld = this.#held[0]?.seq ?? Number.POSITIVE_INFINITY;
    return [...this.#writing, ...this.#pending].filter(({ seq }) => seq > afterSeq && seq < firstHeld);
  }

  /** Returns what is to be stored now; the caller reports the outcome by `stored` or `failed`. */
  take(): RunWrite | undefined {
    const plan = this.#plan;
    if ((this.#pending.length === 0 && plan === undefined) || !this.#terms.stored) return undefined;
    const events = this.#pending;
    this.#pending = [];
    this.#plan = undefined;
    this.#writing = events;
    this.#writes.begin();
    const last = events.at(-1);
    const lastSeq = last?.seq ?? this.#seq;
    // The first commit may create the row before this process knows: from here on, only these numbers are reserved.
    if (!this.#created) this.#reservedSeq = lastSeq + SEQ_BLOCK;
    const write: RunWrite = {
      run: this.run,
      created: !this.#created,
      status: this.#status,
      events,
      reservedSeq: lastSeq + SEQ_BLOCK,
    };
    if (plan !== undefined) write.plan = plan;
    const { expiresAt, key } = this.#terms;
    if (expiresAt !== undefined) write.expiresAt = expiresAt;
    if (key !== undefined && !this.#created) write.key = key;
    if (last === undefined || !isTerminal(last)) return write;
    return { ...write, status: statusAfter(last), endedAt: last.at, usage: last.usage };
  }

  /** Called when a write is durable. */
  stored(write: RunWrite): void {
    this.#created = true;
    this.#writing = [];
    this.#storedSeq = write.events.at(-1)?.seq ?? this.#storedSeq;
    this.#reservedSeq = write.reservedSeq;
    const ready = this.#held.findIndex((event) => event.seq > this.#storedSeq && this.#mustBeStored(event));
    const released = ready === -1 ? this.#held : this.#held.slice(0, ready);
    this.#held = ready === -1 ? [] : this.#held.slice(ready);
    for (const event of released) this.#publish(event);
    this.#writes.done();
  }

  /** Called when a write failed: the run can no longer end well and must not look as if it did. */
  failed(failure: Failure): void {
    const held = this.#held;
    this.#held = [];
    this.#writing = [];
    this.#pending = [];
    this.#failure = failure;
    this.#writes.fail(new ApiError(this.#failure, { isTold: true }));
    for (const event of held) this.#publish(isTerminal(event) ? this.#failed(event) : event);
    // The events of the stop follow those that were held back.
    this.#stopRun(this.#failure);
  }

  #failed(event: AgentEvent): AgentEvent {
    const { runId, seq, at } = event;
    const { usage, steps } = isTerminal(event) ? event : { usage: NO_USAGE, steps: 0 };
    const error = this.#failure ?? storageFailed(false);
    this.#unstoredEnd = { runId, seq, at, type: "run.failed", error, usage, steps };
    return this.#unstoredEnd;
  }

  #mustBeStored(event: AgentEvent): boolean {
    if (event.seq > this.#reservedSeq) return true;
    switch (event.type) {
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
      case "approval.requested":
      case "approval.resolved":
      case "input.requested":
      case "input.resolved":
        return true;
      case "run.created":
      case "item.done":
        return this.#terms.durable;
      case "item.added":
        return this.#terms.durable && event.item.type === "function_call_output";
      default:
        return false;
    }
  }

  #publish(event: AgentEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#host.fault(error);
      }
    }
    this.#host.published(this.#run, event);
    if (!isLast(event)) return;
    this.#host.closed(this);
    this.#end();
  }
}
