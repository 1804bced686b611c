import { describe, expect, test, vi } from "vitest";
import { type AgentEvent, type EventBody, isTerminal } from "../../../src/domain/event.ts";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import { EventLog } from "../../../src/eventlog/event-log.ts";
import type { RunLog } from "../../../src/eventlog/run-log.ts";
import { StorageError } from "../../../src/storage/store.ts";
import { type HookedStore, hookedStore } from "../../helpers/hooked-store.ts";
import { aRun, COMPLETED, OWNER, STARTED, saidItem } from "../../helpers/stored.ts";

/** The machine may be busy with other tests. */
const PATIENT = { interval: 5, timeout: 10_000 };

interface Setup extends HookedStore {
  log: EventLog;
  faults: unknown[];
}

async function setUp(): Promise<Setup> {
  const hooked = await hookedStore();
  const faults: unknown[] = [];
  const clock = { now: () => 5_000, elapsed: () => 0 };
  const log = new EventLog({ store: hooked.store, clock, onFault: (error) => faults.push(error) });
  return Object.assign(hooked, { log, faults });
}

/** A run's log, and what it published. */
function open(log: EventLog, durable = false): { run: RunLog; heard: AgentEvent[]; types: () => string[] } {
  const run = log.open(aRun(), { durable, stored: true, expiresAt: undefined });
  const heard: AgentEvent[] = [];
  run.listen((event) => heard.push(event));
  return { run, heard, types: () => heard.map(({ type }) => type) };
}

const delta = (n: number): EventBody => ({
  type: "item.delta",
  itemId: "msg_1",
  channel: "text",
  delta: `${n}`,
});

function begin(run: RunLog): void {
  run.emit({ type: "run.created", run: run.run, input: [] });
  run.emit({ ...STARTED });
}

describe("an event", () => {
  test("an event is numbered, dated and published at once, in order", async () => {
    const { log } = await setUp();
    const { run, heard } = open(log);
    begin(run);
    run.emit(delta(1));
    expect(heard.map(({ seq, at, type }) => [seq, at, type])).toEqual([
      [1, 5_000, "run.created"],
      [2, 5_000, "run.started"],
      [3, 5_000, "item.delta"],
    ]);
    run.emit({ ...COMPLETED });
    await run.ended;
  });

  test("an event that ends its run is stored before anybody hears of it", async () => {
    const { log, store } = await setUp();
    const { run, heard, types } = open(log);
    begin(run);
    run.emit({ ...COMPLETED });
    expect(types()).toEqual(["run.created", "run.started"]);
    await run.ended;
    expect(types()).toEqual(["run.created", "run.started", "run.completed"]);
    expect(await store.readEvents(run.run.id, { afterSeq: 0, limit: 10 })).toEqual(heard);
    expect(await store.findRun(run.run.id, OWNER)).toMatchObject({ status: "completed", endedAt: 5_000 });
  });

  test("an event is written soon even when nothing waits for it", async () => {
    const { log, store } = await setUp();
    const { run } = open(log);
    begin(run);
    await vi.waitFor(async () => expect(await store.findRun(run.run.id, OWNER)).toBeDefined(), PATIENT);
    expect(await store.findRun(run.run.id, OWNER)).toMatchObject({ status: "running" });
    expect(run.storedSeq).toBe(2);
  });

  test("an event reaches all listeners when one of them throws", async () => {
    const { log, faults } = await setUp();
    const run = log.open(aRun(), { durable: false, stored: true, expiresAt: undefined });
    const bug = new Error("bug");
    const heard: string[] = [];
    run.listen(() => {
      throw bug;
    });
    const stop = run.listen(({ type }) => heard.push(type));
    begin(run);
    stop();
    run.emit(delta(1));
    expect(heard).toEqual(["run.created", "run.started"]);
    expect(faults).toEqual([bug, bug, bug]);
  });
});

describe("what a run that outlives its request does", () => {
  test("what a run that outlives its request does is stored before it is published, and what follows waits for it", async () => {
    const setup = await setUp();
    const gate = Promise.withResolvers<void>();
    setup.before = () => gate.promise;
    const { run, types } = open(setup.log, true);
    begin(run);
    run.emit({ type: "item.added", item: saidItem(run.run, 1, "", { status: "in_progress" }) });
    run.emit({ type: "item.done", item: saidItem(run.run, 1, "x") });
    run.emit({ type: "step.done", step: 1, usage: NO_USAGE });
    await vi.waitFor(() => expect(setup.appends).toHaveLength(1), PATIENT);
    expect(types()).toEqual([]);
    expect(run.unstored(0)).toEqual([]);
    gate.resolve();
    await vi.waitFor(() =>
      expect(types()).toEqual(["run.created", "run.started", "item.added", "item.done", "step.done"]),
    );
  });

  test("what a run that outlives its request does does not matter to a run that ends with its request", async () => {
    const { log } = await setUp();
    const { run, types } = open(log);
    begin(run);
    run.emit({ type: "item.done", item: saidItem(run.run, 1, "x") });
    expect(types()).toEqual(["run.created", "run.started", "item.done"]);
  });
});

