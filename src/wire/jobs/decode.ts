import { invalidRequest } from "../../domain/error.ts";
import { type Job, type JobChanges, type JobWork, type NewJob, USUAL_RETRY } from "../../domain/job.ts";
import type { Schedule } from "../../domain/schedule.ts";
import { withoutNulls } from "../../lib/json.ts";
import type { JobPatch, JobRequest, ScheduleField } from "./schema.ts";

/** What reads a schedule: `schedule` as it is written, in a zone. */
export type ReadSchedule = (text: string, timezone: string | undefined) => Schedule;

/** What decoding a job needs to know. */
export interface JobTerms {
  readSchedule: ReadSchedule;
  /** Refuses a prompt that nobody would have written so. */
  scan(prompt: string, param: string): void;
  /** Refuses a place where nothing can be delivered. */
  checkTarget(target: string, param: string): void;
  /** Refuses a toolset that is not there, and a session that cannot be. */
  checkWork(work: Partial<JobWork>): void;
}

/** What of a job a request speaks of. */
interface DecodedJob {
  name?: string;
  work: Partial<JobWork>;
  schedule?: Schedule;
  deliver?: string[];
  failureDeliver?: string[];
  /** null: for ever. */
  times?: number | null;
  misfire?: Job["misfire"];
  overlap?: Job["overlap"];
  jitterMs?: number;
  retry?: Partial<Job["retry"]>;
  maxFailures?: number;
  enabled?: boolean;
  reason?: string;
}

/** What a request says of a new job. @throws ApiError 400 for a field that cannot be, naming it. */
export function decodeNewJob(request: JobRequest, terms: JobTerms): NewJob {
  const { schedule: read, enabled, reason, times, retry, work, name, ...rest } = decodeJob(request, terms);
  if (!work.prompt?.trim()) throw invalidRequest("prompt", "A job needs a 'prompt': what to do.");
  const schedule = read as Job["schedule"];
  const once = schedule.kind === "once" && times === undefined ? 1 : times;
  return {
    ...rest,
    name: name ?? nameOf(work.prompt, schedule),
    schedule,
    work: { prompt: "", limits: {}, ...work },
    ...(typeof once === "number" && { times: once }),
    ...(retry !== undefined && { retry: { ...USUAL_RETRY, ...retry } }),
    ...(enabled === false && { paused: reason === undefined ? {} : { reason } }),
  };
}

/** What a request changes of a job; a schedule without a zone stays in the job's. @throws ApiError 400 as `decodeNewJob`. */
export function decodeJobChanges(request: JobPatch, job: Job, terms: JobTerms): JobChanges {
  const { timezone } = job.schedule;
  const { retry, ...changes } = decodeJob(request, {
    ...terms,
    readSchedule: (text, asked) => terms.readSchedule(text, asked ?? timezone),
  });
  return { ...changes, ...(retry !== undefined && { retry: { ...USUAL_RETRY, ...retry } }) };
}

function decodeJob(request: JobPatch, terms: JobTerms): DecodedJob {
  const work = workOf(request);
  if (work.prompt !== undefined) terms.scan(work.prompt, "prompt");
  terms.checkWork(work);
  const { name, schedule, timezone, misfire, retry, jitter } = request;
  const deliver = targetsOf(request.deliver, "deliver", terms);
  return {
    work,
    ...withoutNulls({
      name,
      schedule: scheduleOf(schedule, timezone ?? undefined, terms),
      deliver,
      failureDeliver: targetsOf(request.failure_deliver, "failure_deliver", terms),
      overlap: request.overlap,
      maxFailures: request.max_failures,
      jitterMs: jitter === null || jitter === undefined ? undefined : Math.round(jitter * 1000),
      misfire: misfire && {
        policy: misfire.policy ?? ("latest" as const),
        ...withoutNulls({ graceMs: msOf(misfire.grace) }),
      },
      retry:
        retry &&
        withoutNulls({
          ...retry,
          delays: undefined,
          delaysMs: retry.delays?.map((s) => Math.round(s * 1000)),
        }),
      enabled: enabledOf(request),
      reason: request.paused_reason,
    }),
    ...timesOf(request.repeat),
  };
}

function workOf(request: JobPatch): Partial<JobWork> {
  const { limits } = request;
  return withoutNulls({
    prompt: request.prompt,
    model: request.model,
    provider: request.provider,
    reasoningEffort: request.reasoning_effort,
    toolsets: request.enabled_toolsets,
    session: request.attach_to_session,
    limits:
      limits &&
      withoutNulls({
        maxSteps: limits.max_steps,
        maxRunMs: msOf(limits.max_seconds),
        maxTokens: limits.max_tokens,
      }),
  });
}

/** @throws ApiError 400 when the two say different things. */
function enabledOf({ enabled, paused }: JobPatch): boolean | undefined {
  const isEnabled = enabled ?? undefined;
  if (paused === undefined || paused === null) return isEnabled;
  if (isEnabled === paused) throw invalidRequest("paused", "'paused' and 'enabled' contradict each other.");
  return !paused;
}

function msOf(seconds: number | null | undefined): number | undefined {
  return seconds === null || seconds === undefined ? undefined : Math.round(seconds * 1000);
}

function scheduleOf(
  field: ScheduleField | null | undefined,
  timezone: string | undefined,
  { readSchedule }: JobTerms,
): Schedule | undefined {
  if (field === null || field === undefined) return undefined;
  if (typeof field === "string") return readSchedule(field, timezone);
  if (field.kind === "cron") return readSchedule(field.expr, timezone);
  if (field.kind === "once") return readSchedule(field.run_at, timezone);
  const seconds = Math.round(field.minutes * 60);
  return readSchedule(seconds % 60 === 0 ? `every ${seconds / 60}m` : `every ${seconds}s`, timezone);
}

function targetsOf(
  field: string | readonly string[] | null | undefined,
  param: string,
  { checkTarget }: JobTerms,
): string[] | undefined {
  if (field === null || field === undefined) return undefined;
  const targets = typeof field === "string" ? field.split(",").map((target) => target.trim()) : [...field];
  for (const target of targets) checkTarget(target, param);
  return targets;
}

function timesOf(repeat: JobPatch["repeat"]): Pick<DecodedJob, "times"> {
  if (repeat === undefined || repeat === null) return {};
  return { times: repeat === "forever" ? null : repeat === "once" ? 1 : repeat };
}

/** A job's own name: the beginning of what it does. */
function nameOf(prompt: string | undefined, schedule: Schedule): string {
  const line = (prompt ?? "").trim().split("\n")[0]?.slice(0, 50) ?? "";
  return line === "" ? schedule.display : line;
}

/** Whether a text can be a job's id. */
export function isJobId(id: string): boolean {
  return /^[a-f0-9]{12}$/.test(id);
}

/** 12 hex digits. @throws ApiError 400 in the reference's words. */
export function checkJobId(id: string): string {
  if (!isJobId(id)) throw invalidRequest("id", "Invalid job ID format", "invalid_job_id");
  return id;
}
