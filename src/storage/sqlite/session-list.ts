import type { Run } from "../../domain/run.ts";
import type { ModelLock, SessionEntry, SessionTally } from "../../domain/session.ts";
import { addRun, emptyTally } from "../session-rules.ts";
import type { SessionQuery } from "../session-store.ts";
import type { Db } from "./db.ts";
import type { Link, SessionRunTable } from "./session-runs.ts";
import type { SessionTable } from "./sessions.ts";
import type { TranscriptTable } from "./transcripts.ts";
import { inWindows } from "./windows.ts";

interface EntryRow {
  id: string;
  created_at: number;
  updated_at: number;
  head_run: string | null;
  source: string;
  pinned: 0 | 1;
  archived: 0 | 1;
  hidden: 0 | 1;
  unread: 0 | 1;
  title: string | null;
  end_reason: string | null;
  ended_at: number | null;
  parent_id: string | null;
  root_id: string | null;
  preview: string | null;
  tally: string | null;
  model_lock: string | null;
  has_instructions: 0 | 1;
}

interface PageTerms {
  owner: string;
  source: string | null;
  limit: number;
  offset: number;
}

/** A session's position in the list. */
interface Place {
  at: number;
  id: string;
}

interface SearchTerms {
  owner: string;
  source: string | null;
  words: string;
  at: number;
  id: string;
  endAt: number;
  endId: string;
  limit: number;
}

/** Positions before and after all sessions. */
const FIRST: Place = { at: Number.MAX_SAFE_INTEGER, id: "" };
const LAST: Place = { at: -1, id: "" };

/** The totals of a session's runs up to one that has ended. */
interface Counted {
  upTo: string;
  tally: SessionTally;
}

const COLUMNS =
  "id, created_at, updated_at, head_run, source, pinned, archived, hidden, unread, title, end_reason, ended_at, parent_id, root_id, preview, tally, model_lock, has_instructions";

/** After this many runs, other requests get a turn; takes some ms. */
const RUNS_AT_ONCE = 200;

/** What the lists of sessions are read with. */
interface ListParts {
  sessions: SessionTable;
  runs: SessionRunTable;
  transcripts: TranscriptTable;
  /** Whether a write would start at once. */
  mayWrite(): boolean;
}

/**
 * Sessions as lists show them. The totals of their runs are computed when a list is read, each run once, so that
 * turns do not pay for them.
 */
export class SessionListTable {
  readonly #parts: ListParts;
  readonly #page;
  readonly #search;
  readonly #placeOf;
  readonly #pinned;
  readonly #entry;
  readonly #titled;
  readonly #titles;
  readonly #run;
  readonly #recount;
  readonly #keep;

