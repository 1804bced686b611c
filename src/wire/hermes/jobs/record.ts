import { z } from "zod";
import type { JobDraft } from "../../../domain/job-draft.ts";
import { readAs, toValidationError } from "../../../lib/read-as.ts";
import { list, pairs } from "../../shared/bounded.ts";
import { depthWithin, optional } from "../../shared/fields.ts";
import { decodeJob } from "./decode.ts";
import { JobPatch, Minutes, scheduleError } from "./schema.ts";

/** Longer than what clients may send: what lies in hermes' files is kept whole. */
const MAX_PROMPT_CHARS = 100_000;
const MAX_RECORDS = 5_000;
/** Nesting deeper than this is in no file of hermes'. */
const MAX_DEPTH = 32;
/** More than hermes says of where a job was made. */
const MAX_PAIRS = 100;

const Time = optional(z.string().max(64));
const Text = optional(z.string().max(2_048));
const Whole = optional(z.int().min(0));

/** A job as hermes stores it in its jobs.json; what is not named here is looked at field by field. */
export const JobRecord = z.looseObject({
  id: z.string().regex(/^[a-f0-9]{12}$/, "must be 12 hex digits"),
  name: optional(z.string().max(200, "must be ≤ 200 characters")),
  prompt: optional(z.string().max(MAX_PROMPT_CHARS, `must be ≤ ${MAX_PROMPT_CHARS} characters`)),
  schedule: z.discriminatedUnion(
    "kind",
    [
      z.looseObject({ kind: z.literal("cron"), expr: z.string().max(200), timezone: Text, display: Text }),
      z.looseObject({ kind: z.literal("interval"), minutes: Minutes, timezone: Text, display: Text }),
      z.looseObject({ kind: z.literal("once"), run_at: z.string().max(64), timezone: Text, display: Text }),
    ],
    { error: scheduleError },
  ),
  schedule_display: Text,
  timezone: Text,
  repeat: optional(
    z.union([z.looseObject({ times: optional(z.int().min(1)), completed: Whole }), z.int().min(1)]),
  ),
  enabled: optional(z.boolean()),
  state: Text,
  paused_at: Time,
  paused_reason: Text,
  created_at: Time,
  next_run_at: Time,
  last_run_at: Time,
  last_status: Text,
  last_error: optional(z.string()),
  failure_streak: Whole,
  deliver: optional(z.union([z.string().max(2_048), list(z.string().max(2_048), 32)])),
  failure_deliver: optional(z.union([z.string().max(2_048), list(z.string().max(2_048), 32)])),
  origin: optional(pairs(z.string(), z.unknown(), MAX_PAIRS)),
});
export type JobRecord = z.infer<typeof JobRecord>;

const Records = list(z.unknown(), MAX_RECORDS, `has more than ${MAX_RECORDS} jobs`).refine(
  (records) => depthWithin(records, MAX_DEPTH),
  `is nested deeper than ${MAX_DEPTH} levels`,
);

/** The file as it is, or its jobs alone. */
export const ImportRequest = z
  .union([z.looseObject({ jobs: Records }), Records])
  .meta({ id: "JobImportRequest", description: "hermes' jobs.json, or its list of jobs" });
export type ImportRequest = z.infer<typeof ImportRequest>;

const Flag = z.enum(["true", "false", "1", "0"]).transform((text) => text === "true" || text === "1");
export const ImportQuery = z.object({ dry_run: Flag.exactOptional(), force: Flag.exactOptional() });
export type ImportQuery = z.infer<typeof ImportQuery>;

const Difference = z.object({ param: z.string(), reason: z.string() });
type Difference = z.infer<typeof Difference>;

/** What became of one record. */
const ImportResult = z
  .object({
    index: z.int(),
    id: z.string().nullable(),
    name: z.string().nullable(),
    result: z.enum(["created", "updated", "unchanged", "kept", "refused"]),
    /** As the job is now, or would be. */
    state: z.string().nullable(),
    param: z.string().nullable(),
    reason: z.string().nullable(),
    /** What is not as it was in hermes. */
    differences: z.array(Difference),
  })
  .meta({ id: "JobImportResult", description: "What became of one job of a file" });

export const ImportAnswer = z
  .object({
    object: z.literal("hermes.job.import"),
    dry_run: z.boolean(),
    data: z.array(ImportResult),
  })
  .meta({ id: "JobImport", description: "What became of the jobs of a file" });
export type ImportAnswer = z.infer<typeof ImportAnswer>;

/** What clients may say of a job that a record says in the same way, and no state of it. */
const PARTS = [
  "skills",
  "skill",
  "model",
  "provider",
  "reasoning_effort",
  "enabled_toolsets",
  "workdir",
  "script",
  "no_agent",
  "context_from",
  "attach_to_session",
  "misfire",
  "overlap",
  "jitter",
  "retry",
  "limits",
  "max_failures",
] as const satisfies readonly (keyof JobPatch)[];

/** Fields of hermes' that change what a job does, and that nothing here corresponds to. */
const FOREIGN = ["base_url", "monitor_script", "monitor_url", "interpreter"] as const;

/**
 * Reads one record of a file. Of the fields that a request has as well, those that cannot be read are left out, each with
 * the reason.
 * @throws ApiError 400 naming the field without which there is no job.
 */
export function decodeRecord(value: unknown): { record: JobRecord; parts: JobDraft; missing: Difference[] } {
  const record = readAs(JobRecord, value);
  const parts: Record<string, unknown> = {};
  const missing: Difference[] = [];
  for (const param of PARTS) {
    const said = record[param];
    if (said === null || said === undefined) continue;
    const read = JobPatch.safeParse({ [param]: said });
    if (read.success) parts[param] = said;
    else missing.push(leaveOut(param, toValidationError(read.error, { [param]: said }).message));
  }
  for (const param of FOREIGN) {
    const said = record[param];
    if (said !== null && said !== undefined && said !== "" && said !== false)
      missing.push(leaveOut(param, `'${param}' is not known here.`));
  }
  return { record, parts: decodeJob(parts as JobPatch), missing };
}

/** Whoever resumes the job decides that it is done without. */
function leaveOut(param: string, why: string): Difference {
  return { param, reason: `${why} Resumed, it is done without.` };
}
