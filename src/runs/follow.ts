import { type AgentEvent, isTerminal } from "../domain/event.ts";
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

const PAGE_EVENTS = 1_000;

/**
 * Gives a reader all events of a run after a cursor, in order, without a gap or a repeat, and resolves after the
 * terminal one or when the reader is gone. Live events are passed on in the very call that emits them.
 */
export function follow(
  source: EventSource,
  id: RunId,
  from: { afterSeq: number; reader: Reader },
): Promise<void> {
  return new Follower(source, id, from).run();
}

class Follower {
  readonly #source: EventSource;
  readonly #id: RunId;
  readonly #reader: Reader;
  #cursor: number;
  #ended = false;

  constructor(source: EventSource, id: RunId, from: { afterSeq: number; reader: Reader }) {
    this.#source = source;
    this.#id = id;
    this.#reader = from.reader;
    this.#cursor = from.afterSeq;
  }

  async run(): Promise<void> {
    const reader = this.#reader;
    while (!this.#ended && !reader.gone) {
      if (reader.behind()) await reader.caughtUp();
      const log = this.#source.live(this.#id);
      if (log !== undefined && log.storedSeq <= this.#cursor) await this.#readLive(log);
      else await this.#readStored(log === undefined);
    }
  }

  /** One page from the store. An empty one of a run that is over means that its end lies before the cursor. */
  async #readStored(over: boolean): Promise<void> {
    const range = { afterSeq: this.#cursor, limit: PAGE_EVENTS };
    const page = await this.#source.store.readEvents(this.#id, range);
    for (const event of page) this.#push(event);
    if (page.length === 0 && over) this.#ended = true;
  }

  /** What is not stored yet, then what comes, until the run ends, the reader falls behind, or it is gone. */
  async #readLive(log: RunLog): Promise<void> {
    for (const event of log.unstored(this.#cursor)) this.#push(event);
    if (this.#ended) return;
    const reader = this.#reader;
    await new Promise<void>((resolve) => {
      const stop = () => {
        forget();
        reader.onGone = undefined;
        resolve();
      };
      const forget = log.listen((event) => {
        this.#push(event);
        if (this.#ended || reader.behind()) stop();
      });
      reader.onGone = stop;
    });
  }

  #push(event: AgentEvent): void {
    this.#cursor = event.seq;
    this.#ended = isTerminal(event);
    this.#reader.push(event);
  }
}
