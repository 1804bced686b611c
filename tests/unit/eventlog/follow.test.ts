import { describe, expect, test, vi } from "vitest";
import type { EventBody } from "../../../src/domain/event.ts";
import { EventLog } from "../../../src/eventlog/event-log.ts";
import type { RunLog } from "../../../src/eventlog/run-log.ts";
import { StorageError } from "../../../src/storage/store.ts";
import { type HookedStore, hookedStore } from "../../helpers/hooked-store.ts";
import { TestReader } from "../../helpers/readers.ts";
import { aRun, COMPLETED, STARTED } from "../../helpers/stored.ts";

/** The machine may be busy with other tests. */
const PATIENT = { interval: 5, timeout: 10_000 };

interface Setup extends HookedStore {
  log: EventLog;
  run: RunLog;
}

async function setUp(durable = false): Promise<Setup> {
  const hooked = await hookedStore();
  const clock = { now: () => 5_000, elapsed: () => 0 };
  const log = new EventLog({ store: hooked.store, clock, onFault: () => undefined });
  const run = log.open(aRun(), { durable, stored: true, expiresAt: undefined });
  return Object.assign(hooked, { log, run });
}

function begin(run: RunLog): void {
  run.emit({ type: "run.created", run: run.run, input: [] });
  run.emit({ ...STARTED });
}

function deltas(run: RunLog, count: number): void {
  for (let n = 0; n < count; n++) run.emit(delta(n));
}

const delta = (n: number): EventBody => ({ type: "item.delta", itemId: "m", channel: "text", delta: `${n}` });

function upTo(last: number, from = 1): number[] {
  return Array.from({ length: last - from + 1 }, (_, i) => from + i);
}

function follow({ log, run }: Setup, reader: TestReader, afterSeq = 0): Promise<void> {
  return log.follow(run.run.id, { afterSeq, reader });
}

describe("a slow reader of a run whose deltas are merged meanwhile", () => {
  async function ended() {
    const setup = await setUp();
    begin(setup.run);
    for (let row = 0; row < 90; row++) {
      deltas(setup.run, 2);
      await setup.log.flush();
    }
    setup.run.emit({ ...COMPLETED });
    await setup.log.flush();
    return setup;
  }

  test("a slow reader of a run whose deltas are merged meanwhile is cut off rather than told twice, and reads on from where it was", async () => {
    const setup = await ended();
    const reader = new TestReader(1);
    const done = follow(setup, reader);
    await reader.waitedFor();
    const got = reader.events.length;
    expect(got).toBeLessThan(180);
    while (await setup.inner.prune(Number.MAX_SAFE_INTEGER));
    reader.catchUp();
    await expect(done).rejects.toThrow(/merged/);
    expect(reader.events).toHaveLength(got);
    const again = new TestReader();
    await follow(setup, again, reader.seqs.at(-1));
    expect(again.events.map(({ type, seq }) => [type, seq])).toEqual([
      ["item.delta", 182],
      ["run.completed", 183],
    ]);
  });

  test("a slow reader of a run whose deltas are merged meanwhile is not disturbed when it has not come to them", async () => {
    const setup = await ended();
    while (await setup.inner.prune(Number.MAX_SAFE_INTEGER));
    const reader = new TestReader();
    await follow(setup, reader);
    expect(reader.seqs).toEqual([1, 2, 182, 183]);
  });
});

