import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { APPLICATION_ID } from "../../../src/config/profile.ts";
import { SYSTEM_DISK } from "../../../src/storage/sqlite/disk.ts";
import { openSqliteStore } from "../../../src/storage/sqlite/store.ts";
import type { Store, StoreHealth } from "../../../src/storage/store.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { aRun, dialogue, OWNER, writeOf } from "../../helpers/stored.ts";

const MB = 2 ** 20;

/** A store on a disk that is as full as the test says. */
async function openOn(disk: { freeBytes: number }) {
  const file = join(await temporaryDirectory(), "state.db");
  const told: StoreHealth["state"][] = [];
  const store = openSqliteStore({
    file,
    applicationId: APPLICATION_ID,
    sync: "normal",
    disk: { ...SYSTEM_DISK, space: async () => ({ ...disk, totalBytes: 1_000 * MB }) },
    onHealth: ({ state }) => told.push(state),
  });
  onTestFinished(() => store.close());
  return { store, file, told };
}

function put(store: Store, text = "b".repeat(30_000)) {
  const run = aRun();
  return store.append([writeOf(run, dialogue(run, "a", text))]).then(() => run);
}

async function fill(store: Store) {
  const runs = [];
  for (let n = 0; n < 30; n++) runs.push(await put(store));
  return runs;
}

const full = expect.objectContaining({ name: "StorageError", kind: "full" });

test("on a full disk a database stays as large as it is, and says once that it takes no more", async () => {
  const disk = { freeBytes: 500 * MB };
  const { store, told } = await openOn(disk);
  const [kept] = await fill(store);
  disk.freeBytes = 0;
  await store.look();
  for (let n = 0; n < 5; n++) await expect(put(store, "b".repeat(200_000))).rejects.toThrow(full);
  expect(await store.findRun(kept?.id ?? "run_", OWNER)).toBeDefined();
  expect(told).toEqual(["full"]);
});

test("what is deleted on a full disk makes room for what comes next", async () => {
  const disk = { freeBytes: 500 * MB };
  const { store, told } = await openOn(disk);
  const runs = await fill(store);
  disk.freeBytes = 0;
  await store.look();
  await expect(put(store, "b".repeat(900_000))).rejects.toThrow(full);
  for (const { id } of runs) expect(await store.disownRun(id, OWNER, 1_000)).toBe(true);
  await store.sweep(2_000, 500);
  expect(await store.look()).toEqual({ state: "ok" });
  await put(store, "b".repeat(200_000));
  expect(told).toEqual(["full", "ok"]);
});

test("a database that was kept small takes everything again when the disk has space", async () => {
  const disk = { freeBytes: 0 };
  const { store } = await openOn(disk);
  await store.look();
  await expect(put(store, "b".repeat(900_000))).rejects.toThrow(full);
  disk.freeBytes = 500 * MB;
  await store.look();
  await put(store, "b".repeat(900_000));
});

test("space for a full disk is laid by while there is some, for this user only", async () => {
  const { store, file } = await openOn({ freeBytes: 500 * MB });
  await store.look();
  const [log, reserve] = [await stat(`${file}-wal`), await stat(`${file}-reserve`)];
  expect([log.size, reserve.size, reserve.mode & 0o777]).toEqual([8 * MB, 8 * MB, 0o600]);
  const run = await put(store);
  expect(await store.findRun(run.id, OWNER)).toBeDefined();
});
