import fc from "fast-check";
import { listOccurrences, toCalendar } from "../../src/jobs/schedule/schedule.ts";
import { dueTimes, transitionsOf } from "./cron-oracle.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** All zones whose clocks jumped in these years, with the jumps. */
const JUMPS = Intl.supportedValuesOf("timeZone")
  .map((zone) => ({ zone, jumps: transitionsOf(zone, 2010, 2030) }))
  .filter(({ jumps }) => jumps.length > 0);

const number = (low: number, high: number) => fc.integer({ min: low, max: high }).map(String);
const range = (low: number, high: number) =>
  fc
    .tuple(fc.integer({ min: low, max: high }), fc.integer({ min: low, max: high }))
    .map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`);
const list = (low: number, high: number) =>
  fc
    .uniqueArray(fc.integer({ min: low, max: high }), { minLength: 2, maxLength: 3 })
    .map((values) => values.join(","));
const minutes = fc.oneof(
  number(0, 59),
  list(0, 59),
  fc.constantFrom("*/15", "*/20", "*/30", "0", "30", "59"),
);
/** Most clocks jump in the first hours of a day. */
const hours = fc.oneof(
  number(0, 4),
  number(0, 23),
  list(0, 4),
  range(0, 5),
  fc.constantFrom("*", "*/2", "*/3", "*/6", "22-23"),
);
const days = fc.oneof({ weight: 5, arbitrary: fc.constant("*") }, number(1, 31), range(1, 31));
const weekdays = fc.oneof({ weight: 5, arbitrary: fc.constant("*") }, number(0, 7), range(0, 6), list(0, 6));
const expression = fc
  .tuple(minutes, hours, days, fc.constant("*"), weekdays)
  .map((fields) => fields.join(" "));
const jump = fc
  .constantFrom(...JUMPS)
  .chain(({ zone, jumps }) => fc.record({ zone: fc.constant(zone), at: fc.constantFrom(...jumps) }));

/** How many zones' clocks jumped in those years. */
export const ZONES_WITH_JUMPS: number = JUMPS.length;

/**
 * Compares the due times of so many schedules, two days around a jump of a zone's clock, with what the rule says.
 * @throws Error with the smallest schedule that is due otherwise.
 */
export function compareSchedules(count: number): void {
  fc.assert(
    fc.property(expression, jump, (expr, { zone, at }) => {
      const range = { from: at - DAY_MS, to: at + DAY_MS };
      const calendar = toCalendar({ kind: "cron", expr, timezone: zone, display: expr });
      const found = listOccurrences(calendar, { ...range, limit: 5_000 }).map((occurrence) => occurrence.at);
      const due = dueTimes(expr, { zone, ...range });
      if (JSON.stringify(found) !== JSON.stringify(due))
        throw new Error(`due at ${found}, and not at ${due}`);
    }),
    { numRuns: count },
  );
}
