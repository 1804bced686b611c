import type { AgentEvent } from "../domain/event.ts";
import type { Run } from "../domain/run.ts";

/** One event of one run. */
export interface ObservedEvent {
  run: Run;
  event: AgentEvent;
}

/**
 * Hears what happens in all runs, for metrics, audit, traces and webhooks. It gets every published event but deltas, in the
 * order of each run, some time after the event happened; it cannot slow a run down or make it fail.
 */
export interface RunObserver {
  /**
   * Takes a batch. `missed` counts the events left out since the last batch, because this observer was too slow: whoever
   * must know everything reads the store. What it throws is logged, and it goes on with the next batch.
   */
  observe(events: readonly ObservedEvent[], missed: number): void | Promise<void>;
}

/** Events that may wait for one observer; later ones are counted and left out. */
const MAX_WAITING = 10_000;

/** How long a flush waits for observers, ms. */
const FLUSH_MS = 1_000;

/** Passes published events on to observers, after the tick that published them. */
export class Observers {
  readonly #queues = new Set<ObserverQueue>();
  readonly #onFault: (error: unknown) => void;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Adds an observer; returns how to take it away again, after which it hears nothing more. */
  add(observer: RunObserver): () => void {
    const queue = new ObserverQueue(observer, this.#onFault);
    this.#queues.add(queue);
    return () => {
      queue.close();
      this.#queues.delete(queue);
    };
  }

  /** Queues an event; does nothing as long as nobody observes. */
  published(run: Run, event: AgentEvent): void {
    if (this.#queues.size === 0 || event.type === "item.delta") return;
    for (const queue of this.#queues) queue.push({ run, event });
  }

  /** Resolves when every observer has taken what was published so far, or after a second: none may hold up a shutdown. */
  async flush(): Promise<void> {
    if (this.#queues.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_MS);
    });
    await Promise.race([late, Promise.all([...this.#queues].map((queue) => queue.idle))]);
    clearTimeout(timer);
  }
}

/** What waits for one observer. */
class ObserverQueue {
  readonly #observer: RunObserver;
  readonly #onFault: (error: unknown) => void;
  #waiting: ObservedEvent[] = [];
  #missed = 0;
  #isClosed = false;
  /** Resolves when nothing waits. */
  idle: Promise<void> = Promise.resolve();
  #isPassing = false;

  constructor(observer: RunObserver, onFault: (error: unknown) => void) {
    this.#observer = observer;
    this.#onFault = onFault;
  }

  push(observed: ObservedEvent): void {
    if (this.#waiting.length >= MAX_WAITING) this.#missed++;
    else this.#waiting.push(observed);
    if (this.#isPassing) return;
    this.#isPassing = true;
    this.idle = this.#pass();
  }

  close(): void {
    this.#isClosed = true;
    this.#waiting = [];
  }

  /** One batch after the other, each in a tick of its own. */
  async #pass(): Promise<void> {
    await new Promise(setImmediate);
    while (this.#waiting.length > 0 && !this.#isClosed) {
      const [events, missed] = [this.#waiting, this.#missed];
      this.#waiting = [];
      this.#missed = 0;
      try {
        await this.#observer.observe(events, missed);
      } catch (error) {
        this.#onFault(error);
      }
    }
    this.#isPassing = false;
  }
}
