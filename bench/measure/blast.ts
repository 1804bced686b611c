import type { SteadyMeasure } from "./measure.ts";
import { asMeasured } from "./turns.ts";

/** Streams of thousands of tokens, as fast as the target passes them on. */
export const measureBlast: SteadyMeasure<"blast"> = async ({ harness, timing }, target, measurement) => {
  const window = await harness.ask({
    do: "loop",
    aim: harness.aimAt(target),
    scenario: { kind: "blast", tokens: measurement.tokens },
    stream: true,
    connections: measurement.streams,
    rampMs: timing.rampMs,
    windowMs: timing.windowMs,
  });
  return asMeasured(window, {
    tokensPerSecond: (window.tokens * 1000) / window.elapsedMs,
    cpuPerToken: window.cpuUs / window.tokens,
  });
};
