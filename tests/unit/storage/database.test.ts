import { readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, onTestFinished, test } from "vitest";
import { APPLICATION_ID, findHome } from "../../../src/config/profile.ts";
import { openDatabase } from "../../../src/storage/sqlite/db.ts";
import { MIGRATIONS } from "../../../src/storage/sqlite/migrations.ts";
import { openSqliteStore, storeOn } from "../../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { aRun, dialogue, keep, OWNER, writeOf } from "../../helpers/stored.ts";

const terms = (file: string) => ({ file, applicationId: APPLICATION_ID, sync: "normal" as const });

async function newFile(): Promise<string> {
  return join(await temporaryDirectory(), "state.db");
}

function open(file: string) {
  const db = openDatabase(terms(file));
  onTestFinished(() => void db.close());
  return db;
}

function refusal(kind: string) {
  return expect.objectContaining({ name: "StorageError", kind });
}

/** A closed file with some runs in it. */
async function filledFile(runs: number): Promise<string> {
  const file = await newFile();
  const store = openSqliteStore(terms(file));
  for (let n = 0; n < runs; n++) await keep(store, aRun(), `question ${n} ${"q".repeat(2_000)}`, "answer");
  await store.close();
  return file;
}

async function overwrite(file: string, at: number, bytes: Buffer): Promise<void> {
  const content = await readFile(file);
  bytes.copy(content, at);
  await writeFile(file, content);
}

