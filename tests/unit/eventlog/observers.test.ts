import { describe, expect, test } from "vitest";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import { EventLog } from "../../../src/eventlog/event-log.ts";
import type { ObservedEvent, RunObserver } from "../../../src/eventlog/observers.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { aRun } from "../../helpers/stored.ts";

const TERMS = { durable: false, stored: true, expiresAt: undefined };

async function openLog() {
  const { store } = await hookedStore();
  const faults: unknown[] = [];
  const clock = { now: Date.now, elapsed: () => performance.now() };
  return { log: new EventLog({ store, clock, onFault: (error) => faults.push(error) }), faults };
}

/** Does a run with so many status events. */
function play(log: EventLog, statuses = 0): void {
  const run = log.open(aRun(), TERMS);
  run.emit({ type: "run.created", run: run.run, input: [] });
  run.emit({ type: "run.started" });
  for (let n = 0; n < statuses; n++) run.emit({ type: "run.status", kind: "retry", text: String(n) });
  run.emit({ type: "item.delta", itemId: "msg_1", channel: "text", delta: "x" });
  run.emit({ type: "run.completed", reason: "stop", usage: NO_USAGE, steps: 0 });
}

class Collector implements RunObserver {
  readonly heard: ObservedEvent[] = [];
  missed = 0;
  readonly batches: number[] = [];

  observe(events: readonly ObservedEvent[], missed: number): void {
    this.heard.push(...events);
    this.batches.push(events.length);
    this.missed += missed;
  }
}

describe("an observer of the event log", () => {
  test("an observer of the event log hears every event of every run in its order, but no deltas", async () => {
    const { log } = await openLog();
    const observer = new Collector();
    log.subscribe(observer);
    play(log, 2);
    play(log);
    expect(observer.heard).toEqual([]);
    await log.flush();
    const heard = observer.heard.map(({ event }) => event.type);
    expect(heard).toEqual([
      ...["run.created", "run.started", "run.status", "run.status"],
      ...["run.created", "run.started"],
      ...["run.completed", "run.completed"],
    ]);
    for (const { run, event } of observer.heard) expect(event.runId).toBe(run.id);
  });

  test("an observer of the event log hears nothing more once it has unsubscribed", async () => {
    const { log } = await openLog();
    const observer = new Collector();
    const unsubscribe = log.subscribe(observer);
    play(log);
    unsubscribe();
    play(log);
    await log.flush();
    expect(observer.heard).toEqual([]);
  });

  test("an observer of the event log that throws or rejects fails no run and goes on with the next batch", async () => {
    const { log, faults } = await openLog();
    const observer = new Collector();
    let times = 0;
    log.subscribe({
      observe(events, missed) {
        times++;
        if (times === 1) throw new Error("thrown");
        if (times === 2) return Promise.reject(new Error("rejected"));
        return observer.observe(events, missed);
      },
    });
    for (let n = 0; n < 3; n++) {
      play(log);
      await log.flush();
    }
    expect(faults.map(String)).toEqual(["Error: thrown", "Error: rejected"]);
    expect(observer.heard.at(-1)?.event.type).toBe("run.completed");
  });

  test("an observer of the event log that never takes its batch does not hold up a shutdown", async () => {
    const { log } = await openLog();
    log.subscribe({ observe: () => new Promise(() => {}) });
    play(log);
    await log.flush();
    expect(log.live(aRun().id)).toBeUndefined();
  });

  test("an observer of the event log that is slow is told how many events it missed, and keeps no more than its share in memory", async () => {
    const { log } = await openLog();
    const observer = new Collector();
    const gate = Promise.withResolvers<void>();
    let isFirst = true;
    log.subscribe({
      async observe(events, missed) {
        if (isFirst) {
          isFirst = false;
          await gate.promise;
        }
        observer.observe(events, missed);
      },
    });
    play(log);
    await new Promise(setImmediate);
    play(log, 20_000);
    gate.resolve();
    await log.flush();
    expect(Math.max(...observer.batches)).toBe(10_000);
    expect(observer.heard.length + observer.missed).toBe(3 + 20_003);
  });
});
