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

/** Events of a run before its first delta. */
const EVENTS_BEFORE = 3;

/** The rest of the run that was put into a target's database. */
export function resumeOf(
  { tokens, after }: Extract<Measurement, { kind: "resume" }>,
  { seeded = "" }: Target,
): Scenario {
  return { kind: "resume", id: seeded, after, tokens: tokens - (after - EVENTS_BEFORE) };
}

/** The rest of a long run's events, one reader at a time: how soon the first of them comes. */
export const measureResume: SteadyMeasure<"resume"> = async ({ harness, timing }, target, measurement) => {
  const window = await harness.ask({
    do: "loop",
    aim: harness.aimAt(target),
    scenario: resumeOf(measurement, target),
    stream: true,
    connections: 1,
    rampMs: timing.rampMs,
    windowMs: timing.windowMs,
  });
  const eventsPerSecond = (window.tokens * 1000) / window.elapsedMs;
  return asMeasured(window, { p95Ms: window.firstTokenP95Ms, eventsPerSecond });
};
