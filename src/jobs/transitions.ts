import { conflict } from "../domain/error.ts";
import type { Job, JobChanges, WorkChanges } from "../domain/job.ts";
import { paused } from "./pause.ts";
import { toCalendar } from "./schedule/schedule.ts";
import { changedWork } from "./work.ts";

/** Moves a job to its next time after now; without one it is completed. */
export function due(job: Job, now: number): Job {
  const { nextAt: _at, nextOccurrence: _occurrence, ...rest } = job;
  const next = toCalendar(job.schedule).next(now);
  if (next === undefined) return { ...rest, state: "completed" };
  return { ...rest, state: "scheduled", nextAt: next.at, nextOccurrence: next.at };
}

/** Resumes a job as it is. @throws ApiError 409 for a completed job. */
export function resumed(job: Job, now: number): Job {
  if (job.state === "scheduled") return job;
  const { pausedAt: _at, pausedReason: _reason, pausedByAgent: _byAgent, ...rest } = job;
  const isDone = job.times !== undefined && job.completed >= job.times;
  const next = due({ ...rest, failureStreak: 0, updatedAt: now }, now);
  if (isDone || next.state === "completed")
    throw conflict(
      "job_completed",
      "The job is completed: change its schedule or repeat first, or run it now.",
    );
  return next;
}

/** Applies changes to a job. @throws ApiError 400 when nothing is left to do, 409 as `resumed`. */
export function applyChanges(job: Job, changes: JobChanges, now: number): Job {
  const { work, times, enabled, reason, byAgent, ...plain } = changes;
  const { times: before, ...rest } = job;
  const limit = times === undefined ? before : (times ?? undefined);
  const next: Job = {
    ...rest,
    ...plain,
    ...whoseWork(work, byAgent),
    work: changedWork(job.work, work ?? {}),
    updatedAt: now,
    ...(limit !== undefined && { times: limit }),
  };
  if (enabled === false) return paused(next, { now, reason, byAgent });
  if (enabled === undefined && reason !== undefined && job.state === "paused")
    return { ...next, pausedReason: reason };
  if (enabled === true && job.state === "paused") return resumed(next, now);
  const isMoved = plain.schedule !== undefined && job.state !== "paused";
  return isMoved ? due(next, now) : next;
}

/**
 * A part of the work that the agent changes makes it the agent's; a prompt that a person writes makes it a person's.
 */
function whoseWork(work: WorkChanges = {}, byAgent = false): Pick<Job, "byAgent"> {
  const isChanged = Object.values(work).some((value) => value !== undefined);
  if (byAgent) return isChanged ? { byAgent } : {};
  return work.prompt !== undefined || work.script !== undefined ? { byAgent } : {};
}
