import type { AgentEvent } from "../../domain/event.ts";
import { fold, type RunState } from "../../domain/fold.ts";
import { numberOfPart } from "../../domain/id.ts";
import type { Item } from "../../domain/item.ts";
import type { Usage } from "../../domain/usage.ts";
import type { Db } from "./db.ts";
import type { EventTable } from "./events.ts";

interface ChainRow {
  parent: string | null;
  /** The number of the last item that it reads of its parent; null for all. */
  through: number | null;
  ended: number | null;
  facts: string;
  has_more: 0 | 1;
}

/** A transcript as it was read, and how long the logs of it are. */
interface Known {
  items: readonly Item[];
  chars: number;
}

const NOTHING: Known = { items: [], chars: 0 };

/** What a run's log says of its items. */
interface OwnItems {
  items: Item[];
  /** When each was done, epoch ms, by its id. */
  times: Map<string, number>;
  usage: Usage;
  steps: number;
}

/** Characters of logs whose transcripts are remembered: some 16 MB of memory. */
const KNOWN_CHARS = 4_000_000;

/**
 * Transcripts of chains. The last ones read are remembered: a chain's next request names the run that ended last, and
 * only that one's items are new. What has ended never changes, so nothing that is remembered can be out of date.
 */
export class TranscriptTable {
  readonly #events: EventTable;
  readonly #row;
  readonly #maxChars: number;
  /** By the id of the last run, the least used first. */
  readonly #known = new Map<string, Known>();
  #knownChars = 0;

  constructor(db: Db, events: EventTable, maxChars = KNOWN_CHARS) {
    this.#events = events;
    this.#maxChars = maxChars;
    this.#row = db.prepare<[string], ChainRow>(
      `SELECT parent_run AS parent, parent_through AS through, ended_at AS ended, facts,
         EXISTS (SELECT 1 FROM events WHERE run_id = runs.id) AS has_more
       FROM runs WHERE id = ?`,
    );
  }

  /** The items of a run and of all that it goes on from, oldest first, inputs before outputs, without internal ones. */
  read(id: string): Item[] {
    const newer: Item[][] = [];
    let chars = 0;
    let isOver = true;
    let at: string | null = id;
    let through: number | null = null;
    let known = this.#take(id);
    while (at !== null && known === undefined) {
      const row: ChainRow | undefined = this.#row.get(at);
      if (row === undefined) break;
      const log = this.#log(at, row);
      newer.push(cutAt(through, foldItems(log)));
      for (const facts of log) chars += facts.length;
      isOver &&= row.ended !== null;
      ({ parent: at, through } = row);
      // What is known of a run is all of it.
      if (at !== null && through === null) known = this.#take(at);
    }
    const older = known ?? NOTHING;
    const items = [...newer, older.items].reverse().flat();
    if (isOver && items.length > 0) this.#keep(id, { items, chars: chars + older.chars });
    return [...items];
  }

  /** A run's own items up to a number, as `read` has them, and what else its log says. */
  own(id: string, through: number | null): OwnItems {
    const row = this.#row.get(id);
    const events = row === undefined ? [] : parseEvents(this.#log(id, row));
    const state = fold(events);
    return {
      items: cutAt(through, visibleItems(state)),
      times: itemTimes(events),
      usage: state.usage,
      steps: state.steps,
    };
  }

  /** The items that a run made itself. */
  output(id: string): Item[] {
    const row = this.#row.get(id);
    return row === undefined ? [] : folded(this.#log(id, row)).items;
  }

  /** Forgets what ends with a run, which is gone. */
  forget(id: string): void {
    this.#take(id);
  }

  /** Forgets everything, when it is not said what is gone. */
  clear(): void {
    this.#known.clear();
    this.#knownChars = 0;
  }

  #log(id: string, { facts, has_more }: ChainRow): string[] {
    return has_more === 1 ? [facts, ...this.#events.laterFacts(id)] : [facts];
  }

  /** What is known is taken out: it comes back as a part of the chain that goes on from it, and no item is held twice. */
  #take(id: string): Known | undefined {
    const known = this.#known.get(id);
    if (known === undefined) return undefined;
    this.#known.delete(id);
    this.#knownChars -= known.chars;
    return known;
  }

  #keep(id: string, known: Known): void {
    if (known.chars > this.#maxChars) return;
    this.#known.set(id, known);
    this.#knownChars += known.chars;
    for (const [oldest] of this.#known) {
      if (this.#knownChars <= this.#maxChars) return;
      this.#take(oldest);
    }
  }
}

function foldItems(log: readonly string[]): Item[] {
  return visibleItems(folded(log));
}

function visibleItems({ input, items }: RunState): Item[] {
  return [...input, ...items.filter((item) => item.place !== "internal")];
}

function folded(log: readonly string[]): RunState {
  return fold(parseEvents(log));
}

function parseEvents(log: readonly string[]): AgentEvent[] {
  return log.flatMap((facts) => JSON.parse(facts) as AgentEvent[]);
}

function cutAt(through: number | null, items: Item[]): Item[] {
  return through === null ? items : items.filter(({ id }) => (numberOfPart(id) ?? 0) <= through);
}

function itemTimes(events: readonly AgentEvent[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const event of events) {
    if (event.type === "run.created") for (const { id } of event.input) times.set(id, event.at);
    if (event.type === "item.done") times.set(event.item.id, event.at);
  }
  return times;
}
