import { describe, expect, test } from "vitest";
import type { AgentEvent, EventBody } from "../../../src/domain/event.ts";
import { itemId } from "../../../src/domain/id.ts";
import type { Run } from "../../../src/domain/run.ts";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import type { Store } from "../../../src/storage/store.ts";
import { inputOf } from "../../helpers/agent-run.ts";
import {
  aRun,
  COMPLETED,
  dialogue,
  keep,
  numbered,
  type Open,
  OWNER,
  openForTest,
  STARTED,
  saidItem,
  writeOf,
} from "../../helpers/stored.ts";
import { approvalContract } from "./approvals.ts";
import { chainContract } from "./chains.ts";
import { forkContract } from "./forks.ts";
import { jobContract } from "./jobs.ts";
import { keyContract } from "./keys.ts";
import { pruningContract } from "./pruning.ts";
import { retentionContract } from "./retention.ts";
import { sessionListContract } from "./session-list.ts";
import { sessionContract } from "./sessions.ts";

/** What every store must do, whatever it is made of. `open` gives an empty one. */
export function storeContract(name: string, open: () => Promise<Store>): void {
  describe(`${name} as a store`, () => {
    events(openForTest(open));
    runs(openForTest(open));
    chainContract(openForTest(open));
    retentionContract(openForTest(open));
    sessionContract(openForTest(open));
    sessionListContract(openForTest(open));
    forkContract(openForTest(open));
    keyContract(openForTest(open));
    pruningContract(openForTest(open));
    approvalContract(openForTest(open));
    jobContract(openForTest(open));
  });
}

/** Everything after a cursor, page by page. */
async function readAll(store: Store, run: Run, limit: number): Promise<AgentEvent[][]> {
  const pages: AgentEvent[][] = [];
  for (;;) {
    const page = await store.readEvents(run.id, { afterSeq: pages.at(-1)?.at(-1)?.seq ?? 0, limit });
    if (page.length === 0) return pages;
    pages.push(page);
  }
}

function deltas(run: Run, count: number): EventBody[] {
  const id = itemId("msg", run.id, 1);
  return Array.from({ length: count }, (_, i) => ({
    type: "item.delta",
    itemId: id,
    channel: "text",
    delta: `${i} `,
  }));
}

