import { setTimeout as sleep } from "node:timers/promises";
import { expect, vi } from "vitest";
import type { Job } from "../../src/domain/job.ts";
import { clockedJobs, DAY, gapsIn, HOUR, MINUTE, NINE } from "../helpers/jobs-clock.ts";
import { compareSchedules } from "../helpers/schedules.ts";
import { fault, randomFrom, SEED } from "./report.ts";
import { openPlace } from "./server.ts";

fault(
  {
    id: "R-60",
    what: "random schedules two days around the jumps of all zones' clocks, against an oracle of another library and the written rule: every time is due exactly as it says",
    counts: { quick: 500, usual: 5_000, full: 50_000 },
  },
  async (count) => {
    compareSchedules(count);
    return { failures: [] };
  },
);

/** What the clock does to the jobs between two looks. */
const JUMPS = [HOUR, -HOUR, DAY, -DAY, 8 * HOUR, -30_000];
const STEPS = 40;
/** Longer than a scheduler that waits for its clock would be called alive. */
const READY_MS = 5_000;

fault(
  {
    id: "R-61",
    what: "the clock jumps by an hour and a day either way, drifts and sleeps, at random, for jobs of each misfire policy: no occurrence twice, each is done or told why not, no storm",
    counts: { quick: 20, usual: 200, full: 2_000 },
  },
  async (count) => {
    const failures: string[] = [];
    for (let walk = 0; walk < count; walk++) failures.push(...(await walkClock(randomFrom(SEED + walk))));
    return { failures };
  },
);

fault(
  {
    id: "R-61",
    what: "the clock of a running server is set back by an hour, and ahead again: it stays ready, its jobs are done on time",
    counts: { quick: 2, usual: 8, full: 40 },
  },
  async (count) => {
    const failures: string[] = [];
    let n = 0;
    for (const odd of [{ ODD_CLOCK_MS: String(-HOUR) }, { ODD_CLOCK_MS: String(HOUR) }]) {
      const place = await openPlace(() => ({ text: "Done." }), "", odd);
      const server = await place.start();
      for (let step = 0; step < count / 2; step++, n++) {
        server.child.kill("SIGUSR2");
        for (const until = performance.now() + READY_MS; performance.now() < until; await sleep(50)) {
          const { status } = await server.ask("/ready");
          if (status !== 200) failures.push(`/ready answers ${status} after the clock was set`);
        }
      }
      const body = { name: "now", prompt: "Say it.", schedule: "in 1s" };
      const { json: job } = await server.ask("/v1/jobs", body);
      await vi.waitFor(
        async () => {
          const { json } = await server.ask(`/v1/jobs/${job.id}/runs`);
          expect(json.data.map(({ status }: { status: string }) => status)).toEqual(["completed"]);
        },
        { timeout: 10_000, interval: 50 },
      );
      await server.stop();
    }
    return { n, failures };
  },
);

const POLICIES = ["latest", "skip", "all"] as const;

async function walkClock(random: () => number): Promise<string[]> {
  const cron = (expr: string, policy: Job["misfire"]["policy"]): Partial<Job> => ({
    schedule: { kind: "cron", expr, timezone: "UTC", display: expr },
    misfire: { policy },
  });
  const jobs = POLICIES.flatMap((policy) => [cron("*/10 * * * *", policy), cron("30 */2 * * *", policy)]);
  const { process, wall, made, at, history } = await clockedJobs(jobs);
  let latest = NINE - 1;
  for (let step = 0; step < STEPS; step++) {
    const jump = random() < 0.3 ? (JUMPS[Math.floor(random() * JUMPS.length)] ?? 0) : 0;
    await at(wall.now + jump + Math.floor(random() * 5 * MINUTE));
    latest = Math.max(latest, wall.now);
  }
  const failures = process.faults.map(String);
  for (const [i, job] of made.entries()) {
    const fires = await history(i);
    const done = fires.filter(({ status }) => status === "completed").length;
    failures.push(...gapsIn(job, fires, { from: NINE - 1, to: latest }));
    // Each look does one of a job at most, or, where all are to be done, those of its grace.
    const most = job.misfire.policy === "all" ? STEPS * 7 : STEPS;
    if (done > most) failures.push(`${done} were done in ${STEPS} looks`);
    if (fires.some(({ status }) => status !== "completed" && status !== "skipped"))
      failures.push("one is open");
  }
  await process.scheduler.stop();
  return failures;
}
