import { invalidRequest } from "../../domain/error.ts";
import {
  type Job,
  type JobChanges,
  type JobWork,
  type NewJob,
  USUAL,
  type WorkChanges,
} from "../../domain/job.ts";
import type { Schedule } from "../../domain/schedule.ts";
import { withoutNulls } from "../../lib/json.ts";
import { msOf, workOf } from "./decode-work.ts";
import { type JobPatch, type JobRequest, MAX_TARGETS, type ScheduleField } from "./schema.ts";

/** What reads a schedule: `schedule` as it is written, in a zone. */
export type ReadSchedule = (text: string, timezone: string) => Schedule;

/** What decoding a job needs to know. */
export interface JobTerms {
  readSchedule: ReadSchedule;
  /** The zone of jobs that name none; IANA name. */
  timezone: string;
  /** Refuses a prompt that nobody would have written so. */
  scan(prompt: string, param: string): void;
  /** Refuses a place where nothing can be delivered. */
  checkTarget(target: string, param: string): void;
}

/** What a request says of a new job. @throws ApiError 400 for a field that cannot be, naming it. */
export function decodeNewJob(request: JobRequest, terms: JobTerms): NewJob {
  const { enabled, reason, times, work, name, ...rest } = decodeJob(request, USUAL, terms);
  const schedule = scheduleOf(request.schedule, zoneOf(request) ?? terms.timezone, terms);
  const whole: JobWork = { prompt: "", ...withoutNulls(work), limits: withoutNulls(work.limits ?? {}) };
  // What is due once is done once, unless the request says otherwise.
  const limit = schedule.kind === "once" ? (times ?? (request.repeat === "forever" ? null : 1)) : times;
  return {
    ...rest,
    name: name ?? nameOf(whole, schedule),
    schedule,
    work: whole,
    ...(typeof limit === "number" && { times: limit }),
    ...(enabled === false && { paused: reason === undefined ? {} : { reason } }),
  };
}

/**
 * What a request changes of a job. Null clears a field: what has a usual value has it again. A schedule without a zone
 * stays in the job's.
 * @throws ApiError 400 as `decodeNewJob`.
 */
export function decodeJobChanges(request: JobPatch, job: Job, terms: JobTerms): JobChanges {
  const changes = decodeJob(request, job, terms);
  const schedule = changedSchedule(request, job.schedule, terms);
  const { prompt = job.work.prompt } = changes.work;
  const name = nameOf({ ...job.work, prompt: prompt ?? "" }, schedule ?? job.schedule);
  return {
    ...changes,
    ...(schedule !== undefined && { schedule }),
    ...(request.name === null && { name }),
  };
}

type Decoded = Omit<JobChanges, "schedule" | "work"> & { work: WorkChanges };

/** A request's parts of a job, all but its schedule. @throws ApiError 400 as `decodeNewJob`. */
export function decodeParts(request: JobPatch, terms: JobTerms): Decoded {
  return decodeJob(request, USUAL, terms);
}

/** `base`: what stays of what is said in parts. */
function decodeJob(request: JobPatch, base: Pick<Job, "retry" | "misfire">, terms: JobTerms): Decoded {
  const work = workOf(request);
  if (typeof work.prompt === "string") terms.scan(work.prompt, "prompt");
  const { deliver, failure_deliver: failureDeliver } = request;
  return {
    work,
    ...withoutNulls({
      name: request.name,
      deliver: orUsual(targetsOf(deliver, "deliver", terms), USUAL.deliver),
      failureDeliver: orUsual(targetsOf(failureDeliver, "failure_deliver", terms), USUAL.failureDeliver),
      overlap: orUsual(request.overlap, USUAL.overlap),
      maxFailures: orUsual(request.max_failures, USUAL.maxFailures),
      jitterMs: orUsual(msOf(request.jitter), USUAL.jitterMs),
      misfire: misfireOf(request.misfire, base.misfire),
      retry: retryOf(request.retry, base.retry),
      enabled: enabledOf(request),
      reason: request.paused_reason,
    }),
    ...timesOf(request.repeat),
  };
}

/** Null is as usual, undefined is not spoken of. */
function orUsual<Value>(value: Value | null | undefined, usual: Value): Value | undefined {
  return value === null ? usual : value;
}

function misfireOf(field: JobPatch["misfire"], base: Job["misfire"]): Job["misfire"] | undefined {
  if (field === undefined || field === null) return orUsual(field, USUAL.misfire);
  const graceMs = field.grace === undefined ? base.graceMs : msOf(field.grace);
  return { policy: field.policy ?? base.policy, ...withoutNulls({ graceMs }) };
}

