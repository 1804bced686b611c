import { describe, expect, onTestFinished, test } from "vitest";
import { type Db, openDatabase } from "../../../src/storage/sqlite/db.ts";
import { storeOn } from "../../../src/storage/sqlite/store.ts";

/** Every statement that the store prepares, with how SQLite would find its rows. */
function plans(): { sql: string; steps: string[] }[] {
  const db = openDatabase({ file: ":memory:", applicationId: 1 });
  onTestFinished(() => void db.close());
  const statements: string[] = [];
  const written = new Proxy(db, {
    get: (target, name) => {
      if (name === "prepare") {
        return (sql: string) => {
          statements.push(sql);
          return target.prepare(sql);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  storeOn(written as Db, { file: ":memory:", sync: "normal" });
  return statements
    .filter((sql) => !sql.startsWith("INSERT"))
    .map((sql) => ({ sql, steps: stepsOf(db, sql) }));
}

function stepsOf(db: Db, sql: string): string[] {
  const names = [...sql.matchAll(/:(\w+)/g)].map(([, name]) => [name, null]);
  const nameless = Array.from(sql.matchAll(/\?/g), () => null);
  const explain = db.prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`);
  const rows = names.length > 0 ? explain.all(Object.fromEntries(names)) : explain.all(...nameless);
  return rows.map(({ detail }) => detail);
}

/** Those that wait for their end are few, and all of them are wanted; so are rows that a statement makes itself. */
const WANTED = /USING INDEX runs_unfinished|SCAN places/;
/** A list that a statement is given, and keeps in its order. */
const GIVEN = "FROM json_each(?) AS ids";

describe("however much is stored", () => {
  test("no statement reads a whole table, nor sorts what it finds", () => {
    const all = plans();
    expect(all.length).toBeGreaterThan(15);
    for (const { sql, steps } of all.filter(({ sql }) => !sql.includes(GIVEN))) {
      const slow = steps.filter((step) => /SCAN|TEMP B-TREE/.test(step) && !WANTED.test(step));
      expect(slow, `${sql}\n${steps.join("\n")}`).toEqual([]);
    }
  });

  test.each([
    [
      "a look-up",
      /FROM runs WHERE id = \? AND owner = \?/,
      /SEARCH runs USING INDEX sqlite_autoindex_runs_1 \(id=\?\)/,
    ],
    [
      "a list",
      /data FROM runs WHERE owner.* ORDER BY id DESC LIMIT/s,
      /SEARCH runs USING INDEX runs_listed \(owner=\? AND surface=\? AND id>\? AND id<\?\)/,
    ],
    [
      "the end of a window of a list",
      /SELECT id FROM runs WHERE owner.* ORDER BY id DESC LIMIT 1 OFFSET/s,
      /SEARCH runs USING COVERING INDEX runs_listed \(owner=\? AND surface=\? AND id<\?\)/,
    ],
    [
      "a window of a job's history",
      /SELECT data FROM fires WHERE job_id = :job.* ORDER BY id DESC/s,
      /SEARCH fires USING INDEX fires_listed \(job_id=\? AND id>\? AND id<\?\)/,
    ],
    [
      "a window of a search for sessions",
      /FROM sessions .* LIKE/s,
      /SEARCH sessions USING INDEX sessions_active \(owner=\? AND \(?updated_at,id\)?>\(\?,\?\) AND \(?updated_at,id\)?<\(\?,\?\)\)/,
    ],
    [
      "a list of sessions",
      /FROM sessions .* LIMIT :limit OFFSET :offset/s,
      /SEARCH sessions USING INDEX sessions_active \(owner=\?\)/,
    ],
    [
      "a title",
      /FROM sessions WHERE owner = \? AND title = \?/,
      /USING (COVERING )?INDEX sessions_title \(owner=\? AND title=\?\)/,
    ],
    ["a sweep", /AS is_needed/, /SEARCH runs USING INDEX runs_expiry \(expires_at>\? AND expires_at<\?\)/],
    [
      "a sweep's question who goes on from it",
      /AS is_needed/,
      /SEARCH next USING COVERING INDEX runs_parent/,
    ],
    [
      "what is to be pruned",
      /WHERE has_deltas = 1 AND ended_at/,
      /SEARCH runs USING INDEX runs_with_deltas \(ended_at<\?\)/,
    ],
    [
      "a log",
      /SELECT payload FROM events/,
      /SEARCH events USING INDEX sqlite_autoindex_events_1 \(run_id=\?\)/,
    ],
    [
      "where something is to be delivered",
      /WITH RECURSIVE places/,
      /SEARCH fires USING COVERING INDEX fires_undelivered \(place>\?\)/,
    ],
    [
      "what is to be delivered",
      /FROM fires WHERE deliver_at IS NOT NULL AND place = /,
      /SEARCH fires USING INDEX fires_undelivered \(place=\? AND deliver_at>\? AND deliver_at<\?\)/,
    ],
  ])("%s goes by its index", (_, sql, step) => {
    const found = plans().filter((plan) => sql.test(plan.sql));
    expect(found).not.toEqual([]);
    for (const { steps } of found) expect(steps.join("\n")).toMatch(step);
  });
});
