import { expect, test } from "vitest";
import { cutPower } from "../../helpers/power-cut.ts";

/** The same numbers from 0 to 1 each time. */
function numbers(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

test.each([
  { sync: "normal", runs: 40 },
  { sync: "full", runs: 12 },
] as const)("a power cut at any time leaves a whole database with what was synced ($sync)", async (terms) => {
  const { cuts, failures } = await cutPower({ ...terms, random: numbers() });
  expect(failures).toEqual([]);
  expect(cuts).toBeGreaterThan(terms.runs);
});
