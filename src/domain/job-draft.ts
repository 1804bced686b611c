import type { Job, Misfire, Overlap, WorkChanges } from "./job.ts";

/** Most places that one result goes to. */
export const MAX_TARGETS = 8;

/** When a job is due, as somebody wrote it: a text, or the structure that the server answers with. */
export type ScheduleDraft =
  | string
  | { kind: "cron"; expr: string; timezone?: string | null | undefined }
  | { kind: "interval"; minutes: number; timezone?: string | null | undefined }
  | { kind: "once"; run_at: string; timezone?: string | null | undefined };

type Said<Fields> = { [Field in keyof Fields]?: Fields[Field] | null | undefined };

/**
 * What somebody says of a job, new or not, as texts and values: nothing is parsed or checked yet. Null clears a field,
 * undefined leaves it as it is.
 */
export interface JobDraft
  extends Said<Pick<Job, "name" | "deliver" | "failureDeliver" | "maxFailures" | "jitterMs">> {
  work: WorkChanges;
  schedule?: ScheduleDraft | null | undefined;
  /** IANA name. */
  timezone?: string | null | undefined;
  repeat?: number | "forever" | null | undefined;
  overlap?: Overlap | null | undefined;
  misfire?: Said<Misfire> | null | undefined;
  retry?: Said<Job["retry"]> | null | undefined;
  /** Both may be said; then they must not contradict each other. */
  enabled?: boolean | null | undefined;
  paused?: boolean | null | undefined;
  pausedReason?: string | null | undefined;
}
