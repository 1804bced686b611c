import Database from "better-sqlite3";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import type { Run } from "../../src/domain/run.ts";
import { MIGRATIONS } from "../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { aRun, aSession, following, keep, PROMPT } from "./stored.ts";

/** What lies in a database, whichever schema it has. */
export interface OlderContents {
  /** A chain of responses, the oldest first. */
  chain: Run[];
  /** Runs of a session, the oldest first. */
  session: { id: string; runs: Run[] };
}

/** Makes a database as the program with so many migrations left it. */
export async function olderDatabase(file: string, version: number): Promise<OlderContents> {
  const latest = `${file}.latest`;
  const contents = await filled(latest);
  const [from, to] = [new Database(latest), new Database(file)];
  to.pragma(`application_id = ${APPLICATION_ID}`);
  to.pragma("page_size = 8192");
  to.pragma("journal_mode = WAL");
  for (const migration of MIGRATIONS.slice(0, version)) to.exec(migration);
  to.pragma(`user_version = ${version}`);
  const prompts = new Map(
    from
      .prepare<[], { hash: string }>("SELECT hash, text FROM prompts")
      .all()
      .map((prompt) => [prompt.hash, prompt]),
  );
  for (const table of to
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .pluck()
    .all()) {
    const known = columnsOf(from, table);
    const columns = columnsOf(to, table).filter((column) => known.includes(column));
    const values = columns.map((column) => `:${column}`);
    const put = to.prepare(`INSERT INTO ${table} (${columns}) VALUES (${values})`);
    // Sessions once held their prompts themselves.
    const isWhole = table === "sessions" && !columnsOf(to, table).includes("source");
    for (const row of from.prepare<[], Record<string, unknown>>(`SELECT ${columns} FROM ${table}`).all())
      put.run(isWhole ? { ...row, prompt: JSON.stringify(prompts.get(String(row["prompt"]))) } : row);
  }
  from.close();
  to.close();
  return contents;
}

function columnsOf(db: Database.Database, table: string): string[] {
  return db.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table);
}

async function filled(file: string): Promise<OlderContents> {
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  await store.keepPrompt(PROMPT);
  const first = aRun({ surface: "responses", prompt: PROMPT.hash });
  const chain = [first, following(first, { surface: "responses" })];
  for (const [n, run] of chain.entries()) await keep(store, run, `${n}?`, `${n}!`);
  await store.sessions.create(aSession("talk"));
  const asked = aRun({ sessionId: "talk" });
  const runs = [asked, following(asked, { sessionId: "talk" })];
  for (const [n, run] of runs.entries()) await keep(store, run, `${n}?`, `${n}!`);
  await store.close();
  return { chain, session: { id: "talk", runs } };
}
