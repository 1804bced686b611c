import { storageFailed } from "../domain/error.ts";
import type { AgentEvent } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Run } from "../domain/run.ts";
import { TickBatch } from "../lib/batch.ts";
import type { Clock } from "../lib/clock.ts";
import { type RunWrite, StorageError, type Store } from "../storage/store.ts";
import { follow, type Reader } from "./follow.ts";
import { Observers, type RunObserver } from "./observers.ts";
import { type LogHost, type LogTerms, RunLog } from "./run-log.ts";
import { UnstoredEnds } from "./unstored-ends.ts";

/** What the event log needs. */
interface EventLogOptions {
  store: Store;
  clock: Clock;
  /** Receives errors of work that no caller waits for. */
  onFault(error: unknown): void;
}

/** How long events that need not be stored at once may wait for others, ms. */
const SOON_MS = 250;

/** The logs of all live runs. What they emit in one tick is stored in one commit. */
export class EventLog implements LogHost {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #onFault: (error: unknown) => void;
  readonly #live = new Map<string, RunLog>();
  readonly #urgent = new TickBatch<RunLog>((logs) => this.#commit(logs));
  readonly #soon = new Set<RunLog>();
  #soonScheduled = false;
  readonly #dirty = new Set<RunLog>();
  #committing: Promise<void> | undefined;
  readonly #unstoredEnds: UnstoredEnds;
  readonly #observers: Observers;

  constructor({ store, clock, onFault }: EventLogOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#onFault = onFault;
    this.#observers = new Observers(onFault);
    this.#unstoredEnds = new UnstoredEnds({ store, clock, isLive: (id) => this.#live.has(id) });
  }

  /** Opens the log of a new or resumed run. */
  open(run: Run, terms: LogTerms): RunLog {
    const log = new RunLog(run, terms, this);
    this.#live.set(run.id, log);
    return log;
  }

  /** Returns the log of a run that has not ended. */
  live(id: RunId): RunLog | undefined {
    return this.#live.get(id);
  }

  /** Sends a run's events to a reader, starting after a cursor; see `follow`. */
  follow(id: RunId, cursor: { afterSeq: number; reader: Reader }): Promise<void> {
    return follow({ store: this.#store, live: (run) => this.live(run) }, id, cursor);
  }

  /** Adds an observer of all runs; returns a function that removes it. */
  subscribe(observer: RunObserver): () => void {
    return this.#observers.add(observer);
  }

  /** Stores everything emitted so far and waits for the observers; for shutdown. */
  async flush(): Promise<void> {
    do {
      this.#commit([...this.#live.values()]);
      await this.#committing;
      // A commit that has just ended did not include later events.
    } while (this.#dirty.size > 0);
    await this.#unstoredEnds.close();
    await this.#observers.flush();
  }

  now(): number {
    return this.#clock.now();
  }

  schedule(log: RunLog, when: "now" | "soon"): void {
    if (when === "now") {
      this.#urgent.add(log);
      return;
    }
    this.#soon.add(log);
    if (this.#soonScheduled) return;
    this.#soonScheduled = true;
    setTimeout(this.#commitSoon, SOON_MS);
  }

  readonly #commitSoon = (): void => {
    this.#soonScheduled = false;
    const logs = [...this.#soon];
    this.#soon.clear();
    this.#commit(logs);
  };

  published(run: Run, event: AgentEvent): void {
    this.#observers.published(run, event);
  }

  closed(log: RunLog): void {
    this.#live.delete(log.run.id);
    this.#soon.delete(log);
  }

  fault(error: unknown): void {
    this.#onFault(error);
  }

  #commit(logs: readonly RunLog[]): void {
    for (const log of logs) this.#dirty.add(log);
    this.#committing ??= this.#drain().finally(() => {
      this.#committing = undefined;
    });
  }

  /** Commits one after the other; what is emitted meanwhile goes into the next one. */
  async #drain(): Promise<void> {
    while (this.#dirty.size > 0) {
      const batch: [RunLog, RunWrite][] = [];
      for (const log of this.#dirty) {
        const write = log.take();
        if (write !== undefined) batch.push([log, write]);
      }
      this.#dirty.clear();
      if (batch.length > 0) await this.#write(batch);
    }
  }

  async #write(batch: readonly [RunLog, RunWrite][]): Promise<void> {
    try {
      await this.#store.append(batch.map(([, write]) => write));
    } catch (error) {
      this.#onFault(error);
      const failure = storageFailed(error instanceof StorageError && error.kind === "full");
      for (const [log, { created }] of batch) {
        if (!created) this.#unstoredEnds.add(log.run.id, failure);
        log.failed(failure);
      }
      return;
    }
    for (const [log, write] of batch) log.stored(write);
  }
}
