import type { DeliveriesObserver } from "../../delivery/deliveries.ts";
import type { Delivery } from "../../domain/delivery.ts";
import type { FireStatus } from "../../domain/job.ts";

/** Observes fires; must not throw. */
export interface JobsObserver {
  /** Called when a fire starts, with its delay in ms. */
  started(lagMs: number): void;
  /** Called when a fire has ended, or `count` fires were skipped. */
  ended(status: FireStatus, count: number): void;
}

/** Counts the outcomes of fires since the process started. */
export class JobCounters implements JobsObserver, DeliveriesObserver {
  readonly #ended = new Map<FireStatus, number>();
  readonly #tried = new Map<Delivery["status"], number>();
  #started = 0;
  #lastLagMs = 0;
  #maxLagMs = 0;

  started(lagMs: number): void {
    this.#started++;
    this.#lastLagMs = lagMs;
    this.#maxLagMs = Math.max(this.#maxLagMs, lagMs);
  }

  ended(status: FireStatus, count: number): void {
    this.#ended.set(status, (this.#ended.get(status) ?? 0) + count);
  }

  tried(status: Delivery["status"]): void {
    this.#tried.set(status, (this.#tried.get(status) ?? 0) + 1);
  }

  /** Returns the counts by name, and how late fires started: the last one, and the latest of all. */
  get totals() {
    const count = (status: FireStatus) => this.#ended.get(status) ?? 0;
    const tried = (status: Delivery["status"]) => this.#tried.get(status) ?? 0;
    return {
      started: this.#started,
      completed: count("completed"),
      failed: count("failed"),
      cancelled: count("cancelled"),
      interrupted: count("interrupted"),
      skipped: count("skipped"),
      start_lag_ms: { last: this.#lastLagMs, max: this.#maxLagMs },
      deliveries: { delivered: tried("delivered"), put_off: tried("pending"), failed: tried("failed") },
    };
  }
}
