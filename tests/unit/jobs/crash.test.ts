import { describe, expect, test } from "vitest";
import { CRASH_KINDS, crashFiring } from "../../helpers/jobs-crash.ts";

/** Far more writes than any of them makes. */
const MANY = 100;

describe("a process that dies before and after each of its writes", { timeout: 30_000 }, () => {
  test.each(
    Object.entries(CRASH_KINDS),
  )("a process that dies before and after each of its writes leaves %s to the next one, which does it once", async (_name, kind) => {
    let points = 0;
    for (const when of ["before", "after"] as const)
      for (let at = 1; at < MANY; at++) {
        const { failures, hasDied } = await crashFiring(kind, { at, when });
        expect([when, at, failures]).toEqual([when, at, []]);
        if (!hasDied) break;
        points++;
      }
    expect(points).toBeGreaterThan(10);
  });
});
