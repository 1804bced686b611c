import type { Failure } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../storage/store.ts";
import { closeRun } from "./close-run.ts";

/** What is needed to store an end later. */
interface UnstoredEndsDeps {
  store: Store;
  clock: Clock;
  /** Whether the run is still going on in this process. */
  isLive(id: RunId): boolean;
}

const RETRY_MS = 500;

/**
 * Runs whose end could not be stored, so that their rows say they are running. The ends are stored as soon as the
 * store works again.
 */
export class UnstoredEnds {
  readonly #deps: UnstoredEndsDeps;
  readonly #failures = new Map<RunId, Failure>();
  #timer: NodeJS.Timeout | undefined;

  constructor(deps: UnstoredEndsDeps) {
    this.#deps = deps;
  }

  /** Adds a run with a row that failed in this way. */
  add(id: RunId, failure: Failure): void {
    this.#failures.set(id, failure);
    this.#later();
  }

  /** Tries once more; the next process ends what is left. */
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
    // The cause was logged when the store first failed.
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