describe("a new database", () => {
  test("a new database logs ahead and has the latest schema", async () => {
    const db = open(await newFile());
    expect(db.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(db.pragma("user_version", { simple: true })).toBe(MIGRATIONS.length);
  });

  test("a new database is readable by its user only, with all that lies beside it, in a directory of its own", async () => {
    const home = join(await temporaryDirectory(), "home");
    const file = join(home, "state.db");
    const store = openSqliteStore(terms(file));
    onTestFinished(() => store.close());
    await keep(store, aRun(), "a", "b");
    expect((await stat(home)).mode & 0o777).toBe(0o700);
    const names = await readdir(home);
    expect(names).toContain("state.db-wal");
    for (const name of names) expect((await stat(join(home, name))).mode & 0o777, name).toBe(0o600);
  });

  test("a new database takes an empty file that others could read, and closes it to them", async () => {
    const file = await newFile();
    await writeFile(file, "", { mode: 0o644 });
    open(file);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  test("a new database says in the file itself whose it is before anything else is written", async () => {
    const file = await newFile();
    open(file);
    // Not only in the log, which a killed process may leave behind.
    expect((await readFile(file)).readUInt32BE(68)).toBe(APPLICATION_ID);
    expect(findHome({ HERMES_HOME: join(file, "..") }).shared).toBe(false);
  });
});

describe("an older database", () => {
  test("an older database is brought up to date once, from wherever it is", async () => {
    const file = await newFile();
    const old = new Database(file);
    old.pragma(`application_id = ${APPLICATION_ID}`);
    old.close();
    open(file).close();
    const store = openSqliteStore(terms(file));
    onTestFinished(() => store.close());
    const run = aRun();
    await keep(store, run, "a", "b");
    expect(await store.findRun(run.id, OWNER)).toBeDefined();
  });

  test("an older database keeps what it has when it is opened again", async () => {
    const file = await newFile();
    const run = aRun();
    const first = openSqliteStore(terms(file));
    await keep(first, run, "a", "b");
    await first.close();
    const second = openSqliteStore(terms(file));
    onTestFinished(() => second.close());
    expect(await second.readEvents(run.id, { afterSeq: 0, limit: 10 })).toEqual(dialogue(run, "a", "b"));
  });
});

describe("sessions of an older database", () => {
  test("keep their prompts, which are stored once", async () => {
    const file = await newFile();
    const version = MIGRATIONS.findIndex((migration) => migration.includes("former_sessions"));
    const old = new Database(file);
    old.pragma(`application_id = ${APPLICATION_ID}`);
    for (const migration of MIGRATIONS.slice(0, version)) old.exec(migration);
    const insert = old.prepare(
      "INSERT INTO sessions (id, owner, created_at, updated_at, head_run, prompt, metadata) VALUES (?, ?, 1000, 2000, ?, ?, ?)",
    );
    const prompt = { text: "Be “ü”.", hash: "h" };
    insert.run("a", OWNER, "run_1", JSON.stringify(prompt), '{"k":"v"}');
    insert.run("b", OWNER, null, JSON.stringify(prompt), null);
    old.pragma(`user_version = ${version}`);
    old.close();
    const store = openSqliteStore(terms(file));
    onTestFinished(() => store.close());
    const session = { owner: OWNER, createdAt: 1_000, prompt };
    expect(await store.sessions.find("a", OWNER)).toEqual({
      ...session,
      id: "a",
      headRun: "run_1",
      metadata: { k: "v" },
    });
    expect(await store.sessions.find("b", OWNER)).toEqual({ ...session, id: "b" });
    const list = await store.sessions.list({ owner: OWNER, limit: 9, offset: 0 });
    expect(list.map(({ id, source }) => [id, source])).toEqual([
      ["b", "api_server"],
      ["a", "api_server"],
    ]);
  });
});

describe("is refused and left as it was", () => {
  test("a later version's database", async () => {
    const file = await filledFile(1);
    const db = new Database(file);
    db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
    db.close();
    const before = await readFile(file);
    expect(() => openDatabase(terms(file))).toThrow(refusal("newer"));
    expect(await readFile(file)).toEqual(before);
  });

  test("another program's database", async () => {
    const file = await newFile();
    const theirs = new Database(file);
    theirs.pragma("journal_mode = WAL");
    theirs.exec("CREATE TABLE messages (text TEXT); INSERT INTO messages VALUES ('theirs')");
    onTestFinished(() => void theirs.close());
    const directory = join(file, "..");
    const before = await Promise.all(
      (await readdir(directory)).map((name) => readFile(join(directory, name))),
    );
    expect(() => openDatabase(terms(file))).toThrow(refusal("unavailable"));
    expect(() => openDatabase(terms(file))).toThrow(/another program/);
    const after = await Promise.all(
      (await readdir(directory)).map((name) => readFile(join(directory, name))),
    );
    expect(after).toEqual(before);
  });

  test.each([
    ["text", Buffer.from("this is no database at all, but long enough to look at".repeat(20))],
    ["a few bytes", Buffer.from("SQ")],
  ])("a file that is none: %s", async (_, content) => {
    const file = await newFile();
    await writeFile(file, content);
    // It is not taken for somebody else's either, beside which a new one could be begun.
    expect(findHome({ HERMES_HOME: join(file, "..") }).databaseFile).toBe(file);
    expect(() => openDatabase(terms(file))).toThrow(refusal("damaged"));
    expect(await readFile(file)).toEqual(content);
  });

  test("a file that cannot be opened", async () => {
    const directory = await temporaryDirectory();
    expect(() => openDatabase(terms(directory))).toThrow(refusal("unavailable"));
  });
});

describe("damage", () => {
  test.each([
    ["zeros", Buffer.alloc(8_192)],
    ["noise", Buffer.alloc(8_192, "\u00ff\u0001junk")],
  ])("damage to any page is found at the start: %s", async (_, noise) => {
    const pristine = await filledFile(12);
    const content = await readFile(pristine);
    const pages = content.length / 8_192;
    expect(pages).toBeGreaterThan(5);
    for (let page = 1; page < pages; page++) {
      await overwrite(pristine, page * 8_192, noise);
      expect(() => openDatabase(terms(pristine)), `page ${page}`).toThrow(refusal("damaged"));
      await writeFile(pristine, content);
    }
    open(pristine);
  });

  test("damage by missing pages is found at the start", async () => {
    const file = await filledFile(12);
    await truncate(file, 3 * 8_192);
    expect(() => openDatabase(terms(file))).toThrow(refusal("damaged"));
  });

  test("inside of what was stored is an error of the store, not a part of an answer", async () => {
    const file = await newFile();
    const run = aRun();
    const store = openSqliteStore(terms(file));
    await keep(store, run, "a", "b");
    await store.close();
    const db = new Database(file);
    db.exec(
      "UPDATE runs SET facts = substr(facts, 1, 20); UPDATE events SET payload = substr(payload, 1, 20)",
    );
    db.close();
    const again = openSqliteStore(terms(file));
    onTestFinished(() => again.close());
    await expect(again.readEvents(run.id, { afterSeq: 0, limit: 10 })).rejects.toThrow(refusal("damaged"));
    await expect(again.readTranscript(run.id)).rejects.toThrow(refusal("damaged"));
  });
});

describe("a disk that fills up", () => {
  test("a disk that fills up is told as such, loses nothing, and is written to again once it has space", async () => {
    const file = await newFile();
    // The limit is the connection's: the store's own must have it.
    const db = openDatabase(terms(file));
    const store = storeOn(db, { file, sync: "normal" });
    onTestFinished(() => store.close());
    const kept = aRun();
    await keep(store, kept, "a", "b");
    const pages = db.pragma("page_count", { simple: true }) as number;
    db.pragma(`max_page_count = ${pages + 2}`);
    const large = aRun();
    const write = writeOf(large, dialogue(large, "q".repeat(100_000), "b"));
    await expect(store.append([write])).rejects.toThrow(refusal("full"));
    expect(await store.findRun(large.id, OWNER)).toBeUndefined();
    expect(await store.findRun(kept.id, OWNER)).toBeDefined();
    db.pragma("max_page_count = 1000000");
    await store.append([write]);
    expect(await store.findRun(large.id, OWNER)).toBeDefined();
  });
});
