import { Temporal } from "temporal-polyfill";

/**
 * When a cron expression is due, found in another way: every local minute of a range is looked at, and what it means in
 * its zone is asked of Temporal.
 */
export interface OracleRange {
  zone: string;
  /** Instants, epoch ms: after the first, up to and including the second. */
  from: number;
  to: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** One field: `*`, numbers, ranges and steps, between its bounds. */
function valuesOf(field: string, low: number, high: number): Set<number> {
  const values = new Set<number>();
  for (const part of field.split(",")) {
    const [range = "", step = "1"] = part.split("/");
    const [first = "", last] = range === "*" ? [`${low}`, `${high}`] : range.split("-");
    const end = last === undefined ? (part.includes("/") ? high : Number(first)) : Number(last);
    for (let value = Number(first); value <= end; value += Number(step)) values.add(value);
  }
  return values;
}

/** The instants at which five fields are due, by the rule of docs/guides/jobs.md. */
export function dueTimes(expr: string, { zone, from, to }: OracleRange): number[] {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = expr.split(" ");
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const days = valuesOf(day, 1, 31);
  const months = valuesOf(month, 1, 12);
  const weekdays = valuesOf(weekday, 0, 7);
  const isDay = (local: Date) => {
    const byDay = days.has(local.getUTCDate());
    const byWeekday = weekdays.has(local.getUTCDay()) || (local.getUTCDay() === 0 && weekdays.has(7));
    if (day === "*") return byWeekday;
    return weekday === "*" ? byDay : byDay || byWeekday;
  };
  const due = new Set<number>();
  const start = Math.floor((from - DAY_MS) / MINUTE_MS) * MINUTE_MS;
  for (let ms = start; ms <= to + DAY_MS; ms += MINUTE_MS) {
    const local = new Date(ms);
    if (!minutes.has(local.getUTCMinutes()) || !hours.has(local.getUTCHours())) continue;
    if (!months.has(local.getUTCMonth() + 1) || !isDay(local)) continue;
    for (const at of meaningsOf(local, zone, hour.startsWith("*"))) if (at > from && at <= to) due.add(at);
  }
  return [...due].sort((a, b) => a - b);
}

function meaningsOf(local: Date, zone: string, eachTime: boolean): number[] {
  const plain = Temporal.PlainDateTime.from(local.toISOString().slice(0, 19));
  const at = (disambiguation: "earlier" | "later") =>
    plain.toZonedDateTime(zone, { disambiguation }).toInstant().epochMilliseconds;
  const [earlier, later] = [at("earlier"), at("later")];
  if (earlier === later) return [earlier];
  const shown = plain.toZonedDateTime(zone, { disambiguation: "earlier" }).toPlainDateTime();
  // In a gap "earlier" shows an earlier time, and what lies between the two is the jump.
  if (!shown.equals(plain)) return [transitionAfter(zone, earlier)];
  return eachTime ? [earlier, later] : [earlier];
}

function transitionAfter(zone: string, at: number): number {
  const start = Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
  return start.getTimeZoneTransition("next")?.epochMilliseconds ?? at;
}

/** The instants at which a zone's clock jumps in some years. */
export function transitionsOf(zone: string, fromYear: number, toYear: number): number[] {
  const found: number[] = [];
  const end = Temporal.PlainDateTime.from({ year: toYear + 1, month: 1, day: 1 }).toZonedDateTime(zone);
  const start = Temporal.PlainDateTime.from({ year: fromYear, month: 1, day: 1 }).toZonedDateTime(zone);
  for (let at = start.getTimeZoneTransition("next"); at !== null; at = at.getTimeZoneTransition("next")) {
    if (Temporal.ZonedDateTime.compare(at, end) >= 0) break;
    found.push(at.epochMilliseconds);
  }
  return found;
}
