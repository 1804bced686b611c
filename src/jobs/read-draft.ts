import { invalidRequest } from "../domain/error.ts";
import {
  JOB_DEFAULTS,
  type Job,
  type JobChanges,
  type JobWork,
  type NewJob,
  type WorkChanges,
} from "../domain/job.ts";
import { type JobDraft, MAX_TARGETS, type ScheduleDraft } from "../domain/job-draft.ts";
import type { Schedule } from "../domain/schedule.ts";
import { withoutNulls } from "../lib/json.ts";
import { scanPrompt } from "./scan.ts";
import { parseSchedule } from "./schedule/parse-schedule.ts";
import { checkedWork } from "./work.ts";

/** What drafts are read with. */
export interface DraftTerms {
  /** The default time zone; an IANA name. */
  timezone(): string;
  /** Epoch ms. */
  now(): number;
  /** @throws ApiError 400 for an invalid destination. */
  checkTarget(target: string, param: string): void;
}

/** Reads a new job. @throws ApiError 400 with the invalid field. */
export function readNewJob(draft: JobDraft, terms: DraftTerms): NewJob {
  const { enabled, reason, times, work, name, ...rest } = readParts(draft, terms);
  const schedule = readSchedule(draft.schedule ?? "", readZone(draft) ?? terms.timezone(), terms);
  const whole: JobWork = { prompt: "", ...withoutNulls(work), limits: withoutNulls(work.limits ?? {}) };
  // A job that is due once runs once, unless the draft says otherwise.
  const limit = schedule.kind === "once" ? (times ?? (draft.repeat === "forever" ? null : 1)) : times;
  return {
    ...rest,
    name: name ?? defaultName(whole, schedule),
    schedule,
    work: checkedWork(whole),
    ...(typeof limit === "number" && { times: limit }),
    ...(enabled === false && { paused: reason === undefined ? {} : { reason } }),
  };
}

/**
 * Reads the changes of a job. A cleared field gets its default; a schedule without a zone keeps the job's zone.
 * @throws ApiError 400 as `readNewJob`.
 */
export function readChanges(draft: JobDraft, job: Job, terms: DraftTerms): JobChanges {
  const changes = readParts(draft, terms, job);
  const schedule = changedSchedule(draft, job.schedule, terms);
  const { prompt = job.work.prompt } = changes.work;
  const name = defaultName({ ...job.work, prompt: prompt ?? "" }, schedule ?? job.schedule);
  return {
    ...changes,
    ...(schedule !== undefined && { schedule }),
    ...(draft.name === null && { name }),
  };
}

/** The parts of a job that a draft sets, except its schedule. */
type Parts = Omit<JobChanges, "schedule" | "work"> & { work: WorkChanges };

/**
 * Reads all but the schedule. `base`: the values of fields that a draft may set in part. @throws ApiError 400 as
 * `readNewJob`.
 */
export function readParts(
  draft: JobDraft,
  terms: Pick<DraftTerms, "checkTarget">,
  base: Pick<Job, "retry" | "misfire"> = JOB_DEFAULTS,
): Parts {
  const { work, repeat } = draft;
  if (typeof work.prompt === "string") scanPrompt(work.prompt, "prompt");
  checkTargets(draft.deliver ?? [], "deliver", terms);
  checkTargets(draft.failureDeliver ?? [], "failure_deliver", terms);
  return {
    work,
    ...withoutNulls({
      name: draft.name,
      deliver: orUsual(draft.deliver, JOB_DEFAULTS.deliver),
      failureDeliver: orUsual(draft.failureDeliver, JOB_DEFAULTS.failureDeliver),
      overlap: orUsual(draft.overlap, JOB_DEFAULTS.overlap),
      maxFailures: orUsual(draft.maxFailures, JOB_DEFAULTS.maxFailures),
      jitterMs: orUsual(draft.jitterMs, JOB_DEFAULTS.jitterMs),
      misfire: readMisfire(draft.misfire, base.misfire),
      retry: draft.retry
        ? { ...base.retry, ...withoutNulls(draft.retry) }
        : orUsual(draft.retry, JOB_DEFAULTS.retry),
      enabled: readEnabled(draft),
      reason: draft.pausedReason,
    }),
    ...(repeat !== undefined && { times: repeat === "forever" ? null : repeat }),
  };
}

/** Null means the default, undefined means not given. */
function orUsual<Value>(value: Value | null | undefined, usual: Value): Value | undefined {
  return value === null ? usual : value;
}

