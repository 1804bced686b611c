import { describe, expect, onTestFinished, test, vi } from "vitest";
import { draining } from "../../../../src/domain/error.ts";
import type { Fire, Job } from "../../../../src/domain/job.ts";
import type { Result } from "../../../../src/jobs/execution/result.ts";
import { JobCounters } from "../../../../src/jobs/scheduler/job-counters.ts";
import { Scheduler, type SchedulerDeps } from "../../../../src/jobs/scheduler/scheduler.ts";
import { createIdSource } from "../../../../src/lib/id.ts";
import { StorageError, type Store } from "../../../../src/storage/store.ts";
import { hookedStore } from "../../../helpers/hooked-store.ts";
import { aJob } from "../../../helpers/jobs.ts";
import { OWNER } from "../../../helpers/stored.ts";

const DONE: Result = { status: "completed", output: "Done.", mayRepeat: false };
const NEVER = new Promise<undefined>(() => {});

/** A process that begins what is due; `execute` does it. */
async function start(execute: SchedulerDeps["execute"], left?: Store) {
  const store = left ?? (await hookedStore()).inner;
  const done: string[] = [];
  const faults: unknown[] = [];
  const delivered: Fire[] = [];
  const tally = new JobCounters();
  const scheduler = new Scheduler({
    store: store.jobs,
    clock: { now: Date.now, elapsed: () => performance.now() },
    maxRunning: 2,
    execute: (begun) => {
      done.push(begun.fire.runId ?? "");
      return execute(begun);
    },
    stopRun: () => undefined,
    onSettled: (fire) => delivered.push(fire),
    observer: tally,
    nextId: createIdSource(),
    onFault: (error) => faults.push(error),
  });
  await scheduler.start();
  onTestFinished(() => scheduler.stop());
  const history = ({ id }: Job) => store.jobs.listFires({ jobId: id, owner: OWNER, order: "asc", limit: 99 });
  const settled = (job: Job, status: string) =>
    vi.waitFor(async () => expect((await history(job)).map((fire) => fire.status)).toEqual([status]), 3_000);
  return { store, scheduler, tally, done, faults, delivered, history, settled };
}

/** Due now, once. */
async function dueJob({ store, scheduler }: { store: Store; scheduler: Scheduler }): Promise<Job> {
  const at = Date.now();
  const schedule = { kind: "once", runAt: at, timezone: "UTC", display: "now" } as const;
  const job = aJob({ schedule, nextAt: at, nextOccurrence: at });
  await store.jobs.createJob(job);
  await scheduler.tick();
  return job;
}

