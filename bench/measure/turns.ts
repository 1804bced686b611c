import type { LoopJob, Window } from "../load/jobs.ts";
import type { Measurement } from "../row.ts";
import type { Scenario } from "../scenarios.ts";
import type { Target } from "../targets.ts";
import type { Measured, SteadyMeasure } from "./measure.ts";

/** What every window tells beside its numbers. */
export function asMeasured(window: Window, metrics: Measured["metrics"]): Measured {
  const { errors, errorCount, busy, foreign } = window;
  return { metrics, errors, errorCount, busy, foreign };
}

/** What a target is asked; a response goes on from what was put into its database. */
export function scenarioOf(
  { scenario, relayScenario = scenario }: Extract<Measurement, { kind: "turns" }>,
  { name, seeded }: Target,
): Scenario {
  const asked = name === "server" ? scenario : relayScenario;
  return asked.kind === "response" && seeded !== undefined ? { ...asked, previous: seeded } : asked;
}

/** Closed loop, answers not streamed: requests per second, CPU and latency of one. */
export const measureTurns: SteadyMeasure<"turns"> = async ({ harness, timing }, target, measurement) => {
  const { connections } = measurement;
  const job: LoopJob = {
    do: "loop",
    aim: harness.aimAt(target),
    scenario: scenarioOf(measurement, target),
    stream: false,
    connections,
    rampMs: timing.rampMs,
    windowMs: timing.windowMs,
  };
  const window = await harness.ask(job);
  return asMeasured(window, {
    perSecond: (window.turns * 1000) / window.elapsedMs,
    cpuPerTurn: window.cpuUs / window.turns,
    p50Ms: window.latencyP50Ms,
    p95Ms: window.latencyP95Ms,
  });
};
