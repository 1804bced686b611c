import { deliveryLane, nextDelivery } from "../../domain/delivery.ts";
import type { Fire, Job } from "../../domain/job.ts";
import type { FireQuery, JobChange, JobClaim, JobQuery } from "../job-store.ts";
import type { Db } from "./db.ts";
import { inWindows } from "./windows.ts";

interface DataRow {
  data: string;
}

interface JobRow extends DataRow {
  revision: number;
}

interface PageTerms {
  owner: string;
  start: string;
  state: string | null;
  limit: number;
}

interface FirePageTerms {
  job: string;
  owner: string;
  start: string;
  end: string;
  status: string | null;
  limit: number;
}

type FireColumns = [status: string, data: string, deliverAt: number | null, place: string | null];

/** After every id. */
const AFTER_ALL = "~";
const OPEN = "status IN ('queued', 'running')";

/** Jobs, and a row for each time that one was due. */
export class JobTable {
  readonly #insert;
  readonly #find;
  readonly #list;
  readonly #update;
  readonly #delete;
  readonly #due;
  readonly #nextDue;
  readonly #insertFire;
  readonly #updateFire;
  readonly #deleteFires;
  readonly #fires;
  readonly #deliveryLane;
  readonly #latest;
  readonly #open;
  readonly #sweep;

