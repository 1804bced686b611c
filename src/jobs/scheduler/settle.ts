import { deliveryText } from "../../delivery/channel.ts";
import type { Delivery } from "../../domain/delivery.ts";
import { type Fire, isSilent, type Job } from "../../domain/job.ts";
import type { Result } from "../execution/result.ts";
import { paused } from "../pause.ts";

/** A fire that ended. */
interface Ended {
  fire: Fire;
  result: Result;
  /** Epoch ms. */
  now: number;
  /** The id for the row and the run of another attempt. */
  ids: { fire: string; run: `run_${string}` };
}

/** What the end of a fire changes. */
export interface Outcome {
  job: Job;
  fire: Fire;
  /** Another attempt, later. */
  retry: Fire | undefined;
}

/**
 * Returns what the end of a fire changes: its row, another attempt, or a pause of the job after too many failures.
 */
export function settled({ fire, result, now, ids }: Ended): (job: Job) => Outcome {
  const { status, output, usage, reason, isWithoutRun } = result;
  const { runId, ...row } = fire;
  return (job) => {
    const over: Fire = {
      ...row,
      ...(runId !== undefined && isWithoutRun !== true && { runId }),
      status,
      endedAt: now,
      ...(output !== undefined && { output }),
      ...(usage !== undefined && { usage }),
      ...(reason !== undefined && { reason }),
      deliveries: [],
    };
    const hasFailed = status === "failed" || status === "interrupted";
    const retry = hasFailed ? nextTry(job, { fire, result, now, ids }) : undefined;
    // A fire that is tried again has not failed yet.
    const targets = retry === undefined ? chooseTargets(job, result) : [];
    over.deliveries = targets.map((target) => newDelivery(target, { now, text: deliveryText(result) }));
    return { job: afterwards(job, over, retry !== undefined), fire: over, retry };
  };
}

function chooseTargets({ deliver, failureDeliver }: Job, { status, isQuiet }: Result): string[] {
  if (isQuiet === true) return [];
  if (status === "completed") return deliver;
  return status === "failed" || status === "interrupted" ? failureDeliver : [];
}

function newDelivery(target: string, { now, text }: { now: number; text: string }): Delivery {
  if (isSilent(text)) return { target, status: "silent", attempts: 0 };
  return { target, status: "pending", attempts: 0, nextAt: now };
}

function nextTry({ retry }: Job, { fire, result, now, ids }: Ended): Fire | undefined {
  const isAllowed = retry.policy === "any" || result.mayRepeat;
  if (!isAllowed || fire.attempt > retry.attempts) return undefined;
  const delayMs = retry.delaysMs[Math.min(fire.attempt, retry.delaysMs.length) - 1] ?? 0;
  const { id: _id, startedAt: _startedAt, notes: _notes, script, ...same } = fire;
  // A script that has ended well is not run again.
  const isPrinted = script?.endedAt !== undefined && script.failure === undefined;
  return {
    ...same,
    ...(isPrinted && { script }),
    id: ids.fire,
    runId: ids.run,
    kind: "retry",
    attempt: fire.attempt + 1,
    status: "queued",
    createdAt: now,
    dueAt: now + delayMs,
    deliveries: [],
  };
}

function afterwards(job: Job, fire: Fire, isRetried: boolean): Job {
  const { status, reason, startedAt = fire.createdAt } = fire;
  const hasFailed = status === "failed" || status === "interrupted";
  const failureStreak = hasFailed && !isRetried ? job.failureStreak + 1 : hasFailed ? job.failureStreak : 0;
  const last = { at: startedAt, status, ...(hasFailed && reason !== undefined && { error: reason }) };
  const changed: Job = { ...job, failureStreak, last, updatedAt: fire.endedAt ?? job.updatedAt };
  const isPaused = job.maxFailures > 0 && failureStreak >= job.maxFailures && job.state === "scheduled";
  if (!isPaused) return changed;
  const why = `It failed ${failureStreak} times in a row; the last time: ${reason ?? status}`;
  return paused(changed, { now: changed.updatedAt, reason: why });
}
