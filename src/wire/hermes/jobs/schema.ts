import { z } from "zod";
import { Delivery } from "../../../domain/delivery.ts";
import { FireStatus, Overlap } from "../../../domain/job.ts";
import { MAX_TARGETS } from "../../../domain/job-draft.ts";
import { MAX_INTERVAL_MS } from "../../../domain/schedule.ts";
import { list } from "../../shared/bounded.ts";
import { optional, QueryNumber, ReasoningEffort } from "../../shared/fields.ts";
import { PageQuery, pageSchema } from "../../shared/page.ts";

/** Requests and answers of /v1/jobs and /api/jobs; the reference's names, and ours beside them. */

const MAX_NAME_CHARS = 200;
const MAX_PROMPT_CHARS = 5_000;

const Name = z
  .string()
  .min(1, "must not be empty")
  .max(MAX_NAME_CHARS, `must be ≤ ${MAX_NAME_CHARS} characters`);
const Prompt = z.string().max(MAX_PROMPT_CHARS, `must be ≤ ${MAX_PROMPT_CHARS} characters`);
const ShortName = z.string().min(1, "must not be empty").max(128, "must be ≤ 128 characters");
const SOME_IDS = "must be a job's id, or a list of at most 8";
const Target = z.string().min(1).max(2_048);
const Targets = z.union([z.string().max(MAX_TARGETS * 2_049), list(Target, MAX_TARGETS)]);
const Seconds = z.number().min(0, "must not be negative").max(31_622_400, "must be at most a year");
/** Longer than a timer can wait; a longer one would end at once. */
const MAX_RUN_SECONDS = 2_000_000;
const count = (max: number) =>
  z.int("must be a whole number").min(1, "must be at least 1").max(max, `must be at most ${max}`);

const MAX_TIMES = 1_000_000;
const REPEAT = `must be a whole number from 1 to ${MAX_TIMES}, "forever" or "once"`;
const Times = z.int(REPEAT).min(1, REPEAT).max(MAX_TIMES, REPEAT);
/** As people say it, or as the server answers it. */
const Repeat = z.union([Times, z.enum(["forever", "once"], REPEAT), z.object({ times: Times.nullable() })]);

const Timezone = optional(z.string().min(1).max(64));
/** An interval. */
export const Minutes = z
  .number()
  .positive()
  .max(MAX_INTERVAL_MS / 60_000);

/** Refuses a schedule whose kind is none. */
export const scheduleError: z.core.$ZodErrorMap = ({ code }) =>
  code === "invalid_union" ? 'must be "cron", "interval" or "once"' : undefined;

/** When: a text as people write it, or the structure that the server answers with. */
const ScheduleField = z.union(
  [
    z.string().min(1, "must not be empty").max(200, "must be ≤ 200 characters"),
    z.discriminatedUnion(
      "kind",
      [
        z.object({ kind: z.literal("cron"), expr: z.string().max(200), timezone: Timezone }),
        z.object({ kind: z.literal("interval"), minutes: Minutes, timezone: Timezone }),
        z.object({ kind: z.literal("once"), run_at: z.string().max(64), timezone: Timezone }),
      ],
      { error: scheduleError },
    ),
  ],
  'must be a text such as "0 9 * * mon-fri", "every 2h" or "2027-05-01T09:00", or a schedule as the server answers it',
);

const fields = {
  name: optional(Name),
  prompt: optional(Prompt),
  schedule: optional(ScheduleField),
  timezone: Timezone,
  skills: optional(list(ShortName, 16, "must be at most 16 skills")),
  /** The reference's former name for one skill. */
  skill: optional(z.string().max(128)),
  model: optional(z.string().max(256)),
  provider: optional(z.string().max(128)),
  reasoning_effort: optional(ReasoningEffort),
  enabled_toolsets: optional(list(ShortName, 32)),
  workdir: optional(z.string().max(1_024)),
  script: optional(z.string().max(256)),
  no_agent: optional(z.boolean()),
  context_from: optional(z.union([z.string().max(64), list(z.string().max(64), 8)], SOME_IDS)),
  deliver: optional(Targets),
  failure_deliver: optional(Targets),
  repeat: optional(Repeat),
  enabled: optional(z.boolean()),
  paused: optional(z.boolean()),
  paused_reason: optional(z.string().max(500)),
  attach_to_session: optional(z.string().min(1).max(256)),
  misfire: optional(
    z.strictObject({ policy: optional(z.enum(["latest", "skip", "all"])), grace: optional(Seconds) }),
  ),
  overlap: optional(Overlap),
  jitter: optional(Seconds.max(3_600, "must be at most an hour")),
  retry: optional(
    z.strictObject({
      attempts: optional(z.int().min(0).max(20)),
      delays: optional(list(Seconds, 20).min(1)),
      policy: optional(z.enum(["before_model", "any"])),
    }),
  ),
  limits: optional(
    z.strictObject({
      max_steps: optional(count(10_000)),
      max_seconds: optional(
        z
          .number()
          .min(1, "must be at least 1")
          .max(MAX_RUN_SECONDS, `must be at most ${MAX_RUN_SECONDS} (23 days)`),
      ),
      max_tokens: optional(count(1_000_000_000)),
    }),
  ),
  max_failures: optional(z.int().min(0).max(1_000)),
};

/** A new job on /v1: a field that is not known is a mistake. */
export const JobRequest = z
  .strictObject({ ...fields, schedule: ScheduleField })
  .meta({ id: "JobRequest", description: "What to do, and when" });
