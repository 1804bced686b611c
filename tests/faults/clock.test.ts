import type { Job } from "../../src/domain/job.ts";
import { clockedJobs, DAY, gapsIn, HOUR, MINUTE, NINE } from "../helpers/jobs-clock.ts";
import { compareSchedules } from "../helpers/schedules.ts";
import { fault, randomFrom, SEED } from "./report.ts";

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
