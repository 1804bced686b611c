import type { RunId } from "../../domain/id.ts";
import type { Run, RunStatus } from "../../domain/run.ts";
import type { Usage } from "../../domain/usage.ts";
import type { RunQuery, RunWrite, StoredRun } from "../store.ts";
import type { Db } from "./db.ts";
import { DELTAS, type FirstFacts } from "./events.ts";
import { inWindows } from "./windows.ts";

interface RunRow {
  status: RunStatus;
  ended_at: number | null;
  reserved_seq: number;
  usage: string | null;
  data: string;
}

interface ExpiredRow {
  id: string;
  parent_run: string | null;
  /** Whether another run continues it, or a session ends with it. */
  is_needed: 0 | 1;
}

/** How many rows a sweep may look at for each row that it may remove; a longer sweep would delay requests. */
const SEEN_PER_REMOVED = 20;

interface PlaceTerms {
  owner: string;
  surface: string;
  start: string;
  skip: number;
}

interface ListTerms {
  owner: string;
  surface: string;
  start: string;
  end: string;
  status: string | null;
  session: string | null;
  job: string | null;
  limit: number;
}

/** The owner of deleted runs that another run still needs. */
const NOBODY = "";

/** Stands for the owner of runs that only an idempotency key leads to; no owner has this name. */
const HIDDEN = " ";

/** Sorts after every run id. */
const AFTER_ALL = "run`";

const COLUMNS = "status, ended_at, reserved_seq, usage, data";

/** One row per run: what lists, lookups and sweeps need without reading events. */
export class RunTable {
  readonly #insert;
  readonly #update;
  readonly #begin;
  readonly #find;
  readonly #findOwned;
  readonly #list;
  readonly #placeOf;
  readonly #disown;
  readonly #unfinished;
  readonly #expired;
  readonly #setAside;
  readonly #takeBack;
  readonly #deleteRun;
  readonly #deleteEvents;