describe("a reader", () => {
  test("a reader from the beginning gets each event in the call that emits it, and is done with the last", async () => {
    const setup = await setUp();
    const reader = new TestReader();
    const done = follow(setup, reader);
    begin(setup.run);
    expect(reader.types).toEqual(["run.created", "run.started"]);
    setup.run.emit(delta(1));
    expect(reader.seqs).toEqual([1, 2, 3]);
    setup.run.emit({ ...COMPLETED });
    await done;
    expect(reader.types.at(-1)).toBe("run.completed");
    expect(reader.onGone).toBeUndefined();
  });

  test.each([
    0, 1, 2, 10, 15, 20,
  ])("a reader that comes late gets everything after %i once", async (afterSeq) => {
    const setup = await setUp();
    begin(setup.run);
    deltas(setup.run, 8);
    await setup.log.flush();
    deltas(setup.run, 5);
    const reader = new TestReader();
    const done = follow(setup, reader, afterSeq);
    deltas(setup.run, 5);
    setup.run.emit({ ...COMPLETED });
    await done;
    expect(reader.seqs).toEqual(upTo(21, afterSeq + 1));
  });

  test("a reader that comes when the run is over gets it from the store", async () => {
    const setup = await setUp();
    begin(setup.run);
    deltas(setup.run, 2_500);
    setup.run.emit({ ...COMPLETED });
    await setup.run.ended;
    const reader = new TestReader();
    await follow(setup, reader);
    expect(reader.seqs).toEqual(upTo(2_503));
  });

  test.each([
    3, 4, 1_000,
  ])("a reader whose cursor is at or past the end gets nothing and is done: %i", async (afterSeq) => {
    const setup = await setUp();
    begin(setup.run);
    const live = new TestReader();
    const done = follow(setup, live, afterSeq);
    setup.run.emit({ ...COMPLETED });
    await done;
    const late = new TestReader();
    await follow(setup, late, afterSeq);
    expect([live.seqs, late.seqs]).toEqual([[], []]);
  });

  test("a reader gets an event once that the store had before it was published", async () => {
    const setup = await setUp(true);
    const stored = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    setup.after = () => {
      stored.resolve();
      return gate.promise;
    };
    begin(setup.run);
    await stored.promise;
    // Committed, and nobody was told: this reader finds them in the store and then hears them.
    const reader = new TestReader();
    const early = follow(setup, reader, 0);
    const page = await setup.store.readEvents(setup.run.run.id, { afterSeq: 0, limit: 10 });
    expect(page).toHaveLength(2);
    const resumed = new TestReader();
    const late = follow(setup, resumed, 2);
    gate.resolve();
    setup.run.emit(delta(1));
    setup.run.emit({ ...COMPLETED });
    await Promise.all([early, late]);
    expect(reader.seqs).toEqual([1, 2, 3, 4]);
    expect(resumed.seqs).toEqual([3, 4]);
  });

  test("a reader that is gone gets nothing more and is let go", async () => {
    const setup = await setUp();
    const reader = new TestReader();
    const done = follow(setup, reader);
    begin(setup.run);
    reader.leave();
    await done;
    deltas(setup.run, 3);
    expect(reader.seqs).toEqual([1, 2]);
    const late = new TestReader();
    late.leave();
    await follow(setup, late);
    expect(late.seqs).toEqual([]);
  });

  test("a reader hears when the store cannot be read", async () => {
    const setup = await setUp();
    begin(setup.run);
    setup.run.emit({ ...COMPLETED });
    await setup.run.ended;
    await setup.store.close();
    await expect(follow(setup, new TestReader())).rejects.toBeInstanceOf(StorageError);
  });
});

describe("a slow reader", () => {
  test("a slow reader gets what it missed from the store, then what happens, each once", async () => {
    const setup = await setUp();
    const reader = new TestReader(3);
    const done = follow(setup, reader);
    begin(setup.run);
    deltas(setup.run, 50);
    await reader.waitedFor();
    expect(reader.seqs).toEqual([1, 2, 3]);
    await setup.log.flush();
    deltas(setup.run, 10);
    reader.catchUp(20);
    await reader.waitedFor();
    await setup.log.flush();
    reader.catchUp();
    await vi.waitFor(() => expect(reader.seqs.at(-1)).toBe(62), PATIENT);
    deltas(setup.run, 5);
    setup.run.emit({ ...COMPLETED });
    await done;
    expect(reader.seqs).toEqual(upTo(68));
  });

  test("a slow reader does not hold up others or the run", async () => {
    const setup = await setUp();
    const [slow, fast] = [new TestReader(1), new TestReader()];
    const slowDone = follow(setup, slow);
    const fastDone = follow(setup, fast);
    begin(setup.run);
    deltas(setup.run, 100);
    setup.run.emit({ ...COMPLETED });
    await Promise.all([fastDone, setup.run.ended]);
    expect(fast.seqs).toEqual(upTo(103));
    expect(slow.seqs).toEqual([1]);
    slow.catchUp();
    await slowDone;
    expect(slow.seqs).toEqual(upTo(103));
  });

  test("a slow reader that leaves while it is waited for is let go", async () => {
    const setup = await setUp();
    const reader = new TestReader(1);
    const done = follow(setup, reader);
    begin(setup.run);
    await reader.waitedFor();
    reader.leave();
    reader.catchUp();
    await done;
    expect(reader.seqs).toEqual([1]);
  });

  test("a slow reader hears how a run ended whose end could not be stored", async () => {
    const setup = await setUp();
    setup.before = () => Promise.reject(new StorageError("full", "x"));
    const reader = new TestReader(1);
    const done = follow(setup, reader);
    begin(setup.run);
    deltas(setup.run, 3);
    setup.run.emit({ ...COMPLETED });
    await setup.run.ended;
    reader.catchUp();
    await done;
    expect(reader.events.at(-1)).toMatchObject({ type: "run.failed", error: { code: "storage_full" } });
  });
});
