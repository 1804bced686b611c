import { Cron } from "croner";
import { invalidRequest } from "../../domain/error.ts";
import { isInstant, MAX_INTERVAL_MS, type Schedule } from "../../domain/schedule.ts";
import { quoted } from "../../lib/text.ts";
import { isTimeZone } from "../../lib/time-zone.ts";
import { plainCron } from "./cron-text.ts";
import { toCalendar } from "./schedule.ts";
import { Zone } from "./zone.ts";

/** What a schedule is read against. */
interface ScheduleTerms {
  /** IANA name. */
  timezone: string;
  /** Epoch ms. */
  now: number;
  /** The field that errors name. */
  param: string;
}

const ACCEPTED =
  'Use five-field cron ("0 9 * * mon-fri"), six fields with seconds first, "@daily", "every 2h", "in 30m" or "30m" (once), ' +
  '"every monday 9am", "weekdays at 9am", or an ISO time ("2027-05-01T09:00") before the year 9999.';

const MINUTE_MS = 60_000;
const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: MINUTE_MS,
  h: 60 * MINUTE_MS,
  d: 1_440 * MINUTE_MS,
  w: 10_080 * MINUTE_MS,
};
const DURATION = /^(\d{1,6})\s*(s|sec|secs|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)$/;
const ISO =
  /^(\d{4})-(\d{2})-(\d{2})(?:[t ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d+))?)?)?\s*(z|[+-]\d{2}:?\d{2})?$/;
const DAILY = /^(?:every\s+)?(.+?)\s+(?:at\s+)?(\d{1,2}(?::\d{2})?\s*(?:am|pm)?|noon|midnight)$/;
const DAYS = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const GROUPS: Readonly<Record<string, string>> = {
  day: "*",
  daily: "*",
  weekday: "1-5",
  weekdays: "1-5",
  weekend: "0,6",
  weekends: "0,6",
};

/** Shortest interval: the scheduler ticks once a second. */
const MIN_INTERVAL_MS = 1_000;
const MAX_CHARS = 200;

/**
 * Reads a schedule as people write it. A duration alone means once, after that time; with `every` it repeats.
 * @throws ApiError 400 that says what is accepted, also for an unknown zone and a time in the past.
 */
export function parseSchedule(text: string, terms: ScheduleTerms): Schedule {
  const { timezone, now, param } = terms;
  if (!isTimeZone(timezone))
    throw invalidRequest(
      "timezone",
      `There is no time zone ${quoted(timezone)}; use an IANA name such as Europe/Berlin.`,
    );
  const said = text.trim().replace(/\s+/g, " ");
  if (said === "" || said.length > MAX_CHARS) throw unreadableSchedule(text, param);
  const schedule = readWords(said, terms);
  if (schedule === undefined) throw unreadableSchedule(text, param);
  if (schedule.kind === "interval" && schedule.everyMs > MAX_INTERVAL_MS)
    throw invalidRequest(
      param,
      `'${param}' is an interval of more than 365 days: ${quoted(said)}.`,
      "invalid_schedule",
    );
  if (toCalendar(schedule).next(now) === undefined) {
    const why = schedule.kind === "once" ? "lies in the past" : "is never due";
    throw invalidRequest(param, `'${param}' ${why}: ${quoted(said)}.`, "invalid_schedule");
  }
  return schedule;
}

function unreadableSchedule(text: string, param: string): Error {
  return invalidRequest(param, `'${param}' cannot be read: ${quoted(text)}. ${ACCEPTED}`, "invalid_schedule");
}

function readWords(said: string, terms: ScheduleTerms): Schedule | undefined {
  // The server itself prints an instant as "once at ...".
  const text = said.toLowerCase().replace(/^once at /, "");
  return (
    readDuration(text, terms) ?? readInstant(text, terms) ?? readDays(text, terms) ?? readCron(said, terms)
  );
}

function readDuration(text: string, { timezone, now }: ScheduleTerms): Schedule | undefined {
  const repeats = text.startsWith("every ");
  const ms = durationMs(text.replace(/^(?:every|in) /, ""));
  if (ms === undefined || ms < MIN_INTERVAL_MS) return undefined;
  if (repeats) return { kind: "interval", everyMs: ms, anchorAt: now, timezone, display: text };
  if (!isInstant(now + ms)) return undefined;
  return { kind: "once", runAt: now + ms, timezone, display: text.startsWith("in ") ? text : `in ${text}` };
}

