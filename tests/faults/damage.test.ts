import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, readdir, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import Database from "better-sqlite3";
import { expect, onTestFinished } from "vitest";
import { APPLICATION_ID } from "../../src/config/profile.ts";
import type { RunId } from "../../src/domain/id.ts";
import { MIGRATIONS } from "../../src/storage/sqlite/migrations.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import type { Store } from "../../src/storage/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { olderDatabase } from "../helpers/older-database.ts";
import { runToEnd } from "../helpers/process.ts";
import { aRun, dialogue, keep, OWNER } from "../helpers/stored.ts";
import { fault, randomFrom, SEED } from "./report.ts";

const PAGE = 8_192;
const WRITER = join(import.meta.dirname, "../helpers/storage-child.ts");
const terms = (file: string) => ({ file, applicationId: APPLICATION_ID, sync: "normal" as const });
/** As the writing process asks. */
const question = "a".repeat(3_000);
const answerOf = (id: string) => `answer of ${id}`;

/** A file with runs in it, nothing beside it. */
async function filled(count: number): Promise<{ file: string; ids: RunId[] }> {
  const file = join(await temporaryDirectory(), "state.db");
  const store = openSqliteStore(terms(file));
  const ids: RunId[] = [];
  for (let n = 0; n < count; n++) {
    const run = aRun();
    await keep(store, run, question, answerOf(run.id));
    ids.push(run.id);
  }
  await store.close();
  return { file, ids };
}

/** What of these is there, each whole; anything that is there otherwise is a failure. */
async function kept(store: Store, ids: readonly RunId[], failures: string[]): Promise<RunId[]> {
  const there: RunId[] = [];
  for (const id of ids) {
    const found = await store.findRun(id, OWNER);
    if (found === undefined) continue;
    there.push(id);
    const log = await store.readEvents(id, { afterSeq: 0, limit: 1_000 });
    if (!isDeepStrictEqual(log, dialogue(found.run, question, answerOf(id))))
      failures.push(`${id} is not what was acknowledged`);
  }
  return there;
}

/** Opens what was damaged: the store, or the one line why not. */
function tryToOpen(file: string, failures: string[]): Store | string {
  try {
    return openSqliteStore(terms(file));
  } catch (error) {
    const { name, message } = error as Error;
    if (name !== "StorageError" || message.includes("\n")) failures.push(`refused by ${name}: ${message}`);
    return message;
  }
}

const PAGES = {
  id: "R-10",
  what: "a page of the database overwritten, or its end cut off: refused in one line and left as it is, or every run is there",
  counts: { quick: 40, usual: 400, full: 2_000 },
};

fault(PAGES, async (count) => {
  const random = randomFrom(SEED);
  const failures: string[] = [];
  const { file, ids } = await filled(60);
  const pristine = await readFile(file);
  let refused = 0;
  for (let n = 0; n < count; n++) {
    const damaged = Buffer.from(pristine);
    const at = Math.floor(random() * (pristine.length / PAGE)) * PAGE;
    const length = random() < 0.5 ? PAGE : 1 + Math.floor(random() * 200);
    const from = at + Math.floor(random() * (PAGE - Math.min(length, PAGE - 1)));
    for (let i = from; i < Math.min(from + length, damaged.length); i++)
      damaged[i] = Math.floor(random() * 256);
    const content = n % 5 === 0 ? pristine.subarray(0, at) : damaged;
    // An empty file is a new one, which is no damage.
    if (content.length === 0) continue;
    await writeFile(file, content);
    const opened = tryToOpen(file, failures);
    if (typeof opened === "string") {
      refused++;
      if (!(await readFile(file)).equals(content)) failures.push(`round ${n}: refused and changed`);
      continue;
    }
    // What is in the text of a cell no check of the pages can see: then reading it fails, or it was free space.
    const there = await kept(opened, ids, []).catch((error: Error) => error.message);
    if (Array.isArray(there) && there.length < ids.length)
      failures.push(`round ${n}: started with ${there.length} of ${ids.length}, silently`);
    await opened.close();
  }
  expect(refused).toBeGreaterThan(count / 4);
  return { failures };
});

const LOG = {
  id: "R-10",
  what: "the write-ahead log of a killed process cut off or overwritten anywhere: what was committed before that place is whole, nothing is changed, or it is refused",
  counts: { quick: 40, usual: 400, full: 2_000 },
};

