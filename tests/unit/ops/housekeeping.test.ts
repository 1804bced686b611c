import { describe, expect, onTestFinished, test } from "vitest";
import { DELTAS_KEPT_MS, Housekeeping, type HousekeepingDeps } from "../../../src/ops/housekeeping.ts";
import { StorageError, type StoreHealth } from "../../../src/storage/store.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { aRun, dialogue, keep, OWNER, PROMPT, writeOf } from "../../helpers/stored.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

async function setUp(terms: Partial<HousekeepingDeps> = {}) {
  const { inner: store } = await hookedStore();
  const said: string[] = [];
  const faults: unknown[] = [];
  const time = { now: 5_000, free: 50 };
  const housekeeping = new Housekeeping({
    store,
    prompts: { held: () => [] },
    firesKeptMs: 30 * DAY_MS,
    clock: { now: () => time.now, elapsed: () => time.now },
    disk: async () => ({
      usedPercent: 100 - time.free,
      freeBytes: time.free * 2 ** 20,
      totalBytes: 100 * 2 ** 20,
      isLow: time.free <= 10,
    }),
    warn: (message) => said.push(message),
    onFault: (error) => faults.push(error),
    ...terms,
  });
  onTestFinished(() => housekeeping.stop());
  return { store, housekeeping, time, said, faults };
}

describe("a round of housekeeping", () => {
  test("a round of housekeeping removes what expired, merges the deltas of what is over for an hour, drops prompts nobody needs", async () => {
    const { store, housekeeping, time, faults } = await setUp();
    const [expired, old] = [aRun(), aRun()];
    await keep(store, expired, "a", "b", 4_000);
    const log = dialogue(old, "a", "b");
    const [delta] = log.filter(({ type }) => type === "item.delta");
    const twice = [...log.slice(0, 4), { ...delta, seq: 5 }, { ...log[4], seq: 6 }, { ...log[5], seq: 7 }];
    await store.append([writeOf(old, twice as typeof log)]);
    await store.keepPrompt(PROMPT);
    const events = () => store.readEvents(old.id, { afterSeq: 0, limit: 100 });
    await housekeeping.round();
    expect(await store.findRun(expired.id, OWNER)).toBeUndefined();
    expect(await store.findPrompt(PROMPT.hash)).toBeUndefined();
    expect(await events()).toEqual(twice);
    time.now = 2_010 + DELTAS_KEPT_MS;
    await housekeeping.round();
    expect(await events()).toHaveLength(6);
    expect(faults).toEqual([]);
  });

  test("a round of housekeeping looks for prompts once a day, and leaves those that a run may be about to name", async () => {
    const { store, housekeeping, time } = await setUp({ prompts: { held: () => ["held"] } });
    await store.keepPrompt({ hash: "held", text: "Held." });
    await housekeeping.round();
    await store.keepPrompt(PROMPT);
    time.now += DAY_MS - 1;
    await housekeeping.round();
    expect(await store.findPrompt(PROMPT.hash)).toBeDefined();
    time.now += 1;
    await housekeeping.round();
    expect(await store.findPrompt(PROMPT.hash)).toBeUndefined();
    expect(await store.findPrompt("held")).toBeDefined();
  });

  test("a round of housekeeping removes the history of jobs when its time is over, not what still goes on", async () => {
    const { store, housekeeping, time } = await setUp();
    const job = aJob();
    await store.jobs.createJob(job);
    await store.jobs.changeJob({ job, fires: [aFire(job.id, { status: "completed" }), aFire(job.id)] });
    const statuses = async () => {
      const query = { jobId: job.id, owner: OWNER, order: "asc", limit: 9 } as const;
      return (await store.jobs.listFires(query)).map(({ status }) => status);
    };
    time.now = 1_000 + 30 * DAY_MS;
    await housekeeping.round();
    expect(await statuses()).toEqual(["completed", "queued"]);
    time.now += 1;
    await housekeeping.round();
    expect(await statuses()).toEqual(["queued"]);
  });

  test("a round of housekeeping does what it can when a part of it fails, and says what failed", async () => {
    const full = new StorageError("full", "The disk is full.");
    let pruned = 0;
    const { housekeeping, faults } = await setUp({
      store: {
        look: async () => ({ state: "ok" }),
        sweep: () => Promise.reject(full),
        prune: async () => ++pruned < 3,
        sweepPrompts: () => Promise.reject(full),
        jobs: { sweepFires: () => Promise.reject(full) },
      },
    });
    await housekeeping.round();
    expect([pruned, faults]).toEqual([3, [full, full, full]]);
  });

  test("a round of housekeeping warns when the disk fills up, once, and again when it fills up again", async () => {
    const { housekeeping, time, said } = await setUp();
    for (const free of [50, 8, 7, 50, 9]) {
      time.free = free;
      await housekeeping.round();
    }
    expect(said).toEqual([expect.stringContaining("92 % full (8 MB left)"), expect.stringContaining("91 %")]);
  });

  test("a round of housekeeping removes what may go at once when the store is full, and only then", async () => {
    let [state, sweeps] = ["ok" as StoreHealth["state"], 0];
    const { housekeeping } = await setUp({
      store: {
        look: async () => ({ state }),
        sweep: async () => ++sweeps,
        prune: async () => false,
        sweepPrompts: async () => undefined,
        jobs: { sweepFires: async () => 0 },
      },
    });
    await housekeeping.look();
    expect(sweeps).toBe(0);
    state = "full";
    await housekeeping.look();
    expect(sweeps).toBe(1);
  });

  test("ends between two pieces when it is stopped", async () => {
    let pieces = 0;
    const stop: { now?: Promise<void> } = {};
    const { housekeeping } = await setUp({
      store: {
        look: async () => ({ state: "ok" }),
        sweep: async () => 0,
        prune: async () => {
          if (++pieces === 3) stop.now = housekeeping.stop();
          return true;
        },
        sweepPrompts: async () => undefined,
        jobs: { sweepFires: async () => 0 },
      },
    });
    await housekeeping.round();
    await stop.now;
    expect(pieces).toBe(3);
  });
});
