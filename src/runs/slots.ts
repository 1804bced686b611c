import { tooManyRequests } from "../domain/error.ts";
import { countChars } from "../domain/item.ts";
import type { RunInput } from "../domain/run.ts";

/** A run's permission to be executed, granted or waited for. */
export interface Slot {
  /** Resolves when it is the run's turn. @throws the signal's reason when aborted before. */
  turn(signal: AbortSignal): Promise<void>;
  /** Releases the slot, or leaves the queue. */
  release(): void;
  /** Releases the slot while the run only waits. */
  pause(): void;
  /** Takes the slot back, even above the limit. */
  resume(): void;
}

/** A run that waits for its turn. */
interface Waiting {
  /** The owner: owners take turns, and the runs of each owner go in order. */
  owner: string;
  /** The length of its input, characters. */
  chars: number;
}

/** Describes a run for the queue. */
export function toWaiting({ owner, items }: Pick<RunInput, "owner" | "items">): Waiting {
  return { owner, chars: countChars(items) };
}

/**
 * Limits how many runs are executed at once: foreground runs above the limit are refused, background runs wait in
 * order.
 */
export class Slots {
  readonly #max: number;
  readonly #maxQueued: number;
  #taken = 0;
  /** Admitted runs without a slot. */
  readonly #queue = new Set<QueuedSlot>();
  /** Waiting runs that are ready to execute, by owner; the owner whose turn it is comes first. */
  readonly #ready = new Map<string, QueuedSlot[]>();

  /** @param max 0 for no limit. @param maxQueued how many background runs may wait. */
  constructor(max: number, maxQueued: number) {
    this.#max = max;
    this.#maxQueued = maxQueued;
  }

  /**
   * Takes a slot at once. `force`: for a run that had one before a restart. @throws ApiError 429 when there is none.
   */
  take(force = false): Slot {
    if (this.#isFull && !force)
      throw tooManyRequests(
        `Too many concurrent runs (max ${this.#max}; gateway.api_server.max_concurrent_runs)`,
      );
    this.#taken++;
    const turn = () => Promise.resolve();
    return { turn, release: this.#release, pause: this.#release, resume: this.#resume };
  }

  /**
   * Takes a place in the queue. `force`: for a run that had one before a restart.
   * @throws ApiError 429 when the queue is full.
   */
  queue(waiting: Waiting, force = false): Slot {
    if (this.#isFull && !force) this.#checkRoom(waiting.chars);
    const slot: QueuedSlot = new QueuedSlot(waiting, {
      ready: () => {
        const others = this.#ready.get(waiting.owner) ?? [];
        this.#ready.set(waiting.owner, [...others, slot]);
        this.#advance();
      },
      leave: (given) => {
        this.#queue.delete(slot);
        this.#forget(slot);
        if (given) this.#release();
      },
      pause: this.#release,
      resume: this.#resume,
    });
    this.#queue.add(slot);
    return slot;
  }

  #checkRoom(chars: number): void {
    let waiting = chars;
    for (const slot of this.#queue) waiting += slot.chars;
    if (this.#queue.size >= this.#maxQueued || waiting > MAX_QUEUED_CHARS)
      throw tooManyRequests(
        `Too many background runs wait (max ${this.#maxQueued}; gateway.api_server.max_queued_runs)`,
      );
  }

  readonly #release = (): void => {
    this.#taken--;
    this.#advance();
  };

  readonly #resume = (): void => {
    this.#taken++;
  };

  #advance(): void {
    while (!this.#isFull) {
      const [first] = this.#ready;
      if (first === undefined) return;
      const [owner, [slot, ...rest]] = first;
      // After all other owners.
      this.#ready.delete(owner);
      if (rest.length > 0) this.#ready.set(owner, rest);
      if (slot === undefined) continue;
      this.#queue.delete(slot);
      this.#taken++;
      slot.give();
    }
  }

  #forget(slot: QueuedSlot): void {
    const left = this.#ready.get(slot.owner)?.filter((other) => other !== slot) ?? [];
    if (left.length > 0) this.#ready.set(slot.owner, left);
    else this.#ready.delete(slot.owner);
  }

  get #isFull(): boolean {
    return this.#max > 0 && this.#taken >= this.#max;
  }
}

/** Waiting runs are held in memory, so their size is limited. */
const MAX_QUEUED_CHARS = 64_000_000;

interface QueuePlace {
  ready(): void;
  leave(given: boolean): void;
  pause(): void;
  resume(): void;
}

class QueuedSlot implements Slot {
  readonly owner: string;
  readonly chars: number;
  readonly #place: QueuePlace;
  readonly #given = Promise.withResolvers<void>();
  #isGiven = false;

  constructor({ owner, chars }: Waiting, place: QueuePlace) {
    this.owner = owner;
    this.chars = chars;
    this.#place = place;
  }

  give(): void {
    this.#isGiven = true;
    this.#given.resolve();
  }

  turn(signal: AbortSignal): Promise<void> {
    this.#place.ready();
    const stopped = new Promise<never>((_resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    return Promise.race([this.#given.promise, stopped]);
  }

  release(): void {
    this.#place.leave(this.#isGiven);
  }

  pause(): void {
    this.#place.pause();
  }

  resume(): void {
    this.#place.resume();
  }
}
