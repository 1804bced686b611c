import type { Fire, Job, Misfire } from "../../domain/job.ts";
import type { Occurrence } from "../../domain/schedule.ts";
import type { Calendar } from "../schedule/schedule.ts";

/** A job that is due. */
interface Due {
  job: Job;
  calendar: Calendar;
  /** Epoch ms. */
  now: number;
  /** Whether a fire of the job is queued or running. */
  isBusy: boolean;
  /** A random number from 0 to 1; spreads fires with jitter. */
  random(): number;
  newFireId(): string;
  newRunId(): `run_${string}`;
}

/** The outcome for a due job: its fires, and the job with its next time. */
export interface Firing {
  job: Job;
  fires: Fire[];
  /** Whether running fires must be stopped first. */
  replaces: boolean;
}

/** How many missed occurrences get a row of their own; older ones share one. */
const MAX_ROWS = 100;
/** How many occurrences are examined one by one: a day of minutes, some 50 ms. */
const MAX_SEEN = 1_500;
/** After this delay an occurrence counts as missed: no server was running. */
const ON_TIME_MS = 60_000;
const MIN_ON_TIME_MS = 1_000;

const MINUTE_MS = 60_000;
const MIN_GRACE_MS = 2 * MINUTE_MS;
const MAX_GRACE_MS = 120 * MINUTE_MS;

/** Returns how late an occurrence may still be executed, ms: half the period, from 2 minutes to 2 hours. */
function graceMs({ misfire, schedule }: Pick<Job, "misfire" | "schedule">, periodMs: number): number {
  if (misfire.graceMs !== undefined) return misfire.graceMs;
  if (schedule.kind === "once") return MAX_GRACE_MS;
  return Math.min(MAX_GRACE_MS, Math.max(MIN_GRACE_MS, periodMs / 2));
}

/**
 * Decides about every occurrence up to now: execute it, or skip it with a reason. Each occurrence appears once, and
 * the job advances to the first one after now.
 */
export function fireDue(due: Due): Firing {
  const { job, now } = due;
  const { past, skippedBefore, next } = missed(due);
  const periodMs = measurePeriod(due, past, next);
  const allowed = graceMs(job, periodMs);
  const onTimeMs = Math.min(ON_TIME_MS, Math.max(MIN_ON_TIME_MS, periodMs / 4));
  const grace = job.misfire.policy === "skip" ? Math.min(allowed, onTimeMs) : allowed;
  const isOnTime = (at: number) => now - at <= grace;
  const done = new Set(chosen(past, job.misfire.policy, isOnTime));
  const fires = past.map(({ at }) => {
    const isLate = !isOnTime(at);
    const isMissed = isLate || job.misfire.policy === "skip";
    return done.has(at) ? queued(due, at) : skipped(due, at, isMissed ? "missed" : "superseded");
  });
  const [first] = fires;
  if (first !== undefined) first.count += skippedBefore;
  const limited = withinLimits(due, fires);
  const isReplaced =
    job.overlap === "replace" && due.isBusy && limited.some(({ status }) => status === "queued");
  return { job: advanced(due, limited, next), fires: limited, replaces: isReplaced };
}

interface Missed {
  /** The latest occurrences, oldest first. */
  past: Occurrence[];
  /** How many earlier ones there were. */
  skippedBefore: number;
  next: Occurrence | undefined;
}

function missed(due: Due): Missed {
  const { job, calendar, now } = due;
  const first = job.nextOccurrence ?? now;
  const all = dueUpTo(calendar, { at: first, clock: "plain" }, now);
  if (!all.isCut) return { ...recent(all.past), next: all.next };
  // Too many to examine: the oldest are only counted.
  const periodMs = (all.past.at(-1)?.at ?? now) - (all.past.at(-2)?.at ?? now);
  const from = now - Math.min(graceMs(job, periodMs), periodMs * MAX_ROWS);
  const late = dueUpTo(calendar, calendar.next(from), now);
  const { past, skippedBefore } = recent(late.past);
  return { past, skippedBefore: skippedBefore + all.past.length, next: late.next };
}

function recent(past: Occurrence[]): Pick<Missed, "past" | "skippedBefore"> {
  return { past: past.slice(-MAX_ROWS), skippedBefore: Math.max(0, past.length - MAX_ROWS) };
}

function dueUpTo(calendar: Calendar, first: Occurrence | undefined, now: number) {
  const past: Occurrence[] = [];
  let next = first;
  while (next !== undefined && next.at <= now && past.length < MAX_SEEN) {
    past.push(next);
    next = calendar.next(next.at);
  }
  return { past, next, isCut: next !== undefined && next.at <= now };
}

/** Returns the time from the latest occurrence to the next one, or between the latest two. */
function measurePeriod({ calendar }: Due, past: readonly Occurrence[], next: Occurrence | undefined): number {
  const last = past.at(-1);
  if (last === undefined) return 0;
  const following = next ?? calendar.next(last.at);
  const before = past.at(-2);
  if (following !== undefined) return following.at - last.at;
  return before === undefined ? 0 : last.at - before.at;
}

function chosen(
  past: readonly Occurrence[],
  policy: Misfire["policy"],
  isOnTime: (at: number) => boolean,
): number[] {
  const onTime = past.map(({ at }) => at).filter(isOnTime);
  const latest = onTime.at(-1);
  if (policy === "all") return onTime;
  return latest === undefined ? [] : [latest];
}

function withinLimits({ job, isBusy }: Due, fires: Fire[]): Fire[] {
  const left = job.times === undefined ? Number.POSITIVE_INFINITY : job.times - job.completed;
  let started = 0;
  return fires.map((fire) => {
    if (fire.status !== "queued") return fire;
    // Fires of one look are executed one after the other.
    const isOverlapping = job.overlap === "skip" && isBusy;
    if (isOverlapping) return { ...resetFire(fire), status: "skipped", reason: "overlap" };
    if (started >= left) return { ...resetFire(fire), status: "skipped", reason: "repeat_limit" };
    started++;
    return fire;
  });
}

function resetFire({ runId: _none, ...fire }: Fire): Fire {
  return fire;
}

function advanced({ job, now, random }: Due, fires: readonly Fire[], next: Occurrence | undefined): Job {
  const { nextAt: _at, nextOccurrence: _occurrence, ...rest } = job;
  const completed = job.completed + fires.filter(({ status }) => status === "queued").length;
  const isOver = next === undefined || (job.times !== undefined && completed >= job.times);
  if (isOver) return { ...rest, completed, state: "completed", updatedAt: now };
  const nextAt = next.at + Math.floor(random() * job.jitterMs);
  return { ...rest, completed, nextAt, nextOccurrence: next.at, updatedAt: now };
}

function queued(due: Due, at: number): Fire {
  return { ...row(due, at), status: "queued", runId: due.newRunId() };
}

function skipped(due: Due, at: number, reason: string): Fire {
  return { ...row(due, at), status: "skipped", reason, endedAt: due.now };
}

function row({ job, now, newFireId }: Due, at: number): Fire {
  return {
    id: newFireId(),
    jobId: job.id,
    owner: job.owner,
    kind: "schedule",
    scheduledFor: at,
    count: 1,
    attempt: 1,
    status: "queued",
    createdAt: now,
    dueAt: at === job.nextOccurrence ? (job.nextAt ?? at) : at,
    deliveries: [],
  };
}