describe("the scheduler", () => {
  test("the scheduler does what is due once, and tells whom it concerns", async () => {
    const process = await start(async () => DONE);
    const job = await dueJob(process);
    await process.settled(job, "completed");
    await process.scheduler.tick();
    expect([process.done.length, process.delivered.length, process.faults]).toEqual([1, 1, []]);
    expect(process.scheduler.isAlive).toBe(true);
    expect(process.tally.totals).toMatchObject({ started: 1, completed: 1, failed: 0 });
    expect(process.tally.totals.start_lag_ms.max).toBeLessThan(1_000);
    expect(await process.store.jobs.findJob(job.id, OWNER)).toMatchObject({
      state: "completed",
      last: { status: "completed" },
    });
  });

  test("the scheduler tries again soon where the server is full or shuts down", async () => {
    let tries = 0;
    const process = await start(async () => {
      if (++tries === 1) throw draining();
      return DONE;
    });
    await process.settled(await dueJob(process), "completed");
    expect([tries, new Set(process.done).size, process.faults]).toEqual([2, 1, []]);
  });

  test("the scheduler tells a fire to stop whose job is deleted, and one whose run is stopped", async () => {
    const process = await start(
      ({ signal }) =>
        new Promise((resolve) => {
          const stopped = { status: "cancelled", mayRepeat: false } as const;
          signal.addEventListener("abort", () => resolve(stopped));
        }),
    );
    const jobs = [await dueJob(process), await dueJob(process)] as const;
    const [id, other] = process.done as `run_${string}`[];
    process.scheduler.forget(jobs[0].id);
    await process.settled(jobs[0], "cancelled");
    const { live } = process.scheduler;
    expect(live.size).toBe(1);
    expect([live.stopRun(id ?? "run_", OWNER), live.stopRun(other ?? "run_", "else")]).toEqual([
      false,
      false,
    ]);
    expect(live.stopRun(other ?? "run_", OWNER)).toBe(true);
    await process.settled(jobs[1], "cancelled");
  });

  test("the scheduler keeps what it knew of a fire that has to wait, and of one that ends", async () => {
    const seen: unknown[] = [];
    const script = { startedAt: 1, endedAt: 2, output: "42" };
    const process = await start(async ({ fire, keep }) => {
      seen.push(fire.script);
      if (seen.length > 1) return DONE;
      await keep({ script: { startedAt: 1 } });
      await keep({ script });
      throw draining();
    });
    const job = await dueJob(process);
    await process.settled(job, "completed");
    expect(seen).toEqual([undefined, script]);
    expect(await process.history(job)).toMatchObject([{ script, output: "Done." }]);
  });

  test.each([
    "findJob",
    "updateFire",
    "changeJob",
  ] as const)("the scheduler does what is due in spite of a store that fails once (%s)", async (method) => {
    const { inner } = await hookedStore();
    let isFull = false;
    const jobs = new Proxy(inner.jobs, {
      get(target, key) {
        const value = Reflect.get(target, key) as (...args: unknown[]) => unknown;
        return (...args: unknown[]) => {
          if (key !== method || !isFull) return value.apply(target, args);
          isFull = false;
          return Promise.reject(new StorageError("full", "no space"));
        };
      },
    });
    const store = new Proxy(inner, {
      get: (target, key) => (key === "jobs" ? jobs : Reflect.get(target, key)),
    });
    const process = await start(async () => {
      // Of its writes only the last fails.
      isFull = method === "changeJob" && process.done.length === 1;
      return DONE;
    }, store);
    const at = Date.now();
    const schedule = { kind: "once", runAt: at, timezone: "UTC", display: "now" } as const;
    const job = aJob({ schedule, nextAt: at, nextOccurrence: at });
    await inner.jobs.createJob(job);
    isFull = method !== "changeJob";
    await process.scheduler.tick();
    await process.settled(job, "completed");
    expect([process.faults.map(String), process.delivered.length]).toEqual([["StorageError: no space"], 1]);
    expect(new Set(process.done).size).toBe(1);
  });

  test("ends what a fault of its own keeps from being done, and says so", async () => {
    const fault = new TypeError("a mistake");
    const process = await start(() => Promise.reject(fault));
    const job = await dueJob(process);
    await process.settled(job, "failed");
    await process.scheduler.tick();
    expect([process.done.length, process.faults]).toEqual([1, [fault]]);
    expect((await process.history(job))[0]?.reason).toContain("internal error");
  });

  test("the scheduler pauses a job whose schedule cannot be read, and does the others", async () => {
    const process = await start(async () => DONE);
    const at = Date.now();
    const schedule = { kind: "cron", expr: "0 9 * * *", timezone: "Nowhere/At_All", display: "" } as const;
    // More of them than are looked at together.
    const broken = Array.from({ length: 60 }, () =>
      aJob({ schedule, nextAt: at - 1, nextOccurrence: at - 1 }),
    );
    for (const job of broken) await process.store.jobs.createJob(job);
    const job = await dueJob(process);
    await process.settled(job, "completed");
    for (const { id } of broken)
      expect(await process.store.jobs.findJob(id, OWNER)).toMatchObject({
        state: "paused",
        pausedReason: expect.stringContaining("Nowhere/At_All"),
      });
    expect(process.faults).toHaveLength(60);
  });

  test("the scheduler leaves what goes on to the next process, which goes on with the same run", async () => {
    const first = await start(() => NEVER);
    const job = await dueJob(first);
    await first.settled(job, "running");
    await first.scheduler.stop();
    const second = await start(async () => DONE, first.store);
    await second.settled(job, "completed");
    expect(second.done).toEqual(first.done);
  });

  test("the scheduler does what a process had only written down before it died", async () => {
    const first = await start(() => NEVER);
    // No more than one of them may go on: the others wait, and die with the process.
    const jobs = [await dueJob(first), await dueJob(first), await dueJob(first)];
    expect(first.done).toHaveLength(2);
    await first.scheduler.stop();
    const second = await start(async () => DONE, first.store);
    for (const job of jobs) await second.settled(job, "completed");
    expect(new Set(second.done).size).toBe(3);
  });

  test("the scheduler pauses a job that fails again and again, and says why", async () => {
    const process = await start(async () => ({ status: "failed", reason: "no luck", mayRepeat: false }));
    const at = Date.now();
    const schedule = {
      kind: "interval",
      everyMs: 3_600_000,
      anchorAt: at - 3_600_000,
      timezone: "UTC",
      display: "",
    } as const;
    const job = aJob({ schedule, nextAt: at, nextOccurrence: at, maxFailures: 1 });
    await process.store.jobs.createJob(job);
    await process.scheduler.tick();
    await process.settled(job, "failed");
    const { nextAt, ...paused } = (await process.store.jobs.findJob(job.id, OWNER)) as Job;
    expect([nextAt, paused.state, paused.pausedReason]).toEqual([
      undefined,
      "paused",
      expect.stringContaining("no luck"),
    ]);
  });
});
