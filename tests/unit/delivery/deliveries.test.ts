import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type DeliveryChannel, DeliveryError, type DeliveryMessage } from "../../../src/delivery/channel.ts";
import { Deliveries } from "../../../src/delivery/deliveries.ts";
import type { Delivery } from "../../../src/domain/delivery.ts";
import { JobCounters } from "../../../src/jobs/scheduler/job-counters.ts";
import type { Store } from "../../../src/storage/store.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { aFire, aJob } from "../../helpers/jobs.ts";
import { OWNER } from "../../helpers/stored.ts";

const HOUR_MS = 3_600_000;

/** A process that brings what is pending by `deliver`, at a time that the test sets. */
async function start(deliver: DeliveryChannel["deliver"], left?: Store) {
  const store = left ?? (await hookedStore()).inner;
  const faults: unknown[] = [];
  const tally = new JobCounters();
  const clock = { at: 1_000, now: () => clock.at, elapsed: () => clock.at };
  const jobs = { ...bound(store) };
  const channel: DeliveryChannel = { takes: (target) => !target.startsWith("nowhere"), deliver };
  const deliveries = new Deliveries({
    channels: [channel],
    store: jobs,
    clock,
    observer: tally,
    onFault: (error) => faults.push(error),
  });
  await deliveries.start();
  onTestFinished(() => deliveries.stop());
  const history = async (jobId: string) =>
    (await store.jobs.listFires({ jobId, owner: OWNER, order: "asc", limit: 999 })).map(
      (fire) => fire.deliveries,
    );
  /** At a later time, when nothing is under way. */
  const goOn = async (at: number) => {
    clock.at = at;
    await deliveries.wake();
  };
  return { store, jobs, deliveries, tally, clock, faults, history, goOn };
}

function bound({ jobs }: Store) {
  const { deliveryPlaces, undelivered, findJob, updateFire } = jobs;
  return {
    deliveryPlaces: deliveryPlaces.bind(jobs),
    undelivered: undelivered.bind(jobs),
    findJob: findJob.bind(jobs),
    updateFire: updateFire.bind(jobs),
  };
}

const pending = (target: string): Delivery => ({ target, status: "pending", attempts: 0, nextAt: 1_000 });

/** A job whose fires are over and not delivered, one for each list of targets. */
async function settle(
  { store, deliveries }: { store: Store; deliveries: Deliveries },
  ...targets: string[][]
) {
  const job = aJob();
  await store.jobs.createJob(job);
  const fires = targets.map((list) =>
    aFire(job.id, { status: "completed", output: "Done.", deliveries: list.map(pending) }),
  );
  await store.jobs.changeJob({ job, fires });
  await deliveries.wake();
  return job.id;
}

/** Brings nothing before it is told to; keeps what was asked of it. */
function held() {
  const asked: DeliveryMessage[] = [];
  const gate = Promise.withResolvers<void>();
  const deliver: DeliveryChannel["deliver"] = async (message, signal) => {
    asked.push(message);
    const stopped = new Promise((_resolve, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason)),
    );
    await Promise.race([gate.promise, stopped]);
    return {};
  };
  return { asked, open: () => gate.resolve(), deliver };
}

