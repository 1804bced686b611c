import type { Harness } from "../harness.ts";
import type { Timing } from "../options.ts";
import type { Measurement } from "../row.ts";
import type { Scratch, StartedTarget, Target } from "../targets.ts";

/** Numbers by name; a line of the table takes one of them. */
export type Metrics = Record<string, number>;

export interface Measured {
  metrics: Metrics;
  errors: string[];
  errorCount: number;
  /** Shares of a core, 0 to 1; absent where a row does not load one steadily. */
  busy?: number;
  foreign?: number;
}

export interface MeasureContext {
  harness: Harness;
  timing: Timing;
}

/** Measures one target that already runs. */
export type SteadyMeasure<K extends Measurement["kind"]> = (
  context: MeasureContext,
  target: Target,
  measurement: Extract<Measurement, { kind: K }>,
) => Promise<Measured>;

/** Measures targets that it starts itself, because only a new process can show it. */
export interface FreshContext extends MeasureContext {
  startTarget(options?: FreshOptions): Promise<StartedTarget>;
}

export interface FreshOptions {
  scratch?: Scratch;
}
