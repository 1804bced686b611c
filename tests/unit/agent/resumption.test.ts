import { expect, test } from "vitest";
import { readResumption } from "../../../src/agent/resumption.ts";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import { aRun, dialogue } from "../../helpers/stored.ts";

/** A run of which so many events were stored. */
function left(count: number): AgentEvent[] {
  return dialogue(aRun(), "Hello?", "Hi.").slice(0, count);
}

test("a number that a former process may have told is given to no other item, however often it dies", () => {
  for (const events of [left(1), left(2), left(100)]) {
    const first = fold(events).items.length;
    const numbers = [1, 2, 3, 4].map((attempts) => readResumption(events, attempts).nextNumber);
    expect(numbers[0]).toBeGreaterThan(first);
    // Each leaves the one before it room for what it told and did not store.
    expect(numbers.every((number, i) => i === 0 || number >= (numbers[i - 1] ?? 0) + 1_000)).toBe(true);
  }
});