  constructor(db: Db) {
    this.#insert = db.prepare<[string, string, string, number | null, number, string]>(
      "INSERT INTO jobs (id, owner, state, next_at, revision, data) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#find = db.prepare<[string, string], JobRow>(
      "SELECT data, revision FROM jobs WHERE id = ? AND owner = ?",
    );
    const page = (compare: string, order: string) =>
      db.prepare<PageTerms, JobRow>(
        `SELECT data, revision FROM jobs WHERE owner = :owner AND id ${compare} :start AND (:state IS NULL OR state = :state)
         ORDER BY id ${order} LIMIT :limit`,
      );
    this.#list = { asc: page(">", "ASC"), desc: page("<", "DESC") };
    this.#update = db.prepare<[string, number | null, string, string, string, number]>(
      "UPDATE jobs SET state = ?, next_at = ?, revision = revision + 1, data = ? WHERE id = ? AND owner = ? AND revision = ?",
    );
    this.#delete = db.prepare<[string, string]>("DELETE FROM jobs WHERE id = ? AND owner = ?");
    this.#due = db.prepare<[number, number], JobRow>(
      "SELECT data, revision FROM jobs WHERE next_at <= ? ORDER BY next_at LIMIT ?",
    );
    this.#nextDue = db
      .prepare<[], number | null>("SELECT min(next_at) FROM jobs WHERE next_at IS NOT NULL")
      .pluck();
    this.#insertFire = db.prepare<unknown[]>(
      `INSERT INTO fires (id, job_id, owner, occurrence, created_at, status, data, deliver_at, place)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING`,
    );
    this.#updateFire = db.prepare<[...FireColumns, string]>(
      "UPDATE fires SET status = ?, data = ?, deliver_at = ?, place = ? WHERE id = ?",
    );
    this.#deleteFires = db.prepare<[string]>("DELETE FROM fires WHERE job_id = ?");
    const firePage = (compare: string, until: string, order: string) =>
      db.prepare<FirePageTerms, DataRow>(
        `SELECT data FROM fires WHERE job_id = :job AND owner = :owner AND id ${compare} :start AND id ${until} :end
           AND (:status IS NULL OR status = :status) ORDER BY id ${order} LIMIT :limit`,
      );
    this.#fires = { asc: firePage(">", "<=", "ASC"), desc: firePage("<", ">=", "DESC") };
    const deliveryLane = (compare: string, order: string) =>
      db
        .prepare<{ job: string; start: string; skip: number }, string>(
          `SELECT id FROM fires WHERE job_id = :job AND id ${compare} :start ORDER BY id ${order} LIMIT 1 OFFSET :skip`,
        )
        .pluck();
    this.#deliveryLane = { asc: deliveryLane(">", "ASC"), desc: deliveryLane("<", "DESC") };
    this.#latest = db.prepare<[string], { data: string | null }>(
      `SELECT (SELECT data FROM fires WHERE job_id = ids.value ORDER BY id DESC LIMIT 1) AS data
       FROM json_each(?) AS ids ORDER BY ids.key`,
    );
    this.#open = db.prepare<[], DataRow>(`SELECT data FROM fires WHERE ${OPEN} AND id > '' ORDER BY id`);
    this.#sweep = db.prepare<[number, number]>(
      `DELETE FROM fires WHERE id IN (
         SELECT id FROM fires WHERE created_at < ? AND status NOT IN ('queued', 'running') AND deliver_at IS NULL LIMIT ?
       )`,
    );
  }

  create(job: Job): void {
    const { id, owner, state, nextAt, revision } = job;
    this.#insert.run(id, owner, state, nextAt ?? null, revision, JSON.stringify(job));
  }

  find(id: string, owner: string): Job | undefined {
    const row = this.#find.get(id, owner);
    return row && parseJob(row);
  }

  list({ owner, order, limit, after, state }: JobQuery): Job[] {
    const start = after ?? (order === "asc" ? "" : AFTER_ALL);
    return this.#list[order].all({ owner, start, state: state ?? null, limit }).map(parseJob);
  }

  change({ job, fires = [], updates = [] }: JobChange): Job | undefined {
    if (!this.#write(job)) return undefined;
    for (const fire of fires) this.#insertNew(fire);
    for (const fire of updates) this.update(fire);
    return { ...job, revision: job.revision + 1 };
  }

  claim({ job, fires }: JobClaim): Fire[] | undefined {
    return this.#write(job) ? fires.filter((fire) => this.#insertNew(fire)) : undefined;
  }

  update(fire: Fire): void {
    this.#updateFire.run(...toFireColumns(fire), fire.id);
  }

  delete(id: string, owner: string): boolean {
    if (this.#delete.run(id, owner).changes === 0) return false;
    this.#deleteFires.run(id);
    return true;
  }

  due(now: number, limit: number): Job[] {
    return this.#due.all(now, limit).map(parseJob);
  }

  nextDueAt(): number | undefined {
    return this.#nextDue.get() ?? undefined;
  }

  async fires({ jobId: job, owner, order, limit, after, status }: FireQuery): Promise<Fire[]> {
    const [first, last] = order === "asc" ? ["", AFTER_ALL] : [AFTER_ALL, ""];
    const rows = await inWindows<string, DataRow>({
      start: after ?? first,
      limit,
      placeOf: (start, count) =>
        status === undefined ? undefined : this.#deliveryLane[order].get({ job, start, skip: count - 1 }),
      read: ({ end = last, ...window }) =>
        this.#fires[order].all({ job, owner, status: status ?? null, ...window, end }),
    });
    return rows.map(parseFire);
  }

  latest(jobIds: readonly string[]): (Fire | undefined)[] {
    return this.#latest
      .all(JSON.stringify(jobIds))
      .map(({ data }) => (data === null ? undefined : parseFire({ data })));
  }

  open(): Fire[] {
    return this.#open.all().map(parseFire);
  }

  sweep(before: number, limit: number): number {
    return this.#sweep.run(before, limit).changes;
  }

  #write(job: Job): boolean {
    const { id, owner, state, nextAt, revision } = job;
    return this.#update.run(state, nextAt ?? null, JSON.stringify(job), id, owner, revision).changes > 0;
  }

  #insertNew(fire: Fire): boolean {
    const { id, jobId, owner, kind, scheduledFor, createdAt } = fire;
    const occurrence = kind === "schedule" ? scheduledFor : null;
    return this.#insertFire.run(id, jobId, owner, occurrence, createdAt, ...toFireColumns(fire)).changes > 0;
  }
}

/** The columns of a fire that change with it. */
function toFireColumns(fire: Fire): FireColumns {
  const next = nextDelivery(fire.deliveries);
  const place = next === undefined ? null : deliveryLane(next);
  return [fire.status, JSON.stringify(fire), next === undefined ? null : (next.nextAt ?? 0), place];
}

function parseJob({ data, revision }: JobRow): Job {
  return { ...(JSON.parse(data) as Job), revision };
}

function parseFire({ data }: DataRow): Fire {
  return JSON.parse(data) as Fire;
}
