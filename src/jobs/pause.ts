import type { Job } from "../domain/job.ts";

/** A job that is not due any more until somebody resumes it. */
export function paused(job: Job, { now, reason }: { now: number; reason: string | undefined }): Job {
  const { nextAt: _at, nextOccurrence: _occurrence, pausedReason: _reason, ...rest } = job;
  const why = reason !== undefined && { pausedReason: reason };
  return { ...rest, state: "paused", pausedAt: now, updatedAt: now, ...why };
}
