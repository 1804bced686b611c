import type { Measurement, Row } from "../row.ts";
import type { Scenario } from "../scenarios.ts";
import type { Target } from "../targets.ts";
import { measureBlast } from "./blast.ts";
import { measureDue } from "./due.ts";
import { measureFirstToken } from "./first-token.ts";
import { measureGrowth } from "./growth.ts";
import { measureHeld } from "./held.ts";
import type { FreshContext, MeasureContext, Measured } from "./measure.ts";
import { measurePaced } from "./paced.ts";
import { measureReplay, measureResume, replayOf, resumeOf } from "./replay.ts";
import { measureStart } from "./start.ts";
import { measureTicks } from "./ticks.ts";
import { measureTurns, scenarioOf } from "./turns.ts";
import { measureWatch } from "./watch.ts";

const FRESH = ["held", "start", "growth", "watch", "due", "ticks"] as const;
type Fresh = (typeof FRESH)[number];
/** A row that starts its own processes. */
export type FreshRow = Row & { measurement: Extract<Measurement, { kind: Fresh }> };
/** A row that loads a process which runs already. */
export type SteadyRow = Row & { measurement: Exclude<Measurement, { kind: Fresh }> };

/** Whether a row starts its own processes. */
export function isFresh(row: Row): row is FreshRow {
  return (FRESH as readonly string[]).includes(row.measurement.kind);
}

/** Measures a target that runs. */
export function measureSteady(
  context: MeasureContext,
  target: Target,
  measurement: SteadyRow["measurement"],
): Promise<Measured> {
  switch (measurement.kind) {
    case "turns":
      return measureTurns(context, target, measurement);
    case "firstToken":
      return measureFirstToken(context, target, measurement);
    case "blast":
      return measureBlast(context, target, measurement);
    case "paced":
      return measurePaced(context, target, measurement);
    case "replay":
      return measureReplay(context, target, measurement);
    case "resume":
      return measureResume(context, target, measurement);
  }
}

/** Measures processes made for it. */
export function measureFresh(context: FreshContext, measurement: FreshRow["measurement"]): Promise<Measured> {
  switch (measurement.kind) {
    case "held":
      return measureHeld(context, measurement);
    case "start":
      return measureStart(context);
    case "growth":
      return measureGrowth(context, measurement);
    case "watch":
      return measureWatch(context, measurement);
    case "due":
      return measureDue(context, measurement);
    case "ticks":
      return measureTicks(measurement);
  }
}

/** Rows of the same path share a warm-up: at a middling number of connections. */
export function warmUpOf(measurement: SteadyRow["measurement"]): SteadyRow["measurement"] {
  if (measurement.kind === "replay" || measurement.kind === "resume") return measurement;
  if ("connections" in measurement) return { ...measurement, connections: 32 };
  if (measurement.kind === "blast") return { ...measurement, streams: 64 };
  return measurement;
}

/** The answer to read in full before a row is measured. */
export function probeOf(
  measurement: SteadyRow["measurement"],
  target: Target,
): { scenario: Scenario; stream: boolean } {
  if (measurement.kind === "turns") return { scenario: scenarioOf(measurement, target), stream: false };
  if (measurement.kind === "replay") return { scenario: replayOf(measurement, target), stream: true };
  if (measurement.kind === "resume") return { scenario: resumeOf(measurement, target), stream: true };
  if (measurement.kind === "firstToken") return { scenario: { kind: "first" }, stream: true };
  if (measurement.kind === "blast")
    return { scenario: { kind: "blast", tokens: measurement.tokens }, stream: true };
  return { scenario: { kind: "paced", tokens: 20, everyMs: 5 }, stream: true };
}
