import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { APPLICATION_ID } from "../../../src/config/profile.ts";
import { openDatabase } from "../../../src/storage/sqlite/db.ts";
import { SYSTEM_DISK } from "../../../src/storage/sqlite/disk.ts";
import { openSqliteStore, storeOn } from "../../../src/storage/sqlite/store.ts";
import type { Store, StoreHealth } from "../../../src/storage/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { aRun, dialogue, OWNER, writeOf } from "../../helpers/stored.ts";

/** A disk whose syncs end when the test says so, one `pass` for each; `failure` is what they end with. */
function heldDisk() {
  const waiting: (() => void)[] = [];
  let passes = 0;
  let asked = 0;
  const disk = {
    failure: undefined as Error | undefined,
    get asked() {
      return asked;
    },
    pass(count = 1) {
      passes += count;
      while (passes > 0 && waiting.length > 0) {
        passes--;
        waiting.shift()?.();
      }
    },
    sync: async () => {
      asked++;
      if (passes > 0) passes--;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      if (disk.failure !== undefined) throw disk.failure;
    },
  };
  return disk;
}

/** A store in a file with a short log, and what it tells. */
async function openOn(disk: ReturnType<typeof heldDisk>, sync: "normal" | "full") {
  const file = join(await temporaryDirectory(), "home", "state.db");
  const told: StoreHealth["state"][] = [];
  const store = openSqliteStore({
    file,
    applicationId: APPLICATION_ID,
    sync,
    disk: { ...SYSTEM_DISK, sync: disk.sync },
    logBytes: 2 ** 20,
    onHealth: ({ state }) => told.push(state),
  });
  onTestFinished(async () => {
    disk.failure = undefined;
    disk.pass(1_000);
    await store.close();
  });
  return { store, file, told };
}

function put(store: Store, text = "b") {
  const run = aRun();
  return store.append([writeOf(run, dialogue(run, "a", text))]).then(() => run);
}

/** Writes until a checkpoint goes on: the write that waits for its end, and the run that was stored last. */
async function fill(store: Store) {
  let stored = await put(store);
  for (;;) {
    const writing = put(store, "b".repeat(50_000));
    if (await waits(writing)) return { stored, writing };
    stored = await writing;
  }
}

/** Whether something has not come to its end after all that could have. */
async function waits(work: Promise<unknown>): Promise<boolean> {
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  work.then(over, over);
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  return !isOver;
}

test("reads go on while a checkpoint waits for the disk, and writers wait until it is over", async () => {
  const disk = heldDisk();
  const { store } = await openOn(disk, "normal");
  const { stored, writing } = await fill(store);
  for (let sync = 1; sync <= 3; sync++) {
    expect(await store.findRun(stored.id, OWNER)).toMatchObject({ status: "completed" });
    expect(await waits(writing)).toBe(true);
    disk.pass();
  }
  expect((await store.findRun((await writing).id, OWNER))?.status).toBe("completed");
});

test("who waits for a disk that does not answer is refused, until it answers", async () => {
  const disk = heldDisk();
  const { store, told } = await openOn(disk, "normal");
  const { writing } = await fill(store);
  const { now } = performance;
  const later = vi.spyOn(performance, "now").mockImplementation(() => now.call(performance) + 60_000);
  await store.look();
  later.mockRestore();
  for (const refused of [writing, put(store)])
    await expect(refused).rejects.toMatchObject({
      name: "StorageError",
      failure: { code: "storage_unavailable" },
    });
  disk.pass(1_000);
  await vi.waitFor(async () => expect((await store.look()).state).toBe("ok"));
  await put(store);
  expect(told).toEqual(["stuck", "ok"]);
});

test("SQLite itself never waits for the disk, whatever `sync` says", async () => {
  const directory = await temporaryDirectory();
  for (const sync of ["normal", "full"] as const) {
    const file = join(directory, `${sync}.db`);
    const db = openDatabase({ file, applicationId: APPLICATION_ID });
    const store = storeOn(db, { file, sync });
    onTestFinished(() => store.close());
    const [synchronous, checkpointAt] = ["synchronous", "wal_autocheckpoint"].map((name) =>
      db.pragma(name, { simple: true }),
    );
    expect([synchronous, checkpointAt]).toEqual([0, 0]);
  }
});

test("with `sync: full` a commit is acknowledged when the disk has it, and those that come meanwhile share one sync", async () => {
  const disk = heldDisk();
  const { store } = await openOn(disk, "full");
  const first = put(store);
  expect(await waits(first)).toBe(true);
  const others = [put(store), put(store), put(store)];
  disk.pass();
  await first;
  expect(await waits(Promise.race(others))).toBe(true);
  disk.pass();
  await Promise.all(others);
  expect(disk.asked).toBe(2);
});

test("with `sync: full` a commit that the disk fails to take is not acknowledged, and the failure is told once", async () => {
  const disk = heldDisk();
  const { store, told } = await openOn(disk, "full");
  disk.pass(100);
  disk.failure = Object.assign(new Error("i/o error"), { code: "EIO" });
  for (let n = 0; n < 3; n++)
    await expect(put(store)).rejects.toMatchObject({ name: "StorageError", kind: "unavailable" });
  expect(told).toEqual(["failing"]);
  disk.failure = undefined;
  await put(store);
  expect([told, store.health.state]).toEqual([["failing", "ok"], "ok"]);
});

test("a checkpoint that fails is told once and keeps nobody from writing", async () => {
  const disk = heldDisk();
  const { store, told } = await openOn(disk, "normal");
  const { writing } = await fill(store);
  disk.failure = Object.assign(new Error("i/o error"), { code: "EIO" });
  disk.pass(1_000);
  await writing;
  await put(store);
  expect([told, store.health.state]).toEqual([["failing"], "failing"]);
});

test("a store whose file was removed acknowledges nothing, and says so once", async () => {
  const disk = heldDisk();
  disk.pass(1_000);
  const { store, file, told } = await openOn(disk, "normal");
  const kept = await put(store);
  await rm(dirname(file), { recursive: true });
  for (let n = 0; n < 3; n++)
    await expect(put(store)).rejects.toMatchObject({ name: "StorageError", kind: "gone" });
  expect(await store.look()).toMatchObject({ state: "gone", detail: expect.stringContaining(file) });
  expect(await store.findRun(kept.id, OWNER)).toBeDefined();
  expect(told).toEqual(["gone"]);
});

test("a store whose directory is moved away refuses writes until it is back", async () => {
  const disk = heldDisk();
  disk.pass(1_000);
  const { store, file, told } = await openOn(disk, "normal");
  const [home, away] = [dirname(file), `${dirname(file)}-away`];
  await rename(home, away);
  await store.look();
  await expect(put(store)).rejects.toMatchObject({ kind: "gone" });
  await rename(away, home);
  await store.look();
  await put(store);
  expect(told).toEqual(["gone", "ok"]);
});
