import { setTimeout as sleep } from "node:timers/promises";
import { type Delivery, nextDelivery } from "../domain/delivery.ts";
import { ApiError, invalidRequest } from "../domain/error.ts";
import type { Fire } from "../domain/job.ts";
import type { Clock } from "../lib/clock.ts";
import { Coalesced } from "../lib/coalesced.ts";
import { quoted } from "../lib/text.ts";
import type { JobStore } from "../storage/job-store.ts";
import { afterFailure, LONGEST_DELAY_MS } from "./backoff.ts";
import { type DeliveryChannel, DeliveryError, deliveryText } from "./channel.ts";

/** Observes deliveries; must not throw. */
export interface DeliveriesObserver {
  /** Called after an attempt with the new status: delivered, pending for another attempt, or failed. */
  tried(status: Delivery["status"]): void;
}

/** What deliveries need. */
interface DeliveriesDeps {
  channels: readonly DeliveryChannel[];
  store: Pick<JobStore, "deliveryPlaces" | "undelivered" | "findJob" | "updateFire">;
  clock: Clock;
  observer: DeliveriesObserver;
  onFault(error: unknown): void;
}

/**
 * How many deliveries run at once, in total and to one destination, so that a slow destination does not delay the
 * others.
 */
const MAX_UNDER_WAY = 64;
const MAX_PER_PLACE = 4;
const PLACES_AT_ONCE = 64;
/** The longest timer: the clock may be set, or the machine may sleep. */
const MAX_WAIT_MS = 60_000;
/** Pause after a failure of the store: an attempt that cannot be recorded would be repeated without end. */
const FAULT_REST_MS = 10_000;
/** How long deliveries under way may take when the process stops. */
const STOP_MS = 1_000;

/**
 * Delivers the results of jobs. Pending deliveries are only in the store, with the time of their next attempt: a
 * restart finds them, and thousands of them take no memory. Each delivery has its own status, apart from the run's.
 */
