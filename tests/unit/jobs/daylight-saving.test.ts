import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { calendarOf, occurrencesOf } from "../../../src/jobs/schedule.ts";
import { dueTimes, transitionsOf } from "../../helpers/cron-oracle.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const RUNS = process.env["FAULTS"] === "full" ? 50_000 : 2_000;

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

describe("a time of day", { timeout: RUNS * 60 }, () => {
  test(`is due exactly as the rule says, in ${RUNS} schedules around the jumps of ${JUMPS.length} zones' clocks`, () => {
    expect(JUMPS.length).toBeGreaterThan(100);
    fc.assert(
      fc.property(expression, jump, (expr, { zone, at }) => {
        const range = { from: at - DAY_MS, to: at + DAY_MS };
        const calendar = calendarOf({ kind: "cron", expr, timezone: zone, display: expr });
        const found = occurrencesOf(calendar, { ...range, limit: 5_000 });
        expect(found.map((occurrence) => occurrence.at)).toEqual(dueTimes(expr, { zone, ...range }));
      }),
      { numRuns: RUNS },
    );
  });
});
