import { vi } from "vitest";
import type { Fire, Job } from "../../src/domain/job.ts";
import { listOccurrences, toCalendar } from "../../src/jobs/schedule/schedule.ts";
import { aJob } from "./jobs.ts";
import { type JobsProcess, jobsProcess } from "./jobs-process.ts";
import { say } from "./scripted-provider.ts";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;
/** A Monday, nine o'clock in UTC. */
export const NINE = Date.parse("2027-03-01T09:00:00Z");

/** A scheduler whose wall clock a test moves; its jobs are done at once. */
export async function clockedJobs(jobs: readonly Partial<Job>[]) {
  const wall = { now: NINE - 1_000 };
  const process = await jobsProcess({ wall, play: () => say("Done.") });
  const made = jobs.map((terms) => {
    const job = aJob({ maxFailures: 0, ...terms });
    const next = toCalendar(job.schedule).next(wall.now)?.at;
    return next === undefined ? job : { ...job, nextAt: next, nextOccurrence: next };
  });
  for (const job of made) await process.store.jobs.createJob(job);
  await process.start();
  const at = async (now: number) => {
    wall.now = now;
    await idle(process);
  };
  const walk = async (until: number, stepMs: number) => {
    for (let now = wall.now + stepMs; now <= until; now += stepMs) await at(now);
  };
  const history = async (index = 0) => {
    const job = made[index];
    return job === undefined ? [] : process.history(job);
  };
  return { process, wall, made, at, walk, history };
}

/** Looks at the clock, and waits until nothing goes on any more. */
async function idle({ scheduler }: JobsProcess): Promise<void> {
  await scheduler.tick();
  await vi.waitFor(
    () => {
      if (scheduler.load.running + scheduler.load.waiting > 0) throw new Error("it goes on");
    },
    { interval: 1, timeout: 5_000 },
  );
}

/** Minutes after nine and what became of them; several that one row stands for are told by their number. */
export function toldOf(fires: readonly Fire[]): string[] {
  return fires.map(({ scheduledFor, status, reason, count }) => {
    const times = count > 1 ? ` x${count}` : "";
    return `${(scheduledFor - NINE) / MINUTE} ${reason ?? status}${times}`;
  });
}

/** What is wrong with a history: an occurrence twice or left out, up to a time. */
export function gapsIn(
  job: Job,
  fires: readonly Fire[],
  { from, to }: { from: number; to: number },
): string[] {
  const due = listOccurrences(toCalendar(job.schedule), { from, to, limit: 100_000 }).map(({ at }) => at);
  const rows = fires.map(({ scheduledFor }) => scheduledFor);
  const told = fires.reduce((sum, { count }) => sum + count, 0);
  return [
    ...(new Set(rows).size === rows.length ? [] : ["an occurrence is there twice"]),
    ...(told === due.length ? [] : [`${told} of ${due.length} occurrences are told`]),
    ...rows.filter((at) => !due.includes(at)).map((at) => `${new Date(at).toISOString()} is no occurrence`),
  ];
}
