import { describe, expect, test } from "vitest";
import { isTerminal } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import { itemId } from "../../../src/domain/id.ts";
import { settleUnfinished } from "../../../src/runs/recover.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import {
  aRun,
  dialogue,
  keep,
  numbered,
  OWNER,
  STARTED,
  saidItem,
  userItem,
  writeOf,
} from "../../helpers/stored.ts";

const clock = { now: () => 9_000, elapsed: () => 0 };

/** A run whose process died after it had said something. */
async function crashed(said: string[]) {
  const { store, appends } = await hookedStore();
  const run = aRun();
  const log = numbered(run, [
    { type: "run.created", run, input: [userItem(run, 0, "a?")] },
    STARTED,
    { type: "step.started", step: 1 },
    { type: "item.added", item: saidItem(run, 1, "", { status: "in_progress" }) },
    ...said.map((delta) => ({
      type: "item.delta" as const,
      itemId: itemId("msg", run.id, 1),
      channel: "text" as const,
      delta,
    })),
  ]);
  await store.append([writeOf(run, log, { reservedSeq: 1_500, expiresAt: 77_000 })]);
  return { store, appends, run, log };
}

describe("after a crash", () => {
  test("a run that was left open ends as failed, with what it had said", async () => {
    const { store, run, log } = await crashed(["Hel", "lo"]);
    expect(await settleUnfinished(store, clock)).toEqual({ ended: 1, resumed: [] });
    const events = await store.readEvents(run.id, { afterSeq: 0, limit: 100 });
    expect(events.slice(0, log.length)).toEqual(log);
    expect(events.slice(log.length)).toMatchObject([
      { type: "step.restarted", seq: 1_501, step: 1 },
      { type: "item.done", seq: 1_502, item: { status: "incomplete", content: [{ text: "Hello" }] } },
      {
        type: "run.failed",
        seq: 1_503,
        at: 9_000,
        steps: 1,
        error: { code: "server_restarted" },
      },
    ]);
    expect(fold(events)).toMatchObject({ status: "failed", steps: 1 });
    expect(await store.findRun(run.id, OWNER)).toMatchObject({ status: "failed", endedAt: 9_000 });
    expect(await store.unfinishedRuns()).toEqual([]);
  });

  test("such a run is kept no longer than it would have been", async () => {
    const { store } = await crashed([]);
    await settleUnfinished(store, clock);
    expect(await store.sweep(76_999, 10)).toBe(0);
    expect(await store.sweep(77_000, 10)).toBe(1);
  });

  test("what is over stays as it is, and a second look finds nothing", async () => {
    const { store, appends } = await crashed([]);
    const done = aRun();
    await keep(store, done, "a", "b");
    await settleUnfinished(store, clock);
    const writes = appends.length;
    expect(await settleUnfinished(store, clock)).toEqual({ ended: 0, resumed: [] });
    expect(appends).toHaveLength(writes);
    expect(await store.readEvents(done.id, { afterSeq: 0, limit: 100 })).toEqual(dialogue(done, "a", "b"));
  });

  test("a long log is read whole, though it comes in pages and its largest page is large", async () => {
    const { store, run, log } = await crashed([]);
    const deltas = (from: number, count: number) =>
      numbered(
        run,
        Array.from({ length: count }, (_, n) => ({
          type: "item.delta" as const,
          itemId: itemId("msg", run.id, 1),
          channel: "text" as const,
          delta: `${n % 10}`,
        })),
        from,
      );
    let from = log.length + 1;
    for (const count of [700, 700, 200_000, 700]) {
      await store.append([writeOf(run, deltas(from, count), { created: false })]);
      from += count;
    }
    await settleUnfinished(store, clock);
    const [item] = await store.readOutput(run.id);
    const text =
      item?.type === "message" && item.content[0]?.type === "output_text" ? item.content[0].text : "";
    expect(text).toHaveLength(202_100);
    const [last] = (await store.readEvents(run.id, { afterSeq: from, limit: 10 })).slice(-1);
    expect(last !== undefined && isTerminal(last)).toBe(true);
  });
});