function readMisfire(said: JobDraft["misfire"], base: Job["misfire"]): Job["misfire"] | undefined {
  if (said === undefined || said === null) return orUsual(said, JOB_DEFAULTS.misfire);
  const graceMs = said.graceMs === undefined ? base.graceMs : said.graceMs;
  return { policy: said.policy ?? base.policy, ...withoutNulls({ graceMs }) };
}

/** @throws ApiError 400 when the two contradict each other. */
function readEnabled({ enabled, paused }: JobDraft): boolean | undefined {
  const isEnabled = enabled ?? undefined;
  if (paused === undefined || paused === null) return isEnabled;
  if (isEnabled === paused) throw invalidRequest("paused", "'paused' and 'enabled' contradict each other.");
  return !paused;
}

function checkTargets(
  targets: readonly string[],
  param: string,
  { checkTarget }: Pick<DraftTerms, "checkTarget">,
): void {
  if (targets.length > MAX_TARGETS)
    throw invalidRequest(param, `'${param}' must name at most ${MAX_TARGETS} places.`);
  for (const target of targets) checkTarget(target, param);
}

/** Returns the schedule that a draft sets, or the job's own in another zone; undefined for neither. */
function changedSchedule(draft: JobDraft, current: Schedule, terms: DraftTerms): Schedule | undefined {
  const { schedule } = draft;
  if (schedule === null)
    throw invalidRequest("schedule", "A job needs a 'schedule': it can be changed, not cleared.");
  const timezone = draft.timezone === null ? terms.timezone() : draft.timezone;
  const zone = readZone({ schedule, timezone }, current.timezone) ?? current.timezone;
  if (schedule !== undefined && !isSame(schedule, current)) return readSchedule(schedule, zone, terms);
  if (zone === current.timezone) return undefined;
  // Reads any schedule, so that the zone is checked; instants stay the same, intervals keep their rhythm.
  return { ...current, timezone: readSchedule("every 1h", zone, terms).timezone };
}

/**
 * Returns the zone that a draft names, beside its schedule or in it as the server prints it; undefined for the
 * current one.
 * @throws ApiError 400 when the two contradict each other.
 */
function readZone(
  { schedule, timezone }: Pick<JobDraft, "schedule" | "timezone">,
  current?: string,
): string | undefined {
  const inner = typeof schedule === "object" ? schedule?.timezone : undefined;
  const named = [timezone, inner].filter((zone) => typeof zone === "string");
  const [said, ...others] = new Set(named.filter((zone) => zone !== current));
  if (others.length > 0)
    throw invalidRequest("timezone", "'timezone' and 'schedule.timezone' contradict each other.");
  return said;
}

/** Returns whether a client only repeats what the server printed; then the schedule does not start anew. */
function isSame(said: ScheduleDraft, current: Schedule): boolean {
  if (typeof said === "string") return current.kind !== "once" && said === current.display;
  if (said.kind === "cron") return current.kind === "cron" && said.expr === current.expr;
  if (said.kind === "interval")
    return current.kind === "interval" && Math.round(said.minutes * 60_000) === current.everyMs;
  // Instants are printed in whole seconds.
  const seconds = (ms: number) => Math.floor(ms / 1000);
  const isAnswered = /[+-]\d{2}:\d{2}$/.test(said.run_at);
  return current.kind === "once" && isAnswered && seconds(Date.parse(said.run_at)) === seconds(current.runAt);
}

function readSchedule(said: ScheduleDraft, timezone: string, { now }: Pick<DraftTerms, "now">): Schedule {
  return parseSchedule(writeSchedule(said), { timezone, now: now(), param: "schedule" });
}

/** Prints a schedule as people write it. */
function writeSchedule(said: ScheduleDraft): string {
  if (typeof said === "string") return said;
  if (said.kind === "cron") return said.expr;
  if (said.kind === "once") return said.run_at;
  const seconds = Math.round(said.minutes * 60);
  return seconds % 60 === 0 ? `every ${seconds / 60}m` : `every ${seconds}s`;
}

/** Returns the default name of a job: the start of its prompt. */
function defaultName({ prompt, script = "" }: JobWork, schedule: Schedule): string {
  const said = prompt.trim() === "" ? script : prompt;
  const line = said.trim().split("\n")[0]?.slice(0, 50) ?? "";
  return line === "" ? schedule.display : line;
}