describe("deliveries", () => {
  test("deliver each result to each target, and keep what came of it", async () => {
    const deliver = vi.fn<DeliveryChannel["deliver"]>(async ({ target }) =>
      target === "local" ? { file: "a.md" } : {},
    );
    const process = await start(deliver);
    const id = await settle(process, ["local", "session:a"], ["local"]);
    const local = { target: "local", status: "delivered", attempts: 1, file: "a.md" };
    await vi.waitFor(async () =>
      expect(await process.history(id)).toEqual([
        [local, { target: "session:a", status: "delivered", attempts: 1 }],
        [local],
      ]),
    );
    expect(deliver.mock.calls[0]?.[0]).toMatchObject({ job: { id }, target: "local", text: "Done." });
    expect([deliver.mock.calls.length, process.faults]).toEqual([3, []]);
  });

  test("deliveries that stay in the house do not wait for a receiver", async () => {
    const slow = held();
    const process = await start((message, signal) =>
      message.target.startsWith("webhook:") ? slow.deliver(message, signal) : Promise.resolve({}),
    );
    const id = await settle(process, ["webhook:https://example.com/", "session:a", "local"]);
    await vi.waitFor(async () =>
      expect((await process.history(id))[0]?.map(({ status }) => status)).toEqual([
        "pending",
        "delivered",
        "delivered",
      ]),
    );
  });

  test("deliveries that fail come again later and later, and fail for good after the sixth time", async () => {
    const process = await start(async () => Promise.reject(new DeliveryError("Not now.")));
    const id = await settle(process, ["a"]);
    const waits: number[] = [];
    for (let attempts = 1; attempts <= 5; attempts++) {
      await vi.waitFor(async () =>
        expect(await process.history(id)).toMatchObject([
          [{ status: "pending", attempts, error: "Not now." }],
        ]),
      );
      const { nextAt = 0 } = (await process.history(id))[0]?.[0] ?? {};
      waits.push(Math.round((nextAt - process.clock.at) / 1_000));
      await process.goOn(nextAt - 1);
      await process.goOn(nextAt);
    }
    const failed = { target: "a", status: "failed", attempts: 6, error: "Not now." };
    await vi.waitFor(async () => expect(await process.history(id)).toEqual([[failed]]));
    for (const [i, usual] of [5, 30, 120, 600, 3_600].entries()) {
      expect(waits[i]).toBeGreaterThanOrEqual(Math.floor(usual * 0.8));
      expect(waits[i]).toBeLessThanOrEqual(Math.ceil(usual * 1.2));
    }
    expect(process.faults).toEqual([]);
    expect(process.tally.totals.deliveries).toEqual({ delivered: 0, put_off: 5, failed: 1 });
  });

  test("wait as long as the receiver asks for, an hour at most", async () => {
    const asked = [60_000, 999 * HOUR_MS];
    const process = await start(async () =>
      Promise.reject(new DeliveryError("Busy.", { retryAfterMs: asked.shift() ?? 0 })),
    );
    const id = await settle(process, ["a"]);
    for (const waitMs of [60_000, HOUR_MS]) {
      const nextAt = process.clock.at + waitMs;
      await vi.waitFor(async () =>
        expect(await process.history(id)).toMatchObject([[{ status: "pending", nextAt }]]),
      );
      await process.goOn(nextAt);
    }
  });

  test("deliveries are tried where the clock was set back meanwhile, rather than a day later", async () => {
    const answers = [Promise.reject(new DeliveryError("Not now.")), Promise.resolve({})];
    const process = await start(async () => answers.shift() ?? {});
    process.clock.at = 200_000_000;
    const id = await settle(process, ["a"]);
    await vi.waitFor(async () =>
      expect(await process.history(id)).toMatchObject([[{ status: "pending", attempts: 1 }]]),
    );
    await process.goOn(100_000_000);
    await vi.waitFor(async () =>
      expect(await process.history(id)).toMatchObject([[{ status: "delivered" }]]),
    );
  });

  test("go to one place after the other, however many there are", async () => {
    const process = await start(async () => ({}));
    const places = Array.from({ length: 500 }, (_, i) => [`place ${i}`]);
    const id = await settle(process, ...places);
    await vi.waitFor(
      async () => expect(await process.store.jobs.deliveryPlaces({ after: "", limit: 9 })).toEqual([]),
      5_000,
    );
    expect((await process.history(id)).flat().filter(({ attempts }) => attempts === 1)).toHaveLength(500);
  });

  test("fail at once where no try can help, and a fault is told to the log alone", async () => {
    const process = await start(async ({ target }) => {
      throw target === "gone" ? new DeliveryError("Gone.", { isFinal: true }) : new Error("/secret/path");
    });
    const id = await settle(process, ["gone", "nowhere", "broken"]);
    await vi.waitFor(async () =>
      expect(await process.history(id)).toMatchObject([
        [
          { status: "failed", attempts: 1, error: "Gone." },
          { status: "failed", attempts: 1, error: "There is no such place." },
          { status: "pending", attempts: 1, error: expect.not.stringContaining("secret") },
        ],
      ]),
    );
    expect(process.faults).toEqual([new Error("/secret/path")]);
  });

  test("deliveries of a slow place keep those of no other waiting, and are limited in number", async () => {
    const slow = held();
    const quick: string[] = [];
    const process = await start(async (message, signal) => {
      if (!message.target.startsWith("slow")) quick.push(message.target);
      return message.target.startsWith("slow") ? slow.deliver(message, signal) : {};
    });
    const places = Array.from({ length: 15 }, (_, i) =>
      Array.from({ length: 20 }, () => [`slow${i}`]),
    ).flat();
    await settle(process, ...places);
    await vi.waitFor(() => expect(slow.asked).toHaveLength(60));
    const id = await settle(process, ["quick"], ["quick"], ["quick"], ["quick"], ["quick"]);
    await vi.waitFor(async () =>
      expect((await process.history(id)).flat().every(({ status }) => status === "delivered")).toBe(true),
    );
    expect([slow.asked.length, quick.length]).toEqual([60, 5]);
    slow.open();
    await vi.waitFor(
      async () => expect(await process.store.jobs.deliveryPlaces({ after: "", limit: 9 })).toEqual([]),
      5_000,
    );
    expect(slow.asked).toHaveLength(300);
  });

  test("deliveries that a stop cuts off are left to the next process, which repeats none that arrived", async () => {
    const first = held();
    const process = await start(first.deliver);
    const id = await settle(process, ["a", "b"]);
    await vi.waitFor(() => expect(first.asked).toHaveLength(1));
    await process.deliveries.stop();
    expect(await process.history(id)).toEqual([[pending("a"), pending("b")]]);
    const brought: string[] = [];
    const next = await start(async ({ target }) => {
      brought.push(target);
      return {};
    }, process.store);
    await vi.waitFor(async () =>
      expect((await next.history(id)).flat().map(({ status }) => status)).toEqual(["delivered", "delivered"]),
    );
    expect(brought).toEqual(["a", "b"]);
  });

  test("rest when nobody can note them, rather than go out without end", async () => {
    const deliver = vi.fn<DeliveryChannel["deliver"]>(async () => ({}));
    const process = await start(deliver);
    const note = process.jobs.updateFire;
    process.jobs.updateFire = async () => Promise.reject(new Error("disk full"));
    const id = await settle(process, ["a"]);
    await vi.waitFor(() => expect(process.faults).toHaveLength(1));
    await process.goOn(2_000);
    expect(deliver).toHaveBeenCalledTimes(1);
    process.jobs.updateFire = note;
    await process.goOn(12_000);
    await vi.waitFor(async () =>
      expect(await process.history(id)).toMatchObject([[{ status: "delivered", attempts: 1 }]]),
    );
  });

  test("deliveries of a job that is deleted are forgotten", async () => {
    const slow = held();
    const process = await start(slow.deliver);
    const id = await settle(process, ["a"], ["a"], ["a"], ["a"], ["a"]);
    await vi.waitFor(() => expect(slow.asked).toHaveLength(4));
    await process.store.jobs.deleteJob(id, OWNER);
    slow.open();
    await process.deliveries.stop();
    expect([
      slow.asked.length,
      process.faults,
      await process.store.jobs.deliveryPlaces({ after: "", limit: 9 }),
    ]).toEqual([4, [], []]);
  });
});
