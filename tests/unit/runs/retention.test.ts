import { expect, test } from "vitest";
import type { RunInput } from "../../../src/domain/run.ts";
import { computeExpiry } from "../../../src/runs/retention.ts";
import { inputOf } from "../../helpers/agent-run.ts";

const DAY = 24 * 60 * 60 * 1000;

test.each<[Partial<RunInput>, number, number | undefined]>([
  [{ surface: "chat" }, 0, DAY],
  [{ surface: "chat" }, 5 * DAY, DAY],
  [{ surface: "chat", sessionId: "s" }, 5 * DAY, undefined],
  [{ surface: "responses" }, 0, undefined],
  [{ surface: "responses" }, 5 * DAY, 5 * DAY],
  [{ surface: "runs" }, 0, 30 * DAY],
  [{ surface: "jobs" }, 5 * DAY, 30 * DAY],
  [{ surface: "runs", sessionId: "s" }, 0, undefined],
  [{ surface: "responses", sessionId: "s" }, 5 * DAY, undefined],
])("%j with a retention of %i ms for responses may go after %s", (input, responsesMs, expected) => {
  const expiry = computeExpiry(inputOf(input), 1_000, { responsesMs, runsMs: 30 * DAY });
  expect(expiry).toBe(expected === undefined ? undefined : expected + 1_000);
});