describe("commits", () => {
  test("take all runs of a tick together, and those of a slow commit's time into the next", async () => {
    const setup = await setUp();
    const runs = Array.from({ length: 5 }, () => open(setup.log).run);
    const late = Array.from({ length: 3 }, () => open(setup.log).run);
    const gate = Promise.withResolvers<void>();
    setup.before = () => gate.promise;
    for (const run of runs) begin(run);
    for (const run of runs) run.emit({ ...COMPLETED });
    await vi.waitFor(() => expect(setup.appends).toHaveLength(1), PATIENT);
    for (const run of late) begin(run);
    for (const run of late) run.emit({ ...COMPLETED });
    // Two turns of the loop: the late ones have asked for their commit.
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(setup.appends.map((writes) => writes.length)).toEqual([5]);
    gate.resolve();
    await Promise.all([...runs, ...late].map((run) => run.ended));
    expect(setup.appends.map((writes) => writes.length)).toEqual([5, 3]);
  });

  test.each([
    0, 1, 2, 3, 4, 5, 6, 7, 8,
  ])("a flush stores what was emitted, also %i turns after another commit told its end", async (turns) => {
    const { log, store } = await setUp();
    const first = open(log).run;
    begin(first);
    first.emit({ ...COMPLETED });
    await first.ended;
    const second = open(log).run;
    begin(second);
    for (let n = 0; n < turns; n++) await Promise.resolve();
    await log.flush();
    expect(second.storedSeq).toBe(2);
    expect(await store.findRun(second.run.id, OWNER)).toMatchObject({ status: "running" });
  });
});

describe("numbers", () => {
  test("above the reserved ones are published only when a commit has reserved more", async () => {
    const setup = await setUp();
    const { run, heard } = open(setup.log);
    begin(run);
    await setup.log.flush();
    const gate = Promise.withResolvers<void>();
    setup.before = () => gate.promise;
    for (let n = 0; n < 1_500; n++) run.emit(delta(n));
    const reserved = setup.appends[0]?.[0]?.reservedSeq ?? 0;
    expect(reserved).toBe(1_002);
    expect(heard.at(-1)?.seq).toBe(reserved);
    gate.resolve();
    await vi.waitFor(() => expect(heard.at(-1)?.seq).toBe(1_502), PATIENT);
    expect(heard.map(({ seq }) => seq)).toEqual(Array.from({ length: 1_502 }, (_, i) => i + 1));
  });

  test("numbers are reserved from the first commit on, heard of or not", async () => {
    const setup = await setUp();
    const { run, heard } = open(setup.log);
    const gate = Promise.withResolvers<void>();
    setup.after = () => gate.promise;
    begin(run);
    const flushed = setup.log.flush();
    for (let n = 0; n < 1_500; n++) run.emit(delta(n));
    expect(heard.at(-1)?.seq).toBe(setup.appends[0]?.[0]?.reservedSeq);
    gate.resolve();
    await flushed;
  });
});

describe("a store that fails", () => {
  test.each([
    [new StorageError("full", "x"), "storage_full"],
    [new StorageError("unavailable", "x"), "storage_unavailable"],
    [new Error("bug"), "storage_unavailable"],
  ])("a store that fails makes a run that ended well end as failed: %s", async (error, code) => {
    const setup = await setUp();
    setup.before = () => Promise.reject(error);
    const { run, heard, types } = open(setup.log);
    begin(run);
    run.emit({ ...COMPLETED });
    await run.ended;
    expect(types()).toEqual(["run.created", "run.started", "run.failed"]);
    expect(heard.at(-1)).toMatchObject({ error: { code } });
    expect(setup.faults).toEqual([error]);
    expect(setup.log.live(run.run.id)).toBeUndefined();
  });

  test("a store that fails stops a run that goes on, whose end is then the failure whatever it says", async () => {
    const setup = await setUp();
    setup.before = () => Promise.reject(new StorageError("full", "x"));
    const { run, heard, types } = open(setup.log);
    const told: string[] = [];
    run.onBroken((failure) => {
      told.push(failure.code);
      run.emit({ type: "run.cancelled", reason: "stopped", usage: NO_USAGE, steps: 1 });
    });
    begin(run);
    run.emit(delta(1));
    await setup.log.flush();
    await run.ended;
    expect(told).toEqual(["storage_full"]);
    expect(types()).toEqual(["run.created", "run.started", "item.delta", "run.failed"]);
    expect(heard.filter(isTerminal)).toHaveLength(1);
    expect(heard.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  test("a store that fails publishes what it held before the end that comes of it", async () => {
    const setup = await setUp();
    setup.before = () => Promise.reject(new StorageError("full", "x"));
    const { run, types } = open(setup.log, true);
    run.onBroken(() => run.emit({ type: "run.cancelled", reason: "x", usage: NO_USAGE, steps: 0 }));
    begin(run);
    await run.ended;
    expect(types()).toEqual(["run.created", "run.started", "run.failed"]);
  });

  test("a store that fails does not keep later runs from being stored", async () => {
    const setup = await setUp();
    setup.before = () => Promise.reject(new StorageError("full", "x"));
    const first = open(setup.log).run;
    begin(first);
    first.emit({ ...COMPLETED });
    await first.ended;
    setup.before = () => undefined;
    const second = open(setup.log);
    begin(second.run);
    second.run.emit({ ...COMPLETED });
    await second.run.ended;
    expect(second.types().at(-1)).toBe("run.completed");
    expect(await setup.store.findRun(first.run.id, OWNER)).toBeUndefined();
  });
});
