import { describe, expect, test } from "vitest";
import { compareSchedules, ZONES_WITH_JUMPS } from "../../../helpers/schedules.ts";

const COUNT = 2_000;

describe("a time of day", { timeout: COUNT * 60 }, () => {
  test(`a time of day is due exactly as the rule says, in ${COUNT} schedules around the jumps of ${ZONES_WITH_JUMPS} zones' clocks`, () => {
    expect(ZONES_WITH_JUMPS).toBeGreaterThan(100);
    compareSchedules(COUNT);
  });
});