function events(open: Open): void {
  describe("events", () => {
    test("events are read as they were written, in order, with and without a cursor", async () => {
      const store = await open();
      const run = aRun();
      const log = dialogue(run, "Hello?", "Hi “you” \u{1F44B}\u0000\n");
      await store.append([writeOf(run, log)]);
      expect(await store.readEvents(run.id, { afterSeq: 0, limit: 100 })).toEqual(log);
      for (const [i, { seq }] of log.entries())
        expect(await store.readEvents(run.id, { afterSeq: seq, limit: 100 })).toEqual(log.slice(i + 1));
    });

    test("events of several appends and runs do not mix", async () => {
      const store = await open();
      const [one, two] = [aRun(), aRun()];
      const logs = [dialogue(one, "1?", "1!"), dialogue(two, "2?", "2!")] as const;
      await store.append([writeOf(one, logs[0].slice(0, 3)), writeOf(two, logs[1].slice(0, 2))]);
      await store.append([writeOf(two, logs[1].slice(2)), writeOf(one, logs[0].slice(3))]);
      expect((await readAll(store, one, 100)).flat()).toEqual(logs[0]);
      expect((await readAll(store, two, 100)).flat()).toEqual(logs[1]);
    });

    test("keep facts and deltas that alternate, and gaps in their numbers, in order", async () => {
      const store = await open();
      const run = aRun();
      const item = saidItem(run, 1, "", { status: "in_progress" });
      const log = [
        ...numbered(run, [
          { type: "run.created", run, input: [] },
          { type: "item.added", item },
        ]),
        ...numbered(run, deltas(run, 3), 3),
        ...numbered(run, [{ type: "run.status", kind: "retry", text: "again" }], 7),
        ...numbered(run, deltas(run, 2), 1_000),
        ...numbered(run, [COMPLETED], 2_000),
      ];
      await store.append([writeOf(run, log)]);
      expect(await store.readEvents(run.id, { afterSeq: 0, limit: 100 })).toEqual(log);
      expect(await store.readEvents(run.id, { afterSeq: 4, limit: 100 })).toEqual(log.slice(4));
    });

    test("come in pages whose joining has no gap and no repeat", async () => {
      const store = await open();
      const run = aRun();
      const log = numbered(run, [{ type: "run.created", run, input: [] }, STARTED, ...deltas(run, 60)]);
      for (let at = 0; at < log.length; at += 7)
        await store.append([writeOf(run, log.slice(at, at + 7), { created: at === 0 })]);
      const pages = await readAll(store, run, 10);
      expect(pages.flat()).toEqual(log);
      // About as many as asked for: one write too many at most.
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(10 + 7);
      expect(pages.length).toBeGreaterThan(3);
    });

    test("events of a run that had a row before its first event are read from any of them on", async () => {
      const store = await open();
      const run = aRun();
      const plan = { input: inputOf(), attempts: 1 };
      await store.append([writeOf(run, [], { created: true, status: "queued", plan })]);
      const log = dialogue(run, "?", "!");
      await store.append([writeOf(run, log.slice(0, 3), { created: false })]);
      await store.append([writeOf(run, log.slice(3))]);
      for (let at = 0; at <= log.length; at++)
        expect(await store.readEvents(run.id, { afterSeq: at, limit: 100 })).toEqual(log.slice(at));
    });

    test("events of one large append come in pages, too, from any of them on", async () => {
      const store = await open();
      const run = aRun();
      const log = numbered(run, [
        { type: "run.created", run, input: [] },
        ...deltas(run, 300),
        STARTED,
        ...deltas(run, 300),
        COMPLETED,
      ]);
      await store.append([writeOf(run, log)]);
      const pages = await readAll(store, run, 100);
      expect(pages.flat()).toEqual(log);
      expect(Math.max(...pages.map((page) => page.length))).toBeLessThan(300);
      for (let at = 0; at <= log.length; at += 7)
        expect((await store.readEvents(run.id, { afterSeq: at, limit: 10_000 })).at(0)).toEqual(log[at]);
    });

    test("events of an unknown run are none", async () => {
      const store = await open();
      expect(await store.readEvents(aRun().id, { afterSeq: 0, limit: 10 })).toEqual([]);
    });
  });
}

function runs(open: Open): void {
  describe("runs", () => {
    test("runs are found by id and owner only", async () => {
      const store = await open();
      const run = aRun();
      await keep(store, run, "a", "b");
      expect(await store.findRun(run.id, OWNER)).toEqual({
        run,
        status: "completed",
        endedAt: 2_005,
        usage: NO_USAGE,
        reservedSeq: 1_006,
      });
      expect(await store.findRun(run.id, "somebody else")).toBeUndefined();
      expect(await store.findRun(aRun().id, OWNER)).toBeUndefined();
    });

    test("runs are unfinished until their end is stored, and keep what numbers they reserved", async () => {
      const store = await open();
      const [first, second] = [aRun(), aRun()];
      await keep(store, aRun(), "done", "done");
      for (const run of [first, second])
        await store.append([
          writeOf(run, numbered(run, [{ type: "run.created", run, input: [] }]), { status: "queued" }),
        ]);
      await store.append([writeOf(second, numbered(second, [STARTED], 2), { reservedSeq: 7_000 })]);
      const left = await store.unfinishedRuns();
      expect(left.map(({ run, status, reservedSeq }) => [run.id, status, reservedSeq])).toEqual([
        [first.id, "queued", 1_001],
        [second.id, "running", 7_000],
      ]);
      await store.append([writeOf(first, numbered(first, [COMPLETED], 2))]);
      expect((await store.unfinishedRuns()).map(({ run }) => run.id)).toEqual([second.id]);
    });

    test("runs of one append are stored all or not at all", async () => {
      const store = await open();
      const [good, twice] = [aRun(), aRun()];
      await keep(store, twice, "a", "b");
      const writes = [good, twice].map((run) => writeOf(run, dialogue(run, "a", "b")));
      await expect(store.append(writes)).rejects.toMatchObject({ name: "StorageError" });
      expect(await store.findRun(good.id, OWNER)).toBeUndefined();
      expect(await store.readEvents(good.id, { afterSeq: 0, limit: 10 })).toEqual([]);
    });
  });
}