export type JobRequest = z.infer<typeof JobRequest>;

/** What changes of a job. */
export const JobPatch = z
  .strictObject(fields)
  .meta({ id: "JobPatch", description: "What changes of a job; the rest stays" });
export type JobPatch = z.infer<typeof JobPatch>;

/** The same on /api, where fields that are not known are dropped. */
export const LooseJobRequest = z.object({ ...fields, name: Name, schedule: ScheduleField });
export type LooseJobRequest = z.infer<typeof LooseJobRequest>;
export const LooseJobPatch = z.object(fields);
export type LooseJobPatch = z.infer<typeof LooseJobPatch>;

export const RunJobRequest = z
  .strictObject({ prompt: optional(Prompt) })
  .nullish()
  .meta({ id: "RunJobRequest", description: "Instead of the job's prompt, this time" });
export const LooseRunRequest = z.object({ prompt: optional(Prompt) }).nullish();
export type LooseRunRequest = z.infer<typeof LooseRunRequest>;
export type RunJobRequest = z.infer<typeof RunJobRequest>;

export const PauseJobRequest = z
  .strictObject({ reason: optional(z.string().max(500)) })
  .nullish()
  .meta({ id: "PauseJobRequest", description: "Why it is paused" });
export type PauseJobRequest = z.infer<typeof PauseJobRequest>;

const JobDelivery = z
  .object({
    ...Delivery.omit({ nextAt: true }).shape,
    next_try_at: z.string().nullable(),
  })
  .meta({ id: "JobDelivery", description: "What became of a result at one of the places where it goes" });

/** One time that a job was due or was run. */
export const JobRun = z
  .looseObject({
    id: z.string(),
    object: z.literal("hermes.job.run"),
    job_id: z.string(),
    run_id: z.string().nullable(),
    kind: z.enum(["schedule", "manual", "retry"]),
    status: FireStatus,
    scheduled_for: z.string(),
    started_at: z.string().nullable(),
    ended_at: z.string().nullable(),
    lateness: z.number().nullable(),
    reason: z.string().nullable(),
    deliveries: z.array(JobDelivery),
  })
  .meta({ id: "JobRun", description: "One time that a job was due or was run" });

export const JobRunList = pageSchema(JobRun).meta({ id: "JobRunList", description: "A job's history" });

export const JobOutputList = pageSchema(
  z
    .object({
      id: z.string(),
      object: z.literal("hermes.job.output"),
      bytes: z.int(),
      created_at: z.string(),
    })
    .meta({ id: "JobOutput", description: "A file that holds a result" }),
).meta({ id: "JobOutputList", description: "The files of a job's results, by when their runs began" });

/** Markdown, which no schema describes. */
export const OutputText = z.string();

/** A job, under the reference's names and ours; times are ISO 8601 with the offset of its zone. */
export const JobObject = z
  .looseObject({
    id: z.string(),
    name: z.string(),
    prompt: z.string(),
    schedule: z.looseObject({ kind: z.string(), display: z.string() }),
    schedule_display: z.string(),
    timezone: z.string(),
    enabled: z.boolean(),
    state: z.enum(["scheduled", "running", "paused", "completed"]),
    next_run_at: z.string().nullable(),
    last_run_at: z.string().nullable(),
    created_at: z.string(),
  })
  .meta({ id: "Job", description: "Stored work and when it is done" });

export const JobList = pageSchema(JobObject).meta({ id: "JobList", description: "Jobs by age" });

export const JobListQuery = PageQuery.extend({
  state: z.enum(["scheduled", "paused", "completed"]).exactOptional(),
});
export type JobListQuery = z.infer<typeof JobListQuery>;

export const JobRunsQuery = PageQuery.extend({ status: FireStatus.exactOptional() });
export type JobRunsQuery = z.infer<typeof JobRunsQuery>;

export const ForecastQuery = z.object({
  from: z.string().max(64).exactOptional(),
  to: z.string().max(64).exactOptional(),
  limit: QueryNumber(1, 1_000).default(100),
});
export type ForecastQuery = z.infer<typeof ForecastQuery>;

export const Forecast = z
  .object({
    object: z.literal("list"),
    data: z.array(
      z.object({
        at: z.string(),
        local: z.string(),
        clock: z.enum(["plain", "gap", "first", "second"]),
      }),
    ),
  })
  .meta({ id: "JobForecast", description: "When a job will be due" });

export const JobDeleted = z
  .object({ id: z.string(), object: z.literal("hermes.job.deleted"), deleted: z.literal(true) })
  .meta({ id: "JobDeleted", description: "A job that is gone, with its history" });

/** The reference's answers. */
export const FlatJob = z
  .object({ job: JobObject })
  .meta({ id: "FlatJob", description: "A job, as hermes answers" });
export const FlatJobs = z
  .object({ jobs: z.array(JobObject) })
  .meta({ id: "FlatJobs", description: "Jobs, as hermes answers" });
export const FlatJobRuns = z
  .object({ runs: z.array(JobRun) })
  .meta({ id: "FlatJobRuns", description: "A job's latest runs" });
export const FlatOk = z.object({ ok: z.literal(true) }).meta({ id: "FlatOk", description: "Done" });
export const FlatError = z
  .object({ error: z.string() })
  .meta({ id: "FlatError", description: "What is wrong, in words" });
export const FlatQuery = z.object({ include_disabled: z.string().max(8).exactOptional() });
export type FlatQuery = z.infer<typeof FlatQuery>;
