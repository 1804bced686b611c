import { type AgentEvent, isLast } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Store } from "../storage/store.ts";
import type { RunLog } from "./run-log.ts";

/** Somebody who reads a run's events, perhaps slowly. */
export interface Reader {
  /** Takes the next event; must not throw. */
  push(event: AgentEvent): void;
  /** Whether it has fallen behind: what comes next waits in the store, not in memory. */
  behind(): boolean;
  /** Resolves when it can take more. */
  caughtUp(): Promise<void>;
  /** Whether nobody reads any more. */
  readonly gone: boolean;
  /** Set by whoever follows on its behalf; called once when it is gone. */
  onGone: (() => void) | undefined;
}

/** Where events come from: the store, and the live log of a run that goes on. */
export interface EventSource {
  store: Pick<Store, "readEvents">;
  live(id: RunId): RunLog | undefined;
}

/** Stored events that are read at a time, when a reader takes as many. */
const PAGE_EVENTS = 100;
const FIRST_PAGE_EVENTS = 16;
const MIN_PAGE_EVENTS = 4;
/** How much of a page a reader gets that takes no more, characters of deltas: rather that than to read it twice. */
const MAX_BEHIND_CHARS = 32_768;

/**
 * Gives a reader all events of a run after a cursor, in order, without a gap or a repeat, and resolves after the
 * terminal one or when the reader is gone. Live events are passed on in the very call that emits them.
 * @throws StorageError when stored events cannot be read; Error when they are no more what they were when it began.
 */
export function follow(
  source: EventSource,
  id: RunId,
  from: { afterSeq: number; reader: Reader },
): Promise<void> {
  return new Promise((resolve, reject) => new Follower(source, id, from).start(resolve, reject));
}

/** No async function on the way of a live reader: thousands of them wait at a time, and each frame would wait too. */
class Follower {
  readonly #source: EventSource;
  readonly #id: RunId;
  readonly #reader: Reader;
  /** The log, from when it was live. */
  #log: RunLog | undefined;
  readonly #from: number;
  #cursor: number;
  /** Few at first: many readers may fall behind at once, and a page is read whole. */
  #pageEvents = FIRST_PAGE_EVENTS;
  #ended = false;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #forget: () => void = () => {};

  constructor(source: EventSource, id: RunId, from: { afterSeq: number; reader: Reader }) {
    this.#source = source;
    this.#id = id;
    this.#reader = from.reader;
    this.#from = from.afterSeq;
    this.#cursor = from.afterSeq;
  }

  start(resolve: () => void, reject: (error: unknown) => void): void {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#advance();
  }

  readonly #advance = (): void => {
    if (this.#ended || this.#reader.gone) {
      this.#resolve();
      return;
    }
    this.#log ??= this.#source.live(this.#id);
    const log = this.#log?.isStored === false ? this.#log : this.#source.live(this.#id);
    const isAtHand = log !== undefined && log.storedSeq <= this.#cursor && !this.#reader.behind();
    if (isAtHand) this.#readLive(log);
    else this.#readStored(log === undefined).then(this.#advance, this.#reject);
  };

  /** One page from the store. An empty one of a run that is over means that its end lies before the cursor. */
  async #readStored(over: boolean): Promise<void> {
    if (this.#reader.behind()) {
      await this.#reader.caughtUp();
      return;
    }
    const range = { afterSeq: this.#cursor, limit: this.#pageEvents };
    const page = await this.#source.store.readEvents(this.#id, range);
    let taken = 0;
    let behind = 0;
    for (const event of page) {
      this.#check(event);
      this.#push(event);
      taken++;
      if (!this.#reader.behind()) continue;
      behind += event.type === "item.delta" ? event.delta.length : 1;
      // The rest stays in the store, not in its socket's buffer.
      if (behind > MAX_BEHIND_CHARS) break;
    }
    this.#pageEvents = Math.min(PAGE_EVENTS, Math.max(MIN_PAGE_EVENTS, taken * 2));
    if (page.length === 0 && over) this.#finish();
  }

  /** Deltas that were merged after the reader got the first of them cannot be gone on with. */
  #check(event: AgentEvent): void {
    const merged = event.type === "item.delta" ? event.merged : undefined;
    if (merged !== undefined && merged.from <= this.#cursor && this.#cursor > this.#from)
      throw new Error("deltas were merged while they were read");
  }

  /** The store has no more of a run that is over: the reader has all, or the log broke and only it knows how it ended. */
  #finish(): void {
    const last = this.#log?.unstoredEnd;
    if (last !== undefined && last.seq > this.#cursor) this.#push(last);
    this.#ended = true;
  }

  /** What is not stored yet, then what comes, until the run ends, the reader falls behind, or it is gone. */
  #readLive(log: RunLog): void {
    for (const event of log.unstored(this.#cursor)) {
      this.#push(event);
      if (this.#reader.behind()) break;
    }
    if (this.#ended || this.#reader.behind()) {
      this.#advance();
      return;
    }
    this.#forget = log.listen(this.#hear);
    this.#reader.onGone = this.#stop;
  }

  readonly #hear = (event: AgentEvent): void => {
    // What the store had already when it was read can be published after that.
    if (event.seq > this.#cursor) this.#push(event);
    else this.#ended = isLast(event);
    if (this.#ended || this.#reader.behind()) this.#stop();
  };

  readonly #stop = (): void => {
    this.#forget();
    this.#reader.onGone = undefined;
    this.#advance();
  };

  #push(event: AgentEvent): void {
    this.#cursor = event.seq;
    this.#ended = isLast(event);
    this.#reader.push(event);
  }
}
