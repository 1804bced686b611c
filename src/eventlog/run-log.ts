import { ApiError, type Failure, storageFailed } from "../domain/error.ts";
import { type AgentEvent, type EventBody, isLast, isTerminal, statusAfter } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Run, RunStatus } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { KeyClaim, Plan, RunWrite } from "../storage/store.ts";
import { WriteWaiters } from "./write-waiters.ts";

/** Gets a run's events in order; must not throw. */
export type Listener = (event: AgentEvent) => void;

/** What a run's log may keep back and for how long it is kept itself. */
export interface LogTerms {
  /** Every finished item must be stored before anybody hears of it: the run outlives its request. */
  durable: boolean;
  /** False: the run lives in memory only, and is gone after its end. */
  stored: boolean;
  /** Epoch ms after which the run may be swept. */
  expiresAt: number | undefined;
  /** What a former process stored of the run. */
  resumed?: { storedSeq: number; reservedSeq: number; status: RunStatus };
  /** The idempotency key that stands for the run from its first write on. */
  key?: KeyClaim | undefined;
}

/** What a log needs from the event log that it belongs to. */
export interface LogHost {
  now(): number;
  /** Asks for a commit: `now` at the end of this tick, `soon` with whatever else comes within a moment. */
  schedule(log: RunLog, when: "now" | "soon"): void;
  /** An event was published, to its own listeners too. */
  published(run: Run, event: AgentEvent): void;
  /** The log has published its last event. */
  closed(log: RunLog): void;
  fault(error: unknown): void;
}

/** Numbers given out ahead, so that after a crash none is used twice. */
const SEQ_BLOCK = 1_000;

/**
 * The log of one live run: numbers each event, keeps it until it is stored, and publishes it, at once or, where the
 * contract asks for it, not before it is stored.
 */
export class RunLog {
  #run: Run;
  readonly #host: LogHost;
  readonly #terms: LogTerms;
  #listeners: Listener[] = [];
  #seq = 0;
  /** In order of `seq`: numbered, not yet given to the store. */
  #pending: AgentEvent[] = [];
  /** Given to the store, which has not answered. */
  #writing: AgentEvent[] = [];
  /** Kept back: an event that must be stored first, and all after it. */
  #held: AgentEvent[] = [];
  #storedSeq = 0;
  /** Numbers up to here may be published; no limit as long as there is no row that a crash could leave. */
  #reservedSeq = Number.POSITIVE_INFINITY;
  #created = false;
  #status: RunStatus = "queued";
  /** To be stored with the next write. */
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
    // Above everything that the former process may have published.
    this.#seq = resumed.reservedSeq;
    this.#reservedSeq = resumed.reservedSeq;
  }

  /** The run's identity and terms. */
  get run(): Run {
    return this.#run;
  }

  /** Called when the log can no longer be stored, so that the run stops. */
  onBroken(stop: (failure: Failure) => void): void {
    this.#stopRun = stop;
  }

  /** Before the first event: the run's history ends with this one. */
  continueFrom(previous: RunId): void {
    this.#run = { ...this.#run, parent: { runId: previous } };
  }

  /** Before the first event: the run belongs to no session after all, and is kept like one that never did. */
  leaveSession(expiresAt: number): void {
    const { sessionId: _session, parent: _parent, ...alone } = this.#run;
    this.#run = alone;
    this.#terms.expiresAt = expiresAt;
  }

  /** Appends an event. Nothing may follow a terminal one. */
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

  /** How far the run is. */
  get status(): RunStatus {
    return this.#status;
  }

  /** Whether its end was emitted. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /**
   * Stores what a later process needs to go on with the run, and its row if there is none.
   * @throws ApiError when it cannot be stored.
   */
  plan(plan: Plan): Promise<void> {
    this.#plan = plan;
    return this.settled();
  }

  /** Resolves when everything emitted so far is stored; at once for a run that never is. @throws ApiError when it cannot be. */
  settled(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(new ApiError(this.#failure, { isTold: true }));
    if (!this.#terms.stored) return Promise.resolve();
    if (this.#plan === undefined && this.#pending.length === 0) return this.#writes.wait("current");
    this.#host.schedule(this, "now");
    return this.#writes.wait("next");
  }

  /** Forgets a run of which nothing was told. */
  discard(): void {
    this.#host.closed(this);
    this.#end();
  }

  /** Ends what this process does with the run: what was emitted is stored, and the next process goes on. */
  async suspend(): Promise<void> {
    // What cannot be stored the next process does again.
    await this.settled().catch(() => {});
    const { id: runId } = this.run;
    this.#unstoredEnd = { runId, seq: ++this.#seq, at: this.#host.now(), type: "run.suspended" };
    this.#publish(this.#unstoredEnd);
  }

  /** Hears every event published from now on. Returns how to stop that. */
  listen(listener: Listener): () => void {
    this.#listeners = [...this.#listeners, listener];
    return () => {
      this.#listeners = this.#listeners.filter((other) => other !== listener);
    };
  }

  /** The number given out last. */
  get lastSeq(): number {
    return this.#seq;
  }

  /** The last event that the store has. */
  get storedSeq(): number {
    return this.#storedSeq;
  }

  /** Whether the store knows the run; else all of its events are here. */
  get isStored(): boolean {
    return this.#terms.stored;
  }

  /** Whether what it did must be known after a crash. */
  get isDurable(): boolean {
    return this.#terms.durable;
  }

  /** How the run ended, when that could not be stored: for readers that come to the end of what is. */
  get unstoredEnd(): AgentEvent | undefined {
    return this.#unstoredEnd;
  }

  /** Published events after a cursor that the store does not have yet. */
  unstored(afterSeq: number): AgentEvent[] {
    const firstHeld = this.#held[0]?.seq ?? Number.POSITIVE_INFINITY;
    return [...this.#writing, ...this.#pending].filter(({ seq }) => seq > afterSeq && seq < firstHeld);
  }

  /** What is to be stored now; the answer is told by `stored` or `failed`. */
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
    // The first commit leaves a row, perhaps before we hear of it: from here on its numbers are all there are.
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

  /** A write is durable. */
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

  /** A write failed: the run cannot end well any more, and must not look as if it did. */
  failed(failure: Failure): void {
    const held = this.#held;
    this.#held = [];
    this.#writing = [];
    this.#pending = [];
    this.#failure = failure;
    this.#writes.fail(new ApiError(this.#failure, { isTold: true }));
    for (const event of held) this.#publish(isTerminal(event) ? this.#failed(event) : event);
    // What the run says when it is stopped comes after what was held.
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