function retryOf(field: JobPatch["retry"], base: Job["retry"]): Job["retry"] | undefined {
  if (field === undefined || field === null) return orUsual(field, USUAL.retry);
  const { attempts, delays, policy } = field;
  const delaysMs = delays?.map((seconds) => Math.round(seconds * 1000));
  return { ...base, ...withoutNulls({ attempts, delaysMs, policy }) };
}

/** @throws ApiError 400 when the two say different things. */
function enabledOf({ enabled, paused }: JobPatch): boolean | undefined {
  const isEnabled = enabled ?? undefined;
  if (paused === undefined || paused === null) return isEnabled;
  if (isEnabled === paused) throw invalidRequest("paused", "'paused' and 'enabled' contradict each other.");
  return !paused;
}

/** The schedule that a request names, or the job's own in another zone; undefined: neither. */
function changedSchedule(request: JobPatch, current: Schedule, terms: JobTerms): Schedule | undefined {
  const { schedule } = request;
  if (schedule === null)
    throw invalidRequest("schedule", "A job needs a 'schedule': it can be changed, not cleared.");
  const timezone = request.timezone === null ? terms.timezone : request.timezone;
  const zone = zoneOf({ schedule, timezone }, current.timezone) ?? current.timezone;
  if (schedule !== undefined && !isSame(schedule, current)) return scheduleOf(schedule, zone, terms);
  if (zone === current.timezone) return undefined;
  // Any schedule is read, so that the zone is checked; an instant stays the same one, an interval keeps its rhythm.
  return { ...current, timezone: terms.readSchedule("every 1h", zone).timezone };
}

/**
 * The zone that a request names, beside its schedule or in it as the server answers it; undefined: none but the current
 * one. @throws ApiError 400 when the two say different things.
 */
function zoneOf({ schedule, timezone }: JobPatch, current?: string): string | undefined {
  const inner = typeof schedule === "object" ? schedule?.timezone : undefined;
  const named = [timezone, inner].filter((zone) => typeof zone === "string");
  const [said, ...others] = new Set(named.filter((zone) => zone !== current));
  if (others.length > 0)
    throw invalidRequest("timezone", "'timezone' and 'schedule.timezone' contradict each other.");
  return said;
}

/** Whether a client only says again what the server answered; it does not begin anew then. */
function isSame(field: ScheduleField, current: Schedule): boolean {
  if (typeof field === "string") return current.kind !== "once" && field === current.display;
  if (field.kind === "cron") return current.kind === "cron" && field.expr === current.expr;
  if (field.kind === "interval")
    return current.kind === "interval" && Math.round(field.minutes * 60_000) === current.everyMs;
  // Instants are answered in whole seconds.
  const seconds = (ms: number) => Math.floor(ms / 1000);
  const isAnswered = /[+-]\d{2}:\d{2}$/.test(field.run_at);
  return (
    current.kind === "once" && isAnswered && seconds(Date.parse(field.run_at)) === seconds(current.runAt)
  );
}

function scheduleOf(field: ScheduleField, timezone: string, { readSchedule }: JobTerms): Schedule {
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
): string[] | null | undefined {
  if (field === null || field === undefined) return field;
  const targets = [...new Set(typeof field === "string" ? namesIn(field) : field)];
  if (targets.length > MAX_TARGETS)
    throw invalidRequest(param, `'${param}' must name at most ${MAX_TARGETS} places.`);
  for (const target of targets) checkTarget(target, param);
  return targets;
}

/** A list as a text with commas; of nothing there is none. */
function namesIn(text: string): string[] {
  return text.trim() === "" ? [] : text.split(",").map((name) => name.trim());
}

function timesOf(repeat: JobPatch["repeat"]): Pick<JobChanges, "times"> {
  if (repeat === undefined) return {};
  if (typeof repeat === "object") return { times: repeat?.times ?? null };
  return { times: repeat === "forever" ? null : repeat === "once" ? 1 : repeat };
}

/** A job's own name: the beginning of what it does. */
function nameOf({ prompt, script = "" }: JobWork, schedule: Schedule): string {
  const said = prompt.trim() === "" ? script : prompt;
  const line = said.trim().split("\n")[0]?.slice(0, 50) ?? "";
  return line === "" ? schedule.display : line;
}

/** Whether a text can be a job's id. */
export function isJobId(id: string): boolean {
  return /^[a-f0-9]{12}$/.test(id);
}

/** Whether a text can be the id of a time that a job was done. */
export function isFireId(id: string): boolean {
  return /^fire_[a-f0-9]{32}$/.test(id);
}

/** 12 hex digits. @throws ApiError 400 in the reference's words. */
export function checkJobId(id: string): string {
  if (!isJobId(id)) throw invalidRequest("id", "Invalid job ID format", "invalid_job_id");
  return id;
}
