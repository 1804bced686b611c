import type { AgentEvent, EventOf } from "../../domain/event.ts";
import type { RunId } from "../../domain/id.ts";
import type { EventRange } from "../store.ts";
import type { Db } from "./db.ts";

const FACTS = 0;
const DELTAS = 1;

/** Deltas of one item that follow each other without a gap: `[item id, channel, first seq, texts, times]`. */
type PackedDeltas = [
  itemId: string,
  channel: EventOf<"item.delta">["channel"],
  firstSeq: number,
  texts: string[],
  ats: number[],
];

interface EventRow {
  kind: number;
  payload: string;
}

/** The log of each run. Facts and deltas lie apart, so that a transcript is read without parsing a single delta. */
export class EventTable {
  readonly #insert;
  readonly #range;
  readonly #facts;

  constructor(db: Db) {
    this.#insert = db.prepare<[string, number, number, number, string]>(
      "INSERT INTO events (run_id, batch, kind, last_seq, payload) VALUES (?, ?, ?, ?, ?)",
    );
    this.#range = db.prepare<[string, number], EventRow & { batch: number }>(
      "SELECT batch, kind, payload FROM events WHERE run_id = ? AND last_seq > ? ORDER BY batch, kind",
    );
    this.#facts = db.prepare<[string], { payload: string }>(
      `SELECT payload FROM events WHERE run_id = ? AND kind = ${FACTS} ORDER BY batch`,
    );
  }

  /** Stores events that happened together. */
  write(runId: string, events: readonly AgentEvent[]): void {
    const first = events[0];
    const last = events.at(-1);
    if (first === undefined || last === undefined) return;
    const deltas = events.filter((event) => event.type === "item.delta");
    if (deltas.length < events.length) {
      const facts = deltas.length === 0 ? events : events.filter((event) => event.type !== "item.delta");
      this.#insert.run(runId, first.seq, FACTS, last.seq, JSON.stringify(facts));
    }
    if (deltas.length > 0) this.#insert.run(runId, first.seq, DELTAS, last.seq, JSON.stringify(pack(deltas)));
  }

  /** Events after a cursor, whole commits at a time, in order of `seq`. */
  read(runId: RunId, { afterSeq, limit }: EventRange): AgentEvent[] {
    const events: AgentEvent[] = [];
    let batch: number | undefined;
    for (const row of this.#range.iterate(runId, afterSeq)) {
      if (row.batch !== batch && events.length >= limit) break;
      batch = row.batch;
      const parsed =
        row.kind === FACTS ? (JSON.parse(row.payload) as AgentEvent[]) : unpack(runId, row.payload);
      for (const event of parsed) if (event.seq > afterSeq) events.push(event);
    }
    return events.sort((a, b) => a.seq - b.seq);
  }

  /** All events of a run except its deltas. */
  facts(runId: string): AgentEvent[] {
    return this.#facts.all(runId).flatMap((row) => JSON.parse(row.payload) as AgentEvent[]);
  }
}

function pack(deltas: readonly EventOf<"item.delta">[]): PackedDeltas[] {
  const packed: PackedDeltas[] = [];
  let open: PackedDeltas | undefined;
  for (const { itemId, channel, seq, delta, at } of deltas) {
    if (open === undefined || open[0] !== itemId || open[1] !== channel || open[2] + open[3].length !== seq) {
      open = [itemId, channel, seq, [], []];
      packed.push(open);
    }
    open[3].push(delta);
    open[4].push(at);
  }
  return packed;
}

function unpack(runId: string, payload: string): AgentEvent[] {
  return (JSON.parse(payload) as PackedDeltas[]).flatMap(([itemId, channel, firstSeq, texts, ats]) =>
    texts.map((delta, i) => {
      const at = ats[i] ?? 0;
      return { runId, seq: firstSeq + i, at, type: "item.delta" as const, itemId, channel, delta };
    }),
  );
}
