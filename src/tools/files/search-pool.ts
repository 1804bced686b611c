import { ToolError } from "../define.ts";
import type { SearchResult } from "../workspace.ts";
import type { SearchJob } from "./search-job.ts";
import { SearchTask, SearchThread } from "./search-thread.ts";

const MAX_THREADS = 2;
const MAX_WAITING = 500;

/**
 * The searches of a server: two at a time, each in a thread of its own; the others wait. Who waits gets his turn run by
 * run (a run is known by its signal), so that one that searches sixty times does not keep another from its first.
 */
export class SearchPool {
  readonly #threads: readonly SearchThread[];
  readonly #waiting = new Map<AbortSignal, SearchTask[]>();

  /** `protectedPaths` as Protection takes them. */
  constructor(protectedPaths: readonly string[]) {
    const next = (): void => this.#next();
    this.#threads = Array.from({ length: MAX_THREADS }, () => new SearchThread(protectedPaths, next));
  }

  /**
   * Searches as soon as there is a thread for it.
   * @throws ToolError when that cannot be, or not to the end; the signal's reason as soon as it aborts.
   */
  async search(job: SearchJob, signal: AbortSignal): Promise<SearchResult> {
    signal.throwIfAborted();
    const waiting = [...this.#waiting.values()].reduce((sum, { length }) => sum + length, 0);
    if (waiting >= MAX_WAITING) throw new ToolError("Too many searches are waiting: try again later.");
    const task = new SearchTask(job);
    const stop = (): void => {
      task.fail(signal.reason);
      this.#waiting.delete(signal);
      for (const thread of this.#threads) thread.stop(task);
    };
    signal.addEventListener("abort", stop, { once: true });
    this.#waiting.set(signal, [...(this.#waiting.get(signal) ?? []), task]);
    this.#next();
    try {
      return await task.result;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #next(): void {
    // What is set again comes last, so that this goes round as long as there are threads.
    for (const [signal, [task, ...rest]] of this.#waiting) {
      const free = this.#threads.filter(({ isFree }) => isFree);
      const thread = free.find(({ isWarm }) => isWarm) ?? free[0];
      if (thread === undefined) return;
      this.#waiting.delete(signal);
      if (rest.length > 0) this.#waiting.set(signal, rest);
      if (task !== undefined) thread.begin(task);
    }
  }
}