fault(LOG, async (count) => {
  const random = randomFrom(SEED + 1);
  const failures: string[] = [];
  const home = await temporaryDirectory();
  const ids = await writeUntilKilled(join(home, "state.db"), 60);
  for (let n = 0; n < count; n++) {
    const place = await temporaryDirectory();
    for (const name of await readdir(home)) await copyFile(join(home, name), join(place, name));
    const log = join(place, "state.db-wal");
    const { size } = await stat(log);
    const at = Math.floor(random() * size);
    if (n % 2 === 0) await truncate(log, at);
    else {
      const bytes = await readFile(log);
      for (let i = at; i < Math.min(at + 100, size); i++) bytes[i] = Math.floor(random() * 256);
      await writeFile(log, bytes);
    }
    const opened = tryToOpen(join(place, "state.db"), failures);
    if (typeof opened === "string") continue;
    const there = await kept(opened, ids, failures);
    if (there.join() !== ids.slice(0, there.length).join()) failures.push(`round ${n}: there are gaps`);
    await opened.close();
  }
  return { failures };
});

/** What a process acknowledged before it was killed. */
async function writeUntilKilled(file: string, count: number): Promise<RunId[]> {
  const args = [WRITER, "write", file, String(APPLICATION_ID)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ids: RunId[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith("run_")) ids.push(line as RunId);
    if (ids.length === count) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  return ids;
}

const OLDER = {
  id: "R-10",
  what: "a database of each older schema is read whole; one of a newer schema is refused and left as it is",
  counts: { quick: MIGRATIONS.length + 1, usual: MIGRATIONS.length + 1, full: MIGRATIONS.length + 1 },
};

fault(OLDER, async () => {
  const failures: string[] = [];
  for (let version = 1; version <= MIGRATIONS.length; version++) {
    const file = join(await temporaryDirectory(), "state.db");
    const { chain, session } = await olderDatabase(file, version);
    const opened = tryToOpen(file, failures);
    if (typeof opened === "string") {
      failures.push(`schema ${version}: ${opened}`);
      continue;
    }
    for (const runs of [chain, session.runs]) {
      const said = await opened.readTranscript(runs.at(-1)?.id ?? "run_");
      if (said.length !== 4) failures.push(`schema ${version}: ${said.length} of 4 items`);
    }
    await opened.close();
  }
  const { file } = await filled(1);
  const db = new Database(file);
  db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
  db.close();
  const before = await readFile(file);
  if (!String(tryToOpen(file, failures)).includes("later version")) failures.push("a newer schema was taken");
  if (!(await readFile(file)).equals(before)) failures.push("a newer schema was changed");
  return { failures };
});

const PROGRAM = {
  id: "R-10",
  what: "the program on a database that it may not write, that is damaged, is newer or no database: exit code 69 and one line that says why",
  counts: { quick: 5, usual: 5, full: 5 },
};

fault(PROGRAM, async () => {
  const failures: string[] = [];
  const spoil: Readonly<Record<string, [words: RegExp, how: (file: string) => Promise<void>]>> = {
    "read-only": [/cannot be used \((EACCES|EPERM)\)/, makeReadOnly],
    "a damaged page": [/is damaged/, async (file) => overwrite(file, 3 * PAGE)],
    "a damaged header": [/is damaged/, async (file) => overwrite(file, 0)],
    newer: [
      /later version/,
      async (file) => {
        const db = new Database(file);
        db.pragma(`user_version = ${MIGRATIONS.length + 1}`);
        db.close();
      },
    ],
    text: [/is damaged/, (file) => writeFile(file, "no database at all, but long enough ".repeat(50))],
  };
  for (const [name, [words, how]] of Object.entries(spoil)) {
    const cwd = await temporaryDirectory();
    await mkdir(join(cwd, ".hermes"));
    const file = join(cwd, ".hermes", "state.db");
    await copyFile((await filled(10)).file, file);
    await how(file);
    const before = await readFile(file);
    const { code, stderr } = await runToEnd(["serve"], { cwd, env: { LLM_PROVIDER: "demo" } });
    if (code !== 69 || !/^hermes: [^\n]*\n$/.test(stderr) || !words.test(stderr))
      failures.push(`${name}: ${code} ${stderr}`);
    if (!(await readFile(file)).equals(before)) failures.push(`${name}: changed`);
  }
  return { failures };
});

async function overwrite(file: string, at: number): Promise<void> {
  const content = await readFile(file);
  content.fill("\u00ff\u0001junk", at, at + PAGE);
  await writeFile(file, content);
}

/** Modes do not bind root, but attributes do. */
async function makeReadOnly(file: string): Promise<void> {
  await chmod(file, 0o400);
  if (process.getuid?.() !== 0) return;
  execFileSync("chattr", ["+i", file]);
  onTestFinished(() => void execFileSync("chattr", ["-i", file]));
}
