import type { SteadyMeasure } from "./measure.ts";
import { asMeasured } from "./turns.ts";

/** One streamed turn after the other: from the request's last byte to the first text. */
export const measureFirstToken: SteadyMeasure<"firstToken"> = async (
  { harness, timing },
  target,
  { connections },
) => {
  const window = await harness.ask({
    do: "loop",
    aim: harness.aimAt(target),
    scenario: { kind: "first" },
    stream: true,
    connections,
    rampMs: timing.rampMs,
    windowMs: timing.windowMs,
  });
  return asMeasured(window, { p50Ms: window.firstTokenP50Ms, p95Ms: window.firstTokenP95Ms });
};
