import { type AgentEvent, isLast } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Store } from "../storage/store.ts";
import type { RunLog } from "./run-log.ts";

/** A reader of a run's events, which may be slow. */
export interface Reader {
  /** Receives the next event; must not throw. */
  push(event: AgentEvent): void;
  /** Whether the reader is behind: later events are then read from the store, not buffered. */
  behind(): boolean;
  /** Resolves when the reader can receive more. */
  caughtUp(): Promise<void>;
  /** Whether the reader has disconnected. */
  readonly gone: boolean;
  /** Set by `follow`; the reader calls it once when it disconnects. */
  onGone: (() => void) | undefined;
}

/** The sources of events: the store, and the log of a live run. */
interface EventSource {
  store: Pick<Store, "readEvents">;
  live(id: RunId): RunLog | undefined;
}

/** Stored events read at a time when the reader keeps up. */
const PAGE_EVENTS = 100;
const FIRST_PAGE_EVENTS = 16;
const MIN_PAGE_EVENTS = 4;
/** How many characters of deltas a slow reader gets beyond its limit, because reading the page twice costs more. */
const MAX_BEHIND_CHARS = 32_768;

/**
 * Sends all events of a run after a cursor to a reader, in order, without gaps or repeats. Resolves after the
 * terminal event or when the reader has disconnected. Live events are passed on in the call that emits them.
 * @throws StorageError when stored events cannot be read; Error when deltas were merged meanwhile.
 */
export function follow(
  source: EventSource,
  id: RunId,
  from: { afterSeq: number; reader: Reader },
): Promise<void> {
  return new Promise((resolve, reject) => new Follower(source, id, from).start(resolve, reject));
}

/** Live readers wait without async functions: with thousands of them, each frame would be kept in memory. */
class Follower {
  readonly #source: EventSource;
  readonly #id: RunId;
  readonly #reader: Reader;
  /** The log, if the run was live. */
  #log: RunLog | undefined;
  readonly #from: number;
  #cursor: number;
  /** Small at first: many readers may fall behind at the same time, and a page is read as a whole. */
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

  /** Reads one page from the store. An empty page of an ended run means that the cursor is after its end. */
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
      // The rest stays in the store, not in the socket's buffer.
      if (behind > MAX_BEHIND_CHARS) break;
    }
    this.#pageEvents = Math.min(PAGE_EVENTS, Math.max(MIN_PAGE_EVENTS, taken * 2));
    if (page.length === 0 && over) this.#finish();
  }

  /** A reader that has received some of the merged deltas cannot continue. */
  #check(event: AgentEvent): void {
    const merged = event.type === "item.delta" ? event.merged : undefined;
    if (merged !== undefined && merged.from <= this.#cursor && this.#cursor > this.#from)
      throw new Error("deltas were merged while they were read");
  }

  /**
   * The store has no more events of an ended run: the reader has all of them, or the log failed and only it knows the
   * end.
   */
  #finish(): void {
    const last = this.#log?.unstoredEnd;
    if (last !== undefined && last.seq > this.#cursor) this.#push(last);
    this.#ended = true;
  }

  /**
   * Sends the events that are not stored yet, then the live ones, until the run ends or the reader is behind or
   * disconnected.
   */
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
    // Events that were read from the store may be published after that.
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
