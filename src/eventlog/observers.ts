import type { AgentEvent } from "../domain/event.ts";
import type { Run } from "../domain/run.ts";

/** One event of one run. */
export interface ObservedEvent {
  run: Run;
  event: AgentEvent;
}

/**
 * Observes all runs, for metrics, audit, traces and webhooks. It receives every published event except deltas, in the
 * order of each run, some time after the event. It cannot slow a run down or make it fail.
 */
export interface RunObserver {
  /**
   * Receives a batch. `missed` counts the events that were dropped since the last batch because this observer was too
   * slow; an observer that needs all events reads the store. Exceptions are logged, and the next batch follows.
   */
  observe(events: readonly ObservedEvent[], missed: number): void | Promise<void>;
}

/** How many events may wait for one observer; later ones are counted and dropped. */
const MAX_WAITING = 10_000;

/** How long a flush waits for observers, ms. */
const FLUSH_MS = 1_000;

/** Passes published events on to observers, after the tick in which they were published. */
export class Observers {
  readonly #queues = new Set<ObserverQueue>();
  readonly #onFault: (error: unknown) => void;

  constructor(onFault: (error: unknown) => void) {
    this.#onFault = onFault;
  }

  /** Adds an observer; returns a function that removes it. */
  add(observer: RunObserver): () => void {
    const queue = new ObserverQueue(observer, this.#onFault);
    this.#queues.add(queue);
    return () => {
      queue.close();
      this.#queues.delete(queue);
    };
  }

  /** Queues an event; does nothing without observers. */
  published(run: Run, event: AgentEvent): void {
    if (this.#queues.size === 0 || event.type === "item.delta") return;
    for (const queue of this.#queues) queue.push({ run, event });
  }

  /**
   * Resolves when every observer has received what was published so far, or after a second, so that no observer
   * delays a shutdown.
   */
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

/** The queue of one observer. */
class ObserverQueue {
  readonly #observer: RunObserver;
  readonly #onFault: (error: unknown) => void;
  #waiting: ObservedEvent[] = [];
  #missed = 0;
  #isClosed = false;
  /** Resolves when the queue is empty. */
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

  /** Delivers one batch after the other, each in a tick of its own. */
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
