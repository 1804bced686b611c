import { tooManyRequests } from "../domain/error.ts";

/** A run's right to go on, had or waited for. */
export interface Slot {
  /** Resolves when it is the run's turn. @throws the signal's reason when aborted before. */
  turn(signal: AbortSignal): Promise<void>;
  /** Gives it back, or leaves the queue. */
  release(): void;
  /** Gives it to others for as long as the run only waits. */
  lend(): void;
  /** Takes it back, whether or not there is room. */
  takeBack(): void;
}

/** How many runs may go on at once: what somebody waits for is refused above that, background work waits in order. */
export class Slots {
  readonly #max: number;
  readonly #maxQueued: number;
  #taken = 0;
  /** Admitted, without a slot. */
  readonly #queue = new Set<QueuedSlot>();
  /** Those of the queue that are ready to go on, in order; a released slot goes to the first. */
  readonly #ready = new Set<QueuedSlot>();

  /** `max`: 0 for no limit. `maxQueued`: background runs that may wait. */
  constructor(max: number, maxQueued: number) {
    this.#max = max;
    this.#maxQueued = maxQueued;
  }

  /** A slot at once. `force`: for a run that had one before a restart. @throws ApiError 429 when there is none. */
  take(force = false): Slot {
    if (this.#isFull && !force)
      throw tooManyRequests(
        `Too many concurrent runs (max ${this.#max}; gateway.api_server.max_concurrent_runs)`,
      );
    this.#taken++;
    const turn = () => Promise.resolve();
    return { turn, release: this.#release, lend: this.#release, takeBack: this.#takeBack };
  }

  /**
   * A place in the queue for a run whose input has so many characters. `force`: for a run that had one before a restart.
   * @throws ApiError 429 when the queue is full.
   */
  queue(chars: number, force = false): Slot {
    if (this.#isFull && !force) this.#checkRoom(chars);
    const slot: QueuedSlot = new QueuedSlot(chars, {
      ready: () => {
        this.#ready.add(slot);
        this.#advance();
      },
      leave: (given) => {
        this.#queue.delete(slot);
        this.#ready.delete(slot);
        if (given) this.#release();
      },
      lend: this.#release,
      takeBack: this.#takeBack,
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

  readonly #takeBack = (): void => {
    this.#taken++;
  };

  #advance(): void {
    for (const slot of this.#ready) {
      if (this.#isFull) return;
      this.#ready.delete(slot);
      this.#queue.delete(slot);
      this.#taken++;
      slot.give();
    }
  }

  get #isFull(): boolean {
    return this.#max > 0 && this.#taken >= this.#max;
  }
}

/** What waits is held in memory. */
const MAX_QUEUED_CHARS = 64_000_000;

interface QueuePlace {
  ready(): void;
  leave(given: boolean): void;
  lend(): void;
  takeBack(): void;
}

class QueuedSlot implements Slot {
  readonly chars: number;
  readonly #place: QueuePlace;
  readonly #given = Promise.withResolvers<void>();
  #isGiven = false;

  constructor(chars: number, place: QueuePlace) {
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

  lend(): void {
    this.#place.lend();
  }

  takeBack(): void {
    this.#place.takeBack();
  }
}