function durationMs(text: string): number | undefined {
  // "every hour" is every 1h.
  const [, count, unit = ""] = DURATION.exec(/^\d/.test(text) ? text : `1${text}`) ?? [];
  const unitMs = UNITS[unit[0] ?? ""];
  return count === undefined || unitMs === undefined ? undefined : Number(count) * unitMs;
}

function readInstant(text: string, { timezone }: ScheduleTerms): Schedule | undefined {
  const runAt = parseInstant(text, timezone);
  return runAt === undefined
    ? undefined
    : { kind: "once", runAt, timezone, display: `once at ${text.toUpperCase()}` };
}

/**
 * Returns an ISO time of the years 1970 to 9998 as epoch ms; without an offset it is local to the zone. Undefined if
 * the text is none.
 */
export function parseInstant(text: string, timezone: string): number | undefined {
  const parts = ISO.exec(text.trim().toLowerCase());
  if (parts === null) return undefined;
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", offset] = parts;
  const local = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // 30 February is refused, although Date would accept it.
  if (Number.isNaN(local) || !new Date(local).toISOString().startsWith(`${year}-${month}-${day}`))
    return undefined;
  const at =
    offset === undefined
      ? new Zone(timezone).meaningsOf(local)[0].at
      : local - (offsetMs(offset) ?? Number.NaN);
  return isInstant(at) ? at + Number(fraction.padEnd(3, "0").slice(0, 3)) : undefined;
}

/** The largest offset from UTC that ISO 8601 readers accept. */
const MAX_OFFSET_MINUTES = 18 * 60;

function offsetMs(offset: string): number | undefined {
  if (offset === "z") return 0;
  const [, sign, hours, minutes] = /^([+-])(\d{2}):?([0-5]\d)$/.exec(offset) ?? [];
  const size = Number(hours) * 60 + Number(minutes);
  return size <= MAX_OFFSET_MINUTES ? (sign === "-" ? -1 : 1) * size * MINUTE_MS : undefined;
}

function readDays(text: string, { timezone }: ScheduleTerms): Schedule | undefined {
  const [, named = "", time = ""] = DAILY.exec(text) ?? [];
  const days = dayField(named);
  const at = parseTimeOfDay(time);
  if (days === undefined || at === undefined) return undefined;
  return { kind: "cron", expr: `${at.minute} ${at.hour} * * ${days}`, timezone, display: text };
}

function dayField(named: string): string | undefined {
  const group = GROUPS[named];
  if (group !== undefined) return group;
  const days = named.split(/\s*,\s*|\s+and\s+/).map((name) => dayNumber(name));
  return days.every((day) => day !== undefined) ? days.join(",") : undefined;
}

function dayNumber(name: string): number | undefined {
  const bare = name.replace(/(?<=day)s$/, "");
  const day = DAYS.findIndex((known) => known === bare || (bare.length >= 3 && known.startsWith(bare)));
  return day === -1 ? undefined : day;
}

function parseTimeOfDay(text: string): { hour: number; minute: number } | undefined {
  if (text === "noon") return { hour: 12, minute: 0 };
  if (text === "midnight") return { hour: 0, minute: 0 };
  const [, hours, minutes = "0", half] = /^(\d{1,2})(?::(\d{2}))?\s*(am|pm)?$/.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const [hour, minute] = [Number(hours), Number(minutes)];
  if (minute > 59 || (half === undefined ? hour > 23 : hour < 1 || hour > 12)) return undefined;
  return { hour: half === undefined ? hour : (hour % 12) + (half === "pm" ? 12 : 0), minute };
}

function readCron(said: string, { timezone }: ScheduleTerms): Schedule | undefined {
  const fields = said.split(" ").length;
  if (fields !== 5 && fields !== 6 && !said.startsWith("@")) return undefined;
  const expr = plainCron(said);
  try {
    new Cron(expr, { timezone: "UTC", paused: true });
  } catch {
    return undefined;
  }
  return { kind: "cron", expr, timezone, display: said };
}
