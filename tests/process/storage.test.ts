import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, onTestFinished, test } from "vitest";
import { APPLICATION_ID, findHome } from "../../src/config/profile.ts";
import type { RunId } from "../../src/domain/id.ts";
import { openSqliteStore } from "../../src/storage/sqlite/store.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { dialogue, OWNER, transcriptOf } from "../helpers/stored.ts";

const SCRIPT = join(import.meta.dirname, "../helpers/storage-child.ts");

type Child = ChildProcessByStdio<null, Readable, null>;

function startChild(task: "write" | "hold", file: string): { child: Child; lines: AsyncIterator<string> } {
  const args = [SCRIPT, task, file, String(APPLICATION_ID)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
}

async function kill(child: Child): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

function open(file: string) {
  const store = openSqliteStore({ file, applicationId: APPLICATION_ID, sync: "normal", busyTimeoutMs: 50 });
  onTestFinished(() => store.close());
  return store;
}

test("a second process is told that the file is taken, and the first goes on", async () => {
  const file = join(await temporaryDirectory(), "state.db");
  const store = open(file);
  const second = startChild("hold", file);
  const refusal = JSON.parse((await second.lines.next()).value);
  expect(refusal).toEqual({
    kind: "busy",
    message: `Another process is using ${file}. Only one server may run per profile.`,
  });
  await once(second.child, "exit");
  await expect(store.unfinishedRuns()).resolves.toEqual([]);
});

test("a killed process frees the file at once", async () => {
  const file = join(await temporaryDirectory(), "state.db");
  const first = startChild("hold", file);
  expect((await first.lines.next()).value).toBe("open");
  expect(() => open(file)).toThrow(expect.objectContaining({ name: "StorageError", kind: "busy" }));
  await kill(first.child);
  await expect(open(file).unfinishedRuns()).resolves.toEqual([]);
});

test.each([1, 2, 40])("what was acknowledged before a kill is there afterwards: %i runs", async (count) => {
  const home = await temporaryDirectory();
  const file = join(home, "state.db");
  const writer = startChild("write", file);
  await writer.lines.next();
  const acknowledged: string[] = [];
  while (acknowledged.length < count) acknowledged.push((await writer.lines.next()).value);
  const rest = kill(writer.child);
  for (;;) {
    const line = await writer.lines.next();
    if (line.done === true) break;
    acknowledged.push(line.value);
  }
  await rest;
  // The file says whose it is, whatever had reached it.
  expect(findHome({ HERMES_HOME: home })).toMatchObject({ databaseFile: file, shared: false });
  const store = open(file);
  for (const id of acknowledged as RunId[]) {
    const stored = await store.findRun(id, OWNER);
    expect(stored, id).toMatchObject({ status: "completed" });
    if (stored === undefined) continue;
    const log = dialogue(stored.run, "a".repeat(3_000), `answer of ${id}`);
    expect(await store.readEvents(id, { afterSeq: 0, limit: 100 })).toEqual(log);
    expect(transcriptOf(await store.readTranscript(id)).at(-1)).toBe(`assistant: answer of ${id}`);
  }
});