export class Deliveries {
  readonly #deps: DeliveriesDeps;
  /** The destination of each fire that is being delivered, by fire id. */
  readonly #underWay = new Map<string, { place: string; done: Promise<void> }>();
  readonly #stopping = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  readonly #rounds = new Coalesced(() => this.#look());
  #isOpen = false;
  /** The destination after which the last look ran out of room. */
  #last = "";
  #restsUntil = Number.NEGATIVE_INFINITY;

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
  }

  /** @throws ApiError 400 for a target that no channel takes. */
  check(target: string, param: string): void {
    if (this.#channels(target, param).length > 0) return;
    const [platform = ""] = target.split(":");
    throw invalidRequest(
      param,
      `'${param}' names no place to deliver to: there is no gateway ${quoted(platform)}. Use local, session:<id> or webhook:<url>.`,
    );
  }

  /** Resumes what a former process left, and starts. Never rejects. */
  start(): Promise<void> {
    this.#isOpen = true;
    return this.wake();
  }

  /** Looks for due deliveries; called after storing some. Never rejects. */
  wake(): Promise<void> {
    return this.#rounds.run();
  }

  /** Starts nothing more; what is under way may take `graceMs`, then it is left to the next process. */
  async stop(mostMs = STOP_MS): Promise<void> {
    this.#isOpen = false;
    clearTimeout(this.#timer);
    await this.#rounds.over();
    const all = Promise.all([...this.#underWay.values()].map(({ done }) => done));
    const patience = new AbortController();
    await Promise.race([
      all,
      sleep(Math.min(STOP_MS, mostMs), undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    this.#stopping.abort(new Error("the process stops"));
    await all;
  }

  async #look(): Promise<void> {
    const { clock } = this.#deps;
    const now = clock.now();
    if (!this.#isOpen || clock.elapsed() < this.#restsUntil) return;
    try {
      const waitMs = await this.#goRound(now);
      if (waitMs !== undefined) this.#lookIn(waitMs);
    } catch (error) {
      this.#rest(error);
    }
  }

  /**
   * Starts what is due. Returns how long nothing else is due, ms; undefined if there is no room: a delivery that ends
   * looks again.
   */
  async #goRound(now: number): Promise<number | undefined> {
    for (;;) {
      const from = this.#last;
      const waitMs = await this.#serve(now);
      if (waitMs === undefined) return undefined;
      this.#last = "";
      if (from === "") return waitMs;
    }
  }

  /**
   * Goes through the destinations, starting where the last look ran out of room, so that none is served twice before
   * the others.
   */
  async #serve(now: number): Promise<number | undefined> {
    let waitMs = MAX_WAIT_MS;
    for (;;) {
      const terms = { after: this.#last, limit: PLACES_AT_ONCE };
      const places = await this.#deps.store.deliveryPlaces(terms);
      for (const { place, at } of places) {
        if (this.#underWay.size >= MAX_UNDER_WAY || !this.#isOpen) return undefined;
        this.#last = place;
        const ms = clampWait(at - now);
        if (ms > 0) waitMs = Math.min(waitMs, ms);
        else await this.#begin(place, Math.max(now, at));
      }
      if (places.length < PLACES_AT_ONCE) return waitMs;
    }
  }

  async #begin(place: string, now: number): Promise<void> {
    const busy = [...this.#underWay.values()].filter((each) => each.place === place).length;
    const room = Math.min(MAX_PER_PLACE - busy, MAX_UNDER_WAY - this.#underWay.size);
    if (room <= 0) return;
    // The store still lists deliveries under way as due.
    const due = await this.#deps.store.undelivered({ place, now, limit: MAX_PER_PLACE });
    for (const fire of due.filter(({ id }) => !this.#underWay.has(id)).slice(0, room)) {
      const done = this.#bringNext(fire).then(
        () => this.#underWay.delete(fire.id),
        (error: unknown) => {
          this.#underWay.delete(fire.id);
          this.#rest(error);
        },
      );
      this.#underWay.set(fire.id, { place, done: done.then(() => void this.wake()) });
    }
  }

  /** Tries the next delivery of a fire and records the outcome. @throws StorageError when it cannot be recorded. */
  async #bringNext(fire: Fire): Promise<void> {
    const { store } = this.#deps;
    const next = nextDelivery(fire.deliveries);
    const job = await store.findJob(fire.jobId, fire.owner);
    if (next === undefined || job === undefined) return;
    const { target, attempts } = next;
    let after: Delivery;
    try {
      const channel = this.#channels(target, "deliver")[0];
      if (channel === undefined) throw new DeliveryError("There is no such place.", { isFinal: true });
      const brought = await channel.deliver(
        { job, fire, target, text: deliveryText(fire) },
        this.#stopping.signal,
      );
      after = { target, status: "delivered", attempts: attempts + 1, ...brought };
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      after = afterFailure(next, this.#told(error), this.#deps.clock.now());
    }
    const deliveries = fire.deliveries.map((delivery) => (delivery === next ? after : delivery));
    await store.updateFire({ ...fire, deliveries });
    this.#deps.observer.tried(after.status);
  }

  /** A target that would now be refused stays failed; any other unexpected error is an internal one. */
  #told(error: unknown): DeliveryError {
    if (error instanceof DeliveryError) return error;
    if (error instanceof ApiError) return new DeliveryError(error.message, { isFinal: true });
    this.#deps.onFault(error);
    return new DeliveryError("The server had an internal error; its log has the details.");
  }

  #channels(target: string, param: string): DeliveryChannel[] {
    return this.#deps.channels.filter((channel) => channel.takes(target, param));
  }

  #rest(error: unknown): void {
    this.#deps.onFault(error);
    this.#restsUntil = this.#deps.clock.elapsed() + FAULT_REST_MS;
    this.#lookIn(FAULT_REST_MS);
  }

  #lookIn(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#isOpen) this.#timer = setTimeout(() => void this.wake(), Math.min(MAX_WAIT_MS, ms));
  }
}

/** Limits a delay: one longer than any backoff means that the clock was set back. */
function clampWait(ms: number): number {
  return ms > LONGEST_DELAY_MS ? 0 : Math.max(0, ms);
}
