import type { Measurement } from "../row.ts";
import type { Scenario } from "../scenarios.ts";
import type { Target } from "../targets.ts";
import type { SteadyMeasure } from "./measure.ts";
import { asMeasured } from "./turns.ts";

/** The stream of the response that was put into a target's database. */
export function replayOf(
  { tokens }: Extract<Measurement, { kind: "replay" }>,
  { seeded = "" }: Target,
): Scenario {
  return { kind: "replay", id: seeded, tokens };
}

/** Streams of a finished response: its deltas count, the eight or so frames around them do not. */
export const measureReplay: SteadyMeasure<"replay"> = async ({ harness, timing }, target, measurement) => {
  const window = await harness.ask({
    do: "loop",
    aim: harness.aimAt(target),
    scenario: replayOf(measurement, target),
    stream: true,
    connections: measurement.connections,
    rampMs: timing.rampMs,
    windowMs: timing.windowMs,
  });
  return asMeasured(window, { eventsPerSecond: (window.tokens * 1000) / window.elapsedMs });
};