  constructor(db: Db, parts: ListParts) {
    this.#parts = parts;
    const listed = "FROM sessions WHERE owner = :owner AND hidden = 0";
    const ofSource = "(:source IS NULL OR source = :source)";
    const order = "ORDER BY updated_at DESC, id DESC";
    this.#page = db.prepare<PageTerms, EntryRow>(
      `SELECT ${COLUMNS} ${listed} AND ${ofSource} ${order} LIMIT :limit OFFSET :offset`,
    );
    this.#search = db.prepare<SearchTerms, EntryRow>(
      `SELECT ${COLUMNS} ${listed} AND ${ofSource} AND (updated_at, id) < (:at, :id) AND (updated_at, id) >= (:endAt, :endId)
         AND (title LIKE :words ESCAPE '\\' OR preview LIKE :words ESCAPE '\\') ${order} LIMIT :limit`,
    );
    this.#placeOf = db.prepare<Place & { owner: string; skip: number }, Place>(
      `SELECT updated_at AS at, id ${listed} AND (updated_at, id) < (:at, :id) ${order} LIMIT 1 OFFSET :skip`,
    );
    this.#pinned = db.prepare<[string, number], EntryRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE owner = ? AND pinned = 1 AND hidden = 0
       ORDER BY updated_at DESC, id DESC LIMIT ?`,
    );
    this.#entry = db.prepare<[string, string], EntryRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE id = ? AND owner = ?`,
    );
    this.#titled = db.prepare<[string, string], EntryRow>(
      `SELECT ${COLUMNS} FROM sessions WHERE owner = ? AND title = ?`,
    );
    this.#titles = db
      .prepare<[string, string, string], string>(
        "SELECT title FROM sessions WHERE owner = ? AND title >= ? AND title < ? LIMIT 1000",
      )
      .pluck();
    this.#run = db.prepare<[string], { session_id: string | null; ended_at: number | null; data: string }>(
      "SELECT session_id, ended_at, data FROM runs WHERE id = ?",
    );
    this.#recount = db.prepare<[string | null, string]>(
      "UPDATE sessions SET tally = NULL, preview = ? WHERE id = ?",
    );
    const keep = db.prepare<[string, string]>("UPDATE sessions SET tally = ? WHERE id = ?");
    this.#keep = db.transaction((counted: readonly [string, Counted][]) => {
      for (const [id, count] of counted) keep.run(JSON.stringify(count), id);
    });
  }

  async page({ owner, limit, offset, words, ...query }: SessionQuery): Promise<SessionEntry[]> {
    const { source = null } = query;
    if (words === undefined) return this.#entries(this.#page.all({ owner, limit, offset, source }));
    const pattern = `%${words.replace(/[\\%_]/g, "\\$&")}%`;
    const rows = await inWindows<Place, EntryRow>({
      start: FIRST,
      limit: offset + limit,
      placeOf: (start, count) => this.#placeOf.get({ owner, ...start, skip: count - 1 }),
      read: ({ start, end = LAST, limit: most }) => {
        const range = { ...start, endAt: end.at, endId: end.id };
        return this.#search.all({ owner, source, words: pattern, ...range, limit: most });
      },
    });
    return this.#entries(rows.slice(offset));
  }

  pinned(owner: string, limit: number): Promise<SessionEntry[]> {
    return this.#entries(this.#pinned.all(owner, limit));
  }

  async entry(id: string, owner: string): Promise<SessionEntry | undefined> {
    return (await this.#entries(this.#entry.all(id, owner)))[0];
  }

  async titled(owner: string, title: string): Promise<SessionEntry | undefined> {
    return (await this.#entries(this.#titled.all(owner, title)))[0];
  }

  titles(owner: string, beginning: string): string[] {
    return this.#titles.all(owner, beginning, `${beginning}\u{10FFFF}`);
  }

  /** Resets a session's totals after items were hidden. */
  recount(id: string, preview: string | undefined): void {
    this.#recount.run(preview ?? null, id);
  }

  async #entries(rows: readonly EntryRow[]): Promise<SessionEntry[]> {
    const counted: [string, Counted][] = [];
    const entries: SessionEntry[] = [];
    const pace = { runs: 0 };
    for (const row of rows) {
      const { tally, keep } = await this.#count(row, pace);
      if (keep !== undefined) counted.push([row.id, keep]);
      entries.push(toEntry(row, tally));
    }
    try {
      if (counted.length > 0 && this.#parts.mayWrite()) this.#keep.immediate(counted);
    } catch {
      // On a full disk the list is still shown; the totals are computed again next time.
    }
    return entries;
  }

  /** `pace`: how many runs were counted so far. */
  async #count(row: EntryRow, pace: { runs: number }): Promise<{ tally: SessionTally; keep?: Counted }> {
    const known = row.tally === null ? undefined : (JSON.parse(row.tally) as Counted);
    let tally = known?.tally ?? emptyTally(row.created_at);
    const hidden = this.#parts.sessions.hidden(row.id);
    let keep: Counted | undefined;
    for (const link of this.#newer(row, known)) {
      const { sum, isFinal } = this.#add(tally, link, { session: row.id, hidden });
      tally = sum;
      if (isFinal) keep = { upTo: link.id, tally };
      if (++pace.runs % RUNS_AT_ONCE === 0) await new Promise(setImmediate);
    }
    const isStill = this.#parts.sessions.hidden(row.id).size === hidden.size;
    return keep === undefined || !isStill ? { tally } : { tally, keep };
  }

  /** Returns the runs that were not counted yet, oldest first. */
  #newer({ head_run: head }: EntryRow, known: Counted | undefined): readonly Link[] {
    if (head === null || known?.upTo === head) return [];
    const chain = this.#parts.runs.chain(head);
    const counted = known === undefined ? -1 : chain.findIndex(({ id }) => id === known.upTo);
    return chain.slice(0, counted < 0 ? chain.length : counted).toReversed();
  }

  #add(
    tally: SessionTally,
    { id, through }: Link,
    { session, hidden }: { session: string; hidden: ReadonlySet<string> },
  ): { sum: SessionTally; isFinal: boolean } {
    const row = this.#run.get(id);
    if (row === undefined) return { sum: tally, isFinal: false };
    const { items, steps, usage } = this.#parts.transcripts.own(id, through);
    const sum = addRun(tally, {
      items: items.filter((item) => !hidden.has(item.id)),
      model: (JSON.parse(row.data) as Run).model,
      steps,
      usage,
      endedAt: row.ended_at,
      isOwn: row.session_id === session,
    });
    return { sum, isFinal: row.ended_at !== null || through !== null };
  }
}

function toEntry(row: EntryRow, tally: SessionTally): SessionEntry {
  return {
    id: row.id,
    createdAt: row.created_at,
    source: row.source,
    activeAt: Math.max(row.updated_at, tally.endedAt),
    title: row.title ?? undefined,
    endReason: row.end_reason ?? undefined,
    endedAt: row.ended_at ?? undefined,
    pinned: row.pinned === 1,
    archived: row.archived === 1,
    hidden: row.hidden === 1,
    unread: row.unread === 1,
    preview: row.preview ?? undefined,
    parentId: row.parent_id ?? undefined,
    rootId: row.root_id ?? undefined,
    hasInstructions: row.has_instructions === 1,
    lock: row.model_lock === null ? undefined : (JSON.parse(row.model_lock) as ModelLock),
    tally,
  };
}
