import { Scheduler } from "../src/jobs/scheduler/scheduler.ts";
import { systemClock } from "../src/lib/clock.ts";
import { createIdSource } from "../src/lib/id.ts";
import { openHome, storeJobs } from "./seed-jobs.ts";
import { median } from "./stats.ts";

/** Prints how long one look at the clock takes, µs, with so many jobs stored, none of them due. Started with a folder and the number. */

const ROUNDS = 20;
const TICKS = 500;
const DAY_MS = 24 * 60 * 60 * 1000;

const [folder = "", count = "0"] = process.argv.slice(2);
const store = openHome(folder);
await storeJobs(store, { jobs: Number(count), dueAt: Date.now() + DAY_MS, modelMs: 0 });
const scheduler = new Scheduler({
  store: store.jobs,
  clock: systemClock,
  maxRunning: 10,
  execute: () => Promise.reject(new Error("nothing is due")),
  stopRun: () => {},
  onSettled: () => {},
  observer: { started: () => {}, ended: () => {} },
  nextId: createIdSource(),
  onFault: (error) => {
    throw error;
  },
});
await scheduler.start();
const rounds: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const began = performance.now();
  for (let tick = 0; tick < TICKS; tick += 1) await scheduler.tick();
  rounds.push(((performance.now() - began) * 1000) / TICKS);
}
await scheduler.stop();
await store.close();
process.stdout.write(String(median(rounds)));
