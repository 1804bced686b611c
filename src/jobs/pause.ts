import type { Job } from "../domain/job.ts";

/** How a job is paused. */
export interface Pause {
  now: number;
  reason: string | undefined;
  /** The agent pauses it. */
  byAgent?: boolean | undefined;
}

/** Returns a paused job, which is not due until it is resumed; the first pause counts. */
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
