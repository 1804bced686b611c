import { expect, test } from "vitest";
import type { Scheduler } from "../../../src/jobs/scheduler/scheduler.ts";
import { Jobs } from "../../../src/jobs/service.ts";
import { createIdSource } from "../../../src/lib/id.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { ANY_DRAFT } from "../../helpers/jobs.ts";
import { OWNER } from "../../helpers/stored.ts";

const DRAFT = { name: "news", work: { prompt: "Look." }, schedule: "@hourly" };

/** The jobs of a process, over what a former one left. */
async function open() {
  const { inner } = await hookedStore();
  const scheduler = { tick: async () => undefined } as unknown as Scheduler;
  const clock = { now: Date.now, elapsed: () => performance.now() };
  const start = () =>
    new Jobs({ ...ANY_DRAFT, store: inner.jobs, scheduler, clock, nextId: createIdSource() });
  const make = (jobs: Jobs, call: string) =>
    jobs.create(OWNER, DRAFT, { origin: { call_id: call }, call: { id: call, at: 1_790_000_000_000 } });
  return { start, make };
}

test("a call that a crash cut off, and that is repeated, makes one job", async () => {
  const { start, make } = await open();
  const made = await make(start(), "call_a_1");
  const again = start();
  expect(await make(again, "call_a_1")).toEqual(made);
  expect(await again.list({ owner: OWNER, limit: 10, order: "asc" })).toEqual([made]);
});

test("calls of one second make jobs of their own, also where their ids would be the same", async () => {
  const { start, make } = await open();
  const jobs = start();
  const ids = new Set<string>();
  // Of so many, some have the same four digits.
  for (let n = 0; n < 1_000; n++) ids.add((await make(jobs, `call_a_${n}`)).id);
  expect(ids.size).toBe(1_000);
});

test("jobs of one second are listed in the order in which they were made", async () => {
  const { start } = await open();
  const jobs = start();
  const names = Array.from({ length: 20 }, (_, n) => `job ${n}`);
  for (const name of names) await jobs.create(OWNER, { ...DRAFT, name }, { origin: {} });
  const listed = await jobs.list({ owner: OWNER, limit: 100, order: "asc" });
  expect(listed.map(({ name }) => name)).toEqual(names);
});
