import type { SteadyMeasure } from "./measure.ts";
import { asMeasured } from "./turns.ts";

/** Streams at a model's pace, each token in its own segment: what a token costs when nothing can be batched. */
export const measurePaced: SteadyMeasure<"paced"> = async ({ harness, timing }, target, measurement) => {
  const window = await harness.ask({
    do: "paced",
    aim: harness.aimAt(target),
    streams: measurement.streams,
    everyMs: measurement.everyMs,
    rampMs: timing.rampMs + 500,
    // Twice as long: little CPU is used, and it is counted in steps of 10 ms.
    windowMs: timing.windowMs * 2,
  });
  return asMeasured(window, {
    tokensPerSecond: (window.tokens * 1000) / window.elapsedMs,
    cpuPerToken: window.cpuUs / window.tokens,
  });
};