  constructor(db: Db) {
    this.#insert = db.prepare<unknown[]>(
      `INSERT INTO runs (id, owner, surface, status, session_id, parent_run, created_at, ended_at, expires_at, reserved_seq, usage, data, facts, has_deltas, parent_through)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#update = db.prepare<unknown[]>(
      `UPDATE runs SET status = ?, ended_at = ?, expires_at = coalesce(?, expires_at), reserved_seq = ?, usage = ?,
         has_deltas = iif(?, (SELECT 1 FROM events WHERE run_id = runs.id AND kind = ${DELTAS} LIMIT 1), NULL)
       WHERE id = ?`,
    );
    this.#begin = db.prepare<[string | null, string, string]>(
      "UPDATE runs SET parent_run = ?, data = ? WHERE id = ?",
    );
    this.#find = db.prepare<[string, string], RunRow>(
      `SELECT ${COLUMNS} FROM runs WHERE id = ? AND owner = ?`,
    );
    this.#findOwned = db.prepare<[string, string], RunRow>(
      `SELECT ${COLUMNS} FROM runs WHERE id = ? AND owner <> ?`,
    );
    // The index leaves out chats; SQLite uses it only if the query says so too.
    const listed = "FROM runs WHERE owner = :owner AND surface = :surface AND surface <> 'chat'";
    const page = (compare: string, until: string, order: string) =>
      db.prepare<ListTerms, RunRow>(
        `SELECT ${COLUMNS} ${listed} AND id ${compare} :start AND id ${until} :end
           AND (:status IS NULL OR status = :status) AND (:session IS NULL OR session_id = :session)
           AND (:job IS NULL OR data ->> '$.job' = :job)
         ORDER BY id ${order} LIMIT :limit`,
      );
    this.#list = { asc: page(">", "<=", "ASC"), desc: page("<", ">=", "DESC") };
    const placeOf = (compare: string, order: string) =>
      db
        .prepare<PlaceTerms, string>(
          `SELECT id ${listed} AND id ${compare} :start ORDER BY id ${order} LIMIT 1 OFFSET :skip`,
        )
        .pluck();
    this.#placeOf = { asc: placeOf(">", "ASC"), desc: placeOf("<", "DESC") };
    this.#disown = db.prepare<[string, number, string, string]>(
      "UPDATE runs SET owner = ?, expires_at = ? WHERE id = ? AND owner = ?",
    );
    this.#unfinished = db.prepare<[], RunRow>(
      `SELECT ${COLUMNS} FROM runs WHERE status IN ('queued', 'running') ORDER BY id`,
    );
    this.#expired = db.prepare<[number, number], ExpiredRow>(
      `SELECT id, parent_run,
         EXISTS (SELECT 1 FROM runs AS next WHERE next.parent_run = runs.id)
           OR EXISTS (SELECT 1 FROM sessions WHERE sessions.id = runs.session_id AND head_run = runs.id) AS is_needed
       FROM runs WHERE expires_at > 0 AND expires_at <= ? AND status NOT IN ('queued', 'running') LIMIT ?`,
    );
    this.#setAside = db.prepare<[string]>("UPDATE runs SET expires_at = -expires_at WHERE id = ?");
    this.#takeBack = db.prepare<[string]>(
      "UPDATE runs SET expires_at = -expires_at WHERE id = ? AND expires_at < 0",
    );
    this.#deleteRun = db.prepare<[string]>("DELETE FROM runs WHERE id = ?");
    this.#deleteEvents = db.prepare<[string]>("DELETE FROM events WHERE run_id = ?");
  }

  /** Writes a run's row, after its events; a new row holds the run's first facts. */
  write(write: RunWrite, { facts, hasDeltas }: FirstFacts): void {
    const { run, created, status, reservedSeq, endedAt, usage, expiresAt } = write;
    const usageText = usage === undefined ? null : JSON.stringify(usage);
    const ended = endedAt ?? null;
    const expires = expiresAt ?? null;
    if (!created) {
      const isOver = endedAt === undefined ? 0 : 1;
      this.#update.run(status, ended, expires, reservedSeq, usageText, isOver, run.id);
      return;
    }
    const { id, surface, sessionId = null, parent, createdAt } = run;
    const owner = run.hidden === true ? HIDDEN : run.owner;
    const parentRun = parent?.runId ?? null;
    const data = JSON.stringify(run);
    this.#insert.run(
      id,
      owner,
      surface,
      status,
      sessionId,
      parentRun,
      createdAt,
      ended,
      expires,
      reservedSeq,
      usageText,
      data,
      facts,
      ended !== null && hasDeltas ? 1 : null,
      parent?.throughItem ?? null,
    );
  }

  /** Updates a row that was created before the run's terms were final. */
  begin(run: Run): void {
    this.#begin.run(run.parent?.runId ?? null, JSON.stringify(run), run.id);
  }

  find(id: RunId, owner: string): StoredRun | undefined {
    const row = this.#find.get(id, owner);
    return row && storedRun(row);
  }

  /** Returns a run of any owner, unless it was deleted. */
  findOwned(id: RunId): StoredRun | undefined {
    const row = this.#findOwned.get(id, NOBODY);
    return row && storedRun(row);
  }

  async list({
    owner,
    surface,
    order,
    limit,
    after,
    status,
    sessionId,
    job,
  }: RunQuery): Promise<StoredRun[]> {
    const [first, last] = order === "asc" ? ["", AFTER_ALL] : [AFTER_ALL, ""];
    const filter = { status: status ?? null, session: sessionId ?? null, job: job ?? null };
    const all = { owner, surface };
    const isFiltered = status !== undefined || sessionId !== undefined || job !== undefined;
    const rows = await inWindows<string, RunRow>({
      start: after ?? first,
      limit,
      placeOf: (start, count) =>
        isFiltered ? this.#placeOf[order].get({ ...all, start, skip: count - 1 }) : undefined,
      read: ({ end = last, ...window }) => this.#list[order].all({ ...all, ...filter, ...window, end }),
    });
    return rows.map(storedRun);
  }

  disown(id: RunId, owner: string, now: number): boolean {
    return this.#disown.run(NOBODY, now, id, owner).changes > 0;
  }

  unfinished(): StoredRun[] {
    return this.#unfinished.all().map(storedRun);
  }

  /**
   * Removes expired runs. A run that a kept run continues must stay as long as that run, and the head of a session as
   * long as the session: such a run is put aside (its expiry is negated) and looked at again when its successor or
   * session is removed. So each row is looked at once, and chains are removed from their ends.
   */
  sweep(now: number, limit: number): number {
    let removed = 0;
    for (let seen = 0; removed < limit && seen < limit * SEEN_PER_REMOVED; ) {
      const rows = this.#expired.all(now, limit - removed);
      if (rows.length === 0) break;
      seen += rows.length;
      const free = rows.filter((row) => row.is_needed === 0);
      // First put aside, then remove: removing a run makes the sweep look at its predecessor again.
      for (const row of rows) if (row.is_needed === 1) this.#setAside.run(row.id);
      for (const row of free) this.#remove(row);
      removed += free.length;
    }
    return removed;
  }

  #remove({ id, parent_run: parent }: ExpiredRow): void {
    this.#deleteEvents.run(id);
    this.#deleteRun.run(id);
    if (parent !== null) this.#takeBack.run(parent);
  }
}

function storedRun(row: RunRow): StoredRun {
  return {
    run: JSON.parse(row.data) as Run,
    status: row.status,
    endedAt: row.ended_at ?? undefined,
    usage: row.usage === null ? undefined : (JSON.parse(row.usage) as Usage),
    reservedSeq: row.reserved_seq,
  };
}
