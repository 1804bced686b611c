import { join } from "node:path";
import Database from "better-sqlite3";
import { expect, onTestFinished, test } from "vitest";
import { APPLICATION_ID } from "../../../src/config/profile.ts";
import { MIGRATIONS } from "../../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { olderDatabase } from "../../helpers/older-database.ts";
import { aRun, dialogue, following, keep, OWNER, PROMPT, transcriptOf } from "../../helpers/stored.ts";

const SAID = ["user: 0?", "assistant: 0!", "user: 1?", "assistant: 1!"];

test.each(
  MIGRATIONS.map((_, at) => at + 1),
)("a database of schema %i is read whole and gone on with", async (version) => {
  const file = join(await temporaryDirectory(), "state.db");
  const { chain, session } = await olderDatabase(file, version);
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  onTestFinished(() => store.close());
  for (const runs of [chain, session.runs]) {
    for (const [n, run] of runs.entries()) {
      expect(await store.findRun(run.id, OWNER)).toMatchObject({ run, status: "completed" });
      const log = await store.readEvents(run.id, { afterSeq: 0, limit: 100 });
      expect(log).toEqual(dialogue(run, `${n}?`, `${n}!`));
    }
    const last = runs.at(-1);
    expect(transcriptOf(await store.readTranscript(last?.id ?? "run_"))).toEqual(SAID);
  }
  expect(await store.sessions.find(session.id, OWNER)).toMatchObject({ id: session.id, prompt: PROMPT });
  const found = await store.sessions.read(session.id, { order: "asc", limit: 10 });
  expect(found.map(({ run }) => run.id)).toEqual(session.runs.map(({ id }) => id));
  const [, head] = session.runs;
  if (head === undefined) throw new Error("no run");
  const next = following(head, { sessionId: session.id });
  await keep(store, next, "2?", "2!");
  expect(transcriptOf(await store.readTranscript(next.id))).toEqual([...SAID, "user: 2?", "assistant: 2!"]);
  while (await store.prune(Number.MAX_SAFE_INTEGER));
  expect(transcriptOf(await store.readTranscript(next.id))).toHaveLength(6);
});

test("a run that an older build stored for the items of a conversation is known as one that only holds items", async () => {
  const file = join(await temporaryDirectory(), "state.db");
  const open = () => openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal" });
  const run = aRun({ surface: "conversations" });
  const before = open();
  await keep(before, run, "?", "!");
  await before.close();
  const db = new Database(file);
  db.pragma(`user_version = ${MIGRATIONS.findIndex((sql) => sql.includes("'$.kind'"))}`);
  db.close();
  const store = open();
  onTestFinished(() => store.close());
  expect((await store.findRun(run.id, OWNER))?.run).toEqual({ ...run, kind: "items" });
});
