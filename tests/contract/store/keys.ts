import { describe, expect, test } from "vitest";
import type { Run } from "../../../src/domain/run.ts";
import type { KeyClaim, Store } from "../../../src/storage/store.ts";
import { aRun, dialogue, numbered, type Open, OWNER, STARTED, writeOf } from "../../helpers/stored.ts";

const SCOPE = { owner: OWNER, surface: "chat", key: "k" } as const;

/** A run that has a key, over or begun. */
async function keepKeyed(
  store: Store,
  run: Run,
  { isOver = true, ...terms }: Partial<KeyClaim> & { isOver?: boolean } = {},
): Promise<void> {
  const log = isOver
    ? dialogue(run, "?", "!")
    : numbered(run, [{ type: "run.created", run, input: [] }, STARTED]);
  const key = { ...SCOPE, fingerprint: "f", expiresAt: 5_000, ...terms };
  await store.append([writeOf(run, log, { key })]);
}

/** The part of the store's contract about idempotency keys. */
export function keyContract(open: Open): void {
  describe("idempotency keys", () => {
    test("stand for the run that they came with, also where nothing else leads to it, for one owner and surface", async () => {
      const store = await open();
      const run = aRun({ hidden: true });
      await keepKeyed(store, run);
      expect(await store.findRun(run.id, OWNER)).toBeUndefined();
      expect(await store.findKey(SCOPE)).toMatchObject({
        fingerprint: "f",
        expiresAt: 5_000,
        stored: { run, status: "completed" },
      });
      for (const other of [{ owner: "somebody else" }, { surface: "responses" as const }, { key: "K" }])
        expect(await store.findKey({ ...SCOPE, ...other })).toBeUndefined();
    });

    test("stand for the latest run that came with them", async () => {
      const store = await open();
      const run = aRun();
      await keepKeyed(store, aRun());
      await keepKeyed(store, run, { fingerprint: "g", expiresAt: 6_000 });
      expect(await store.findKey(SCOPE)).toMatchObject({
        fingerprint: "g",
        expiresAt: 6_000,
        stored: { run },
      });
    });

    test("idempotency keys are not stored without their run", async () => {
      const store = await open();
      const run = aRun();
      await keepKeyed(store, run, { key: "other" });
      // The run's row is there: the write fails as a whole.
      await expect(keepKeyed(store, run)).rejects.toThrow();
      expect(await store.findKey(SCOPE)).toBeUndefined();
    });

    test("know when their run was deleted", async () => {
      const store = await open();
      const run = aRun();
      await keepKeyed(store, run);
      await store.disownRun(run.id, OWNER, 3_000);
      expect(await store.findKey(SCOPE)).toMatchObject({ fingerprint: "f", stored: undefined });
      await store.sweep(4_000, 10);
      expect(await store.findKey(SCOPE)).toMatchObject({ fingerprint: "f", stored: undefined });
    });

    test("go when they have expired, except those whose run goes on; their runs stay", async () => {
      const store = await open();
      const run = aRun();
      await keepKeyed(store, run);
      await keepKeyed(store, aRun(), { key: "later", expiresAt: 5_001 });
      await keepKeyed(store, aRun(), { key: "live", isOver: false });
      expect(await store.sweep(5_000, 10)).toBe(1);
      expect(await store.findKey(SCOPE)).toBeUndefined();
      expect(await store.findKey({ ...SCOPE, key: "later" })).toBeDefined();
      expect(await store.findKey({ ...SCOPE, key: "live" })).toBeDefined();
      expect(await store.findRun(run.id, OWNER)).toBeDefined();
    });

    test("count for the limit of a sweep", async () => {
      const store = await open();
      for (let n = 0; n < 3; n++) await keepKeyed(store, aRun(), { key: `k${n}` });
      expect(await store.sweep(5_000, 2)).toBe(2);
      expect(await store.sweep(5_000, 2)).toBe(1);
    });
  });
}
