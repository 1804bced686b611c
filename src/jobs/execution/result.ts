import type { Fire, Job } from "../../domain/job.ts";
import type { Usage } from "../../domain/usage.ts";

/** How a fire ended. */
export interface Result {
  status: "completed" | "failed" | "cancelled" | "interrupted";
  output?: string;
  usage?: Usage;
  /** Why it did not end well, or has nothing to say. */
  reason?: string;
  /** Whether another try can do nothing twice: no model had begun to answer. */
  mayRepeat: boolean;
  /** There is nothing to bring to anybody. */
  isQuiet?: boolean;
  /** It ended before there was a run. */
  isWithoutRun?: boolean;
}

/** What of a fire is known before it ends. */
export type Progress = Partial<Pick<Fire, "notes" | "script">>;

/** A fire that has begun. */
export interface Begun {
  job: Job;
  fire: Fire;
  /** Stores what is known of it. @throws StorageError when that cannot be stored. */
  keep(progress: Progress): Promise<void>;
  /** Aborted when it must go no further. */
  signal: AbortSignal;
}

/** The end of a fire that cannot be done. */
export function refusedResult(why: string): Result {
  return {
    status: "failed",
    isWithoutRun: true,
    reason: `Not done: ${why.replace(/\.$/, "")}.`,
    mayRepeat: false,
  };
}
