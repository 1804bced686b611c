import type { Clock } from "../lib/clock.ts";
import type { Part } from "./part.ts";

/** How long answers may still flow to their readers after all work has ended, ms. */
export const CLOSE_GRACE_MS = 300;

/** The parts of one server, in the order in which they were opened. */
export class Parts implements Iterable<Part> {
  readonly #parts: Part[] = [];
  readonly #clock: Pick<Clock, "elapsed">;
  #stopped: Promise<void> | undefined;

  constructor(clock: Pick<Clock, "elapsed">) {
    this.#clock = clock;
  }

  /** Takes a part that has just been opened, and returns it; from now on `stop` closes it. */
  add<Opened extends Part>(part: Opened): Opened {
    this.#parts.push(part);
    return part;
  }

  [Symbol.iterator](): Iterator<Part> {
    return this.#parts[Symbol.iterator]();
  }

  /** Starts the parts one after another. @throws Error of the first part that cannot start; then call `stop`. */
  async start(): Promise<void> {
    for (const part of this.#parts) await part.start?.();
  }

  /**
   * Drains, flushes and stops all parts; later calls wait for the first. A part that fails keeps no other part open.
   * @param drainMs how long work under way may take
   * @throws AggregateError of all failures, after the last part was stopped.
   */
  stop(drainMs: number): Promise<void> {
    this.#stopped ??= this.#stop(drainMs);
    return this.#stopped;
  }

  async #stop(drainMs: number): Promise<void> {
    const deadline = this.#clock.elapsed() + drainMs;
    const lastFirst = this.#parts.toReversed();
    const failures: unknown[] = [];
    const attempt = async (work: () => Promise<void> | undefined) => {
      try {
        await work();
      } catch (error) {
        failures.push(error);
      }
    };
    await Promise.all(lastFirst.map((part) => attempt(() => part.drain?.(drainMs))));
    // Slow readers get what is left of the time: an answer that ended well must not look cut.
    const graceMs = Math.max(CLOSE_GRACE_MS, deadline - this.#clock.elapsed());
    await Promise.all(lastFirst.map((part) => attempt(() => part.flush?.(graceMs))));
    for (const part of lastFirst) await attempt(() => part.stop?.());
    if (failures.length > 0) throw new AggregateError(failures, "Not all parts could be closed cleanly.");
  }
}
