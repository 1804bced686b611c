import type { AgentEvent, EventOf } from "../../domain/event.ts";
import type { RunId } from "../../domain/id.ts";
import type { Run } from "../../domain/run.ts";
import type { EventRange, RunWrite } from "../store.ts";
import type { Db } from "./db.ts";
import { pack, unpack } from "./deltas.ts";

/** Kinds of rows. */
const FACTS = 0;
export const DELTAS = 1;
/** Deltas of a run that is long over, merged. */
export const MERGED = 2;

interface EventRow {
  batch: number;
  kind: number;
  payload: string;
  /** The run itself, in the first row of its log. */
  run: string | null;
}

/** What a run's own row takes of a commit. */
export interface FirstFacts {
  /** The facts of the first batch, as a JSON array. */
  facts: string;
  hasDeltas: boolean;
}

/** Events that happened together, as they are stored. */
interface PackedEvents {
  /** Commits of one run in their order. */
  batch: number;
  lastSeq: number;
  /** All but the deltas, as a JSON array. */
  facts: string;
  deltas: string | undefined;
}

const NO_FACTS = "[]";
/** The batch of a run's first commit, whose facts lie in the run's own row. */
const FIRST_BATCH = 0;

/** Whoever reads a page of a log gets a batch whole, however slow it is. */
const MAX_BATCH = 128;

/** Makes rows of what one commit brings: nearly always one batch. */
function packCommit(events: readonly AgentEvent[]): [PackedEvents, ...PackedEvents[]] {
  const packed: [PackedEvents, ...PackedEvents[]] = [packEvents(events.slice(0, MAX_BATCH))];
  for (let from = MAX_BATCH; from < events.length; from += MAX_BATCH)
    packed.push(packEvents(events.slice(from, from + MAX_BATCH)));
  return packed;
}

/** Makes rows of events. */
function packEvents(events: readonly AgentEvent[]): PackedEvents {
  const deltas = events.filter((event) => event.type === "item.delta");
  const facts = deltas.length === 0 ? events : events.filter((event) => event.type !== "item.delta");
  return {
    batch: events[0]?.seq ?? FIRST_BATCH,
    lastSeq: events.at(-1)?.seq ?? 0,
    facts: JSON.stringify(facts[0]?.type === "run.created" ? withoutRun(facts[0], facts) : facts),
    deltas: deltas.length === 0 ? undefined : JSON.stringify(pack(deltas)),
  };
}

/** The log of each run. Facts and deltas lie apart, so that a transcript is read without parsing a single delta. */
export class EventTable {
  readonly #insert;
  readonly #range;
  readonly #laterFacts;

  constructor(db: Db) {
    this.#insert = db.prepare<[string, number, number, number, string]>(
      "INSERT INTO events (run_id, batch, kind, last_seq, payload) VALUES (?, ?, ?, ?, ?)",
    );
    this.#range = db.prepare<{ run: string; after: number }, EventRow>(
      // Batches follow each other: the one before a cursor says where to begin, and the second whether the run is needed.
      `SELECT ${FIRST_BATCH} AS batch, ${FACTS} AS kind, facts AS payload, data AS run FROM runs WHERE id = :run
         AND :after < coalesce((SELECT min(batch) FROM events WHERE run_id = :run AND batch > ${FIRST_BATCH}), ${Number.MAX_SAFE_INTEGER})
       UNION ALL
       SELECT batch, kind, payload, NULL FROM events WHERE run_id = :run AND last_seq > :after
         AND batch >= coalesce((SELECT max(batch) FROM events WHERE run_id = :run AND batch <= :after), ${FIRST_BATCH})
       ORDER BY batch, kind`,
    );
    this.#laterFacts = db
      .prepare<[string], string>(
        `SELECT payload FROM events WHERE run_id = ? AND kind = ${FACTS} ORDER BY batch`,
      )
      .pluck();
  }

  /** Stores what a commit brings; what the run's own row must know of it, which a new run's has the first facts. */
  write({ run, created, events }: RunWrite): FirstFacts {
    const [first, ...more] = packCommit(events);
    this.#put(run.id, created ? { ...first, batch: FIRST_BATCH, facts: NO_FACTS } : first);
    for (const packed of more) this.#put(run.id, packed);
    return { facts: first.facts, hasDeltas: [first, ...more].some(({ deltas }) => deltas !== undefined) };
  }

  #put(runId: string, { batch, lastSeq, facts, deltas }: PackedEvents): void {
    if (facts !== NO_FACTS) this.#insert.run(runId, batch, FACTS, lastSeq, facts);
    if (deltas !== undefined) this.#insert.run(runId, batch, DELTAS, lastSeq, deltas);
  }

  /** Events after a cursor, whole batches at a time, in order of `seq`. */
  read(runId: RunId, { afterSeq, limit }: EventRange): AgentEvent[] {
    const events: AgentEvent[] = [];
    let batch: number | undefined;
    let run = "";
    for (const row of this.#range.iterate({ run: runId, after: afterSeq })) {
      if (row.batch !== batch && events.length >= limit) break;
      batch = row.batch;
      run = row.run ?? run;
      const parsed = row.kind === FACTS ? parseFacts(row.payload, run) : unpack(runId, row.payload);
      for (const event of parsed) if (event.seq > afterSeq) events.push(event);
    }
    return events.sort((a, b) => a.seq - b.seq);
  }

  /** All events but deltas, in order of `seq`. */
  facts(runId: RunId): AgentEvent[] {
    const facts: AgentEvent[] = [];
    let run = "";
    for (const row of this.#range.iterate({ run: runId, after: 0 })) {
      run = row.run ?? run;
      if (row.kind === FACTS) facts.push(...parseFacts(row.payload, run));
    }
    return facts.sort((a, b) => a.seq - b.seq);
  }

  /** A run's facts after its first commit, as they are stored. */
  laterFacts(runId: string): string[] {
    return this.#laterFacts.all(runId);
  }
}

/** The run stands in its own row, too: what its request says is not stored twice. */
function withoutRun(created: EventOf<"run.created">, facts: readonly AgentEvent[]): unknown[] {
  return [{ ...created, run: undefined }, ...facts.slice(1)];
}

function parseFacts(payload: string, run: string): AgentEvent[] {
  const facts = JSON.parse(payload) as AgentEvent[];
  const created = facts[0];
  // Without the run's row the event lies before the cursor.
  if (created?.type === "run.created" && run !== "") created.run = JSON.parse(run) as Run;
  return facts;
}
