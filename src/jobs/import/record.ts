import { ApiError, invalidRequest } from "../../domain/error.ts";
import { JOB_DEFAULTS, type Job, type JobWork } from "../../domain/job.ts";
import type { JobDraft } from "../../domain/job-draft.ts";
import type { Schedule } from "../../domain/schedule.ts";
import { withoutNulls } from "../../lib/json.ts";
import { quoted } from "../../lib/text.ts";
import { type DraftTerms, readParts } from "../read-draft.ts";
import { scanPrompt } from "../scan.ts";
import { secondsFirst } from "../schedule/cron-text.ts";
import { parseInstant, parseSchedule } from "../schedule/parse-schedule.ts";
import { toCalendar } from "../schedule/schedule.ts";

/** A field that differs from hermes; if the job cannot be executed without it, the job is paused. */
export interface Difference {
  param: string;
  reason: string;
}

type Text = string | null | undefined;
type Whole = number | null | undefined;
type Targets = string | readonly string[] | null | undefined;

/** A job as hermes stores it in its jobs.json. */
interface JobRecord {
  readonly [field: string]: unknown;
  id: string;
  name?: Text;
  prompt?: Text;
  schedule:
    | { kind: "cron"; expr: string; timezone?: Text; display?: Text }
    | { kind: "interval"; minutes: number; timezone?: Text; display?: Text }
    | { kind: "once"; run_at: string; timezone?: Text; display?: Text };
  schedule_display?: Text;
  timezone?: Text;
  repeat?: { times?: Whole; completed?: Whole } | Whole;
  enabled?: boolean | null | undefined;
  state?: Text;
  paused_at?: Text;
  paused_reason?: Text;
  created_at?: Text;
  next_run_at?: Text;
  last_run_at?: Text;
  last_status?: Text;
  last_error?: Text;
  failure_streak?: Whole;
  deliver?: Targets;
  failure_deliver?: Targets;
  origin?: Readonly<Record<string, unknown>> | null | undefined;
}

/** A record whose fields were read one by one. */
export interface RecordDraft {
  record: JobRecord;
  /** The fields that mean the same as in a request. */
  parts: JobDraft;
  /** Fields that cannot be read or have no counterpart here. */
  missing: Difference[];
}

/** A record as a job of this server. */
export interface ReadRecord {
  job: Omit<Job, "owner" | "revision">;
  /** Fields that were dropped without an effect on what the job does. */
  lost: Difference[];
  /** Fields that are missing here and change what the job does. */
  missing: Difference[];
}

/** What a record is read against. */
interface RecordTerms {
  timezone: string;
  /** Epoch ms. */
  now: number;
}

/** Reads a record of hermes' jobs.json as a job. @throws ApiError 400 with the invalid field. */
export function readRecord(
  { record, parts, missing: unread }: RecordDraft,
  draftTerms: DraftTerms,
): ReadRecord {
  const { id, prompt } = record;
  const terms = { timezone: draftTerms.timezone(), now: draftTerms.now() };
  if (prompt) scanPrompt(prompt, "prompt");
  const at = (text: string | null | undefined, param: string) => readTime(text, param, terms);
  const times = {
    next: at(record.next_run_at, "next_run_at"),
    last: at(record.last_run_at, "last_run_at"),
    made: at(record.created_at, "created_at") ?? terms.now,
    paused: at(record.paused_at, "paused_at"),
  };
  const { work: said, misfire, overlap, jitterMs, retry, maxFailures } = readParts(parts, draftTerms);
  const work: JobWork = {
    prompt: prompt ?? "",
    ...withoutNulls(said),
    limits: withoutNulls(said.limits ?? {}),
  };
  const schedule = readRecordSchedule(record, times, terms);
  const deliver = readRecordTargets(record.deliver, JOB_DEFAULTS.deliver);
  const failureDeliver = readRecordTargets(record.failure_deliver, JOB_DEFAULTS.failureDeliver);
  const missing = [
    ...unread,
    ...unreachable(deliver, "deliver", draftTerms),
    ...unreachable(failureDeliver, "failure_deliver", draftTerms),
  ];
  const { last, lost } = readLastFire(record, times.last);
  const origin = splitOrigin(record.origin);
  const job = {
    ...JOB_DEFAULTS,
    ...withoutNulls({ misfire, overlap, jitterMs, retry, maxFailures }),
    id,
    name: record.name || prompt?.trim().split("\n")[0]?.slice(0, 50) || schedule.display,
    work,
    schedule,
    deliver,
    failureDeliver,
    ...readRepeat(record),
    failureStreak: record.failure_streak ?? 0,
    createdAt: times.made,
    updatedAt: terms.now,
    origin: origin.kept,
    ...(last !== undefined && { last }),
  };
  return {
    job: inState(job, record, { ...times, now: terms.now }),
    lost: [...lost, ...origin.lost],
    missing,
  };
}

interface Times {
  next: number | undefined;
  last: number | undefined;
  made: number;
  paused: number | undefined;
}

function readTime(
  text: string | null | undefined,
  param: string,
  { timezone }: RecordTerms,
): number | undefined {
  if (text === null || text === undefined || text === "") return undefined;
  const at = parseInstant(text, timezone);
  if (at === undefined) throw invalidRequest(param, `'${param}' is no ISO 8601 time: ${quoted(text)}.`);
  return at;
}

/** Returns the refusal that a check throws. */
export function catchRefusal(check: () => void): ApiError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
}

function readRecordTargets(field: JobRecord["deliver"], usual: readonly string[]): string[] {
  const targets = typeof field === "string" ? field.split(",") : (field ?? usual);
  return targets.map((target) => target.trim()).filter((target) => target !== "");
}

