import type { Job } from "../domain/job.ts";

/** How a job is paused. */
export interface Pause {
  now: number;
  reason: string | undefined;
  /** The agent does it. */
  byAgent?: boolean | undefined;
}

/** A job that is not due any more until somebody resumes it; who has paused it first, has. */
export function paused(job: Job, { now, reason, byAgent = false }: Pause): Job {
  const { nextAt: _at, nextOccurrence: _occurrence, pausedReason: _reason, pausedByAgent, ...rest } = job;
  const why = reason !== undefined && { pausedReason: reason };
  const isAgents = byAgent && (job.state !== "paused" || pausedByAgent === true);
  return {
    ...rest,
    state: "paused",
    pausedAt: now,
    updatedAt: now,
    ...why,
    ...(isAgents && { pausedByAgent: true }),
  };
}
