import type { Failure } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../storage/store.ts";
import { closeRun } from "./close-run.ts";

/** What it takes to store an end later. */
export interface UnstoredEndsDeps {
  store: Store;
  clock: Clock;
  /** Whether a run still goes on here. */
  isLive(id: RunId): boolean;
}

const RETRY_MS = 500;

/**
 * Runs that ended and whose end could not be stored: their rows say that they go on. It is stored as soon as it can be,
 * so that this is never said for longer than the store fails.
 */
export class UnstoredEnds {
  readonly #deps: UnstoredEndsDeps;
  readonly #failures = new Map<RunId, Failure>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: UnstoredEndsDeps) {
    this.#deps = deps;
  }

  /** A run with a row has failed in this way. */
  add(id: RunId, failure: Failure): void {
    this.#failures.set(id, failure);
    this.#later();
  }

  /** Tries once more; what is left then the next process ends. */
  async close(): Promise<void> {
    if (this.#failures.size > 0) await this.#store().catch(() => {});
    this.#failures.clear();
    clearTimeout(this.#timer);
  }

  #later(): void {
    if (this.#failures.size > 0) this.#timer ??= setTimeout(this.#retry, RETRY_MS).unref();
  }

  readonly #retry = (): void => {
    this.#timer = undefined;
    const later = () => this.#later();
    // Why it fails was said when it did so first.
    this.#store().then(later, later);
  };

  async #store(): Promise<void> {
    const { store, clock, isLive } = this.#deps;
    const over = [...this.#failures].filter(([id]) => !isLive(id));
    const unfinished = new Map((await store.unfinishedRuns()).map((left) => [left.run.id, left]));
    for (const [id, error] of over) {
      const left = unfinished.get(id);
      if (left !== undefined) await store.append([await closeRun(left, { store, clock, error })]);
      this.#failures.delete(id);
    }
  }
}