function unreachable(targets: readonly string[], param: string, terms: DraftTerms): Difference[] {
  return targets.flatMap((target) => {
    const problem = catchRefusal(() => terms.checkTarget(target, param));
    return problem === undefined ? [] : [{ param, reason: problem.message }];
  });
}

function readRecordSchedule(record: JobRecord, times: Times, terms: RecordTerms): Schedule {
  const { schedule } = record;
  const zone = record.timezone ?? schedule.timezone ?? terms.timezone;
  const { timezone } = parse("every 1h", { ...terms, timezone: zone });
  // This server's own output already has the seconds first.
  const isOurs = record["object"] === "hermes.job";
  const expr = schedule.kind === "cron" && !isOurs ? secondsFirst(schedule.expr) : undefined;
  const said = expr === undefined ? schedule : { ...schedule, expr };
  const read = readRecordedSchedule(said, times, { ...terms, timezone });
  return { ...read, display: schedule.display || record.schedule_display || read.display };
}

function readRecordedSchedule(schedule: JobRecord["schedule"], times: Times, terms: RecordTerms): Schedule {
  const { timezone } = terms;
  if (schedule.kind === "interval") return keepRhythm(schedule.minutes, times, timezone);
  if (schedule.kind === "cron") {
    const read = parse(schedule.expr, terms);
    if (read.kind === "cron") return read;
    throw invalidRequest("schedule.expr", "'schedule.expr' is no cron expression.");
  }
  const runAt = readTime(schedule.run_at, "schedule.run_at", terms);
  if (runAt === undefined) throw invalidRequest("schedule.run_at", "'schedule.run_at' is missing.");
  return { kind: "once", runAt, timezone, display: `once at ${schedule.run_at}` };
}

function parse(text: string, { timezone, now }: RecordTerms): Schedule {
  return parseSchedule(text, { timezone, now, param: "schedule" });
}

/** Keeps the rhythm of the interval. */
function keepRhythm(minutes: number, { next, last, made }: Times, timezone: string): Schedule {
  const everyMs = Math.round(minutes * 60_000);
  if (everyMs < 1_000) throw invalidRequest("schedule.minutes", "'schedule.minutes' is less than a second.");
  const anchorAt = next === undefined ? (last ?? made) : next - everyMs;
  return { kind: "interval", everyMs, anchorAt, timezone, display: `every ${minutes}m` };
}

function readRepeat({ repeat, schedule }: JobRecord): Pick<Job, "times" | "completed"> {
  const { times, completed } =
    typeof repeat === "object" && repeat !== null ? repeat : { times: repeat, completed: 0 };
  const limit =
    times ?? (repeat === null || repeat === undefined ? (schedule.kind === "once" ? 1 : null) : null);
  return { ...(typeof limit === "number" && { times: limit }), completed: completed ?? 0 };
}

const OK = ["ok", "delivery_failed"];

function readLastFire(
  { last_status: status, last_error: error, ...record }: JobRecord,
  at: number | undefined,
): { last: Job["last"]; lost: Difference[] } {
  const lost: Difference[] = [];
  const lose = (param: string, reason: string) => lost.push({ param, reason });
  if (record["last_delivery_error"]) lose("last_delivery_error", "Deliveries are told by the history alone.");
  if (status === "delivery_failed") lose("last_status", "It is ok here: a delivery has a status of its own.");
  else if (status && status !== "ok" && status !== "error") lose("last_status", "It is error here.");
  const isOk = status === null || status === undefined || OK.includes(status);
  if (at === undefined) return { last: undefined, lost };
  if (isOk && error) lose("last_error", "What went well has no error here.");
  const told = !isOk && error && { error };
  return { last: { at, status: isOk ? "completed" : "failed", ...told }, lost };
}

function splitOrigin(origin: JobRecord["origin"]): { kept: Job["origin"]; lost: Difference[] } {
  const entries = Object.entries(origin ?? {});
  const isText = (value: unknown) => typeof value === "string" || value === null;
  const kept = entries.map(([name, value]) => [name, isText(value) ? value : JSON.stringify(value)]);
  const lost = entries.every(([, value]) => isText(value))
    ? []
    : [{ param: "origin", reason: "Its values are texts here." }];
  return { kept: Object.fromEntries(kept) as Job["origin"], lost };
}

type Stateless = Omit<ReadRecord["job"], "state">;

/** Returns the job's state: completed, paused, or due when it was due in hermes. */
function inState(job: Stateless, record: JobRecord, times: Times & { now: number }): ReadRecord["job"] {
  const { next, now } = times;
  const { schedule } = job;
  const isPast = schedule.kind === "once" && next === undefined && schedule.runAt <= now;
  const isDone = job.times !== undefined && job.completed >= job.times;
  if (record.state === "completed" || isPast || isDone) return { ...job, state: "completed" };
  if (record.state === "error")
    return pausedAs(job, times, `It had an error in hermes: ${record.last_error ?? "no reason is known"}`);
  if (record.enabled === false || record.state === "paused")
    return pausedAs(job, times, record.paused_reason ?? undefined);
  const at = next ?? toCalendar(schedule).next(now)?.at;
  return at === undefined
    ? { ...job, state: "completed" }
    : { ...job, state: "scheduled", nextAt: at, nextOccurrence: at };
}

function pausedAs(
  job: Stateless,
  times: Times & { now: number },
  reason: string | undefined,
): ReadRecord["job"] {
  const why = reason !== undefined && { pausedReason: reason };
  return { ...job, state: "paused", pausedAt: times.paused ?? times.now, ...why };
}
