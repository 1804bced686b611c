import type { Fire, Job } from "../../domain/job.ts";
import type { Usage } from "../../domain/usage.ts";

/** How a fire ended. */
export interface Result {
  status: "completed" | "failed" | "cancelled" | "interrupted";
  output?: string;
  usage?: Usage;
  /** Why it did not end well, or why it has no output. */
  reason?: string;
  /** Whether another attempt can repeat no effect: no model had started to answer. */
  mayRepeat: boolean;
  /** There is nothing to deliver. */
  isQuiet?: boolean;
  /** It ended before it had a run. */
  isWithoutRun?: boolean;
}

/** What is known of a fire before it ends. */
export type Progress = Partial<Pick<Fire, "notes" | "script">>;

/** A fire that has started. */
export interface Begun {
  job: Job;
  fire: Fire;
  /** Stores the progress. @throws StorageError when it cannot be stored. */
  keep(progress: Progress): Promise<void>;
  /** Aborted when the fire must stop. */
  signal: AbortSignal;
}

/** Creates the result of a fire that cannot be executed. */
export function refusedResult(why: string): Result {
  return {
    status: "failed",
    isWithoutRun: true,
    reason: `Not done: ${why.replace(/\.$/, "")}.`,
    mayRepeat: false,
  };
}
