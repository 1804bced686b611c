import type { Scenario } from "./scenarios.ts";

/** How a row is measured; each kind has its file in measure/. */
export type Measurement =
  | { kind: "turns"; scenario: Scenario; connections: number; relayScenario?: Scenario }
  | { kind: "firstToken"; connections: number }
  | { kind: "blast"; streams: number; tokens: number }
  | { kind: "paced"; streams: number; everyMs: number }
  | { kind: "held"; streams: number }
  | { kind: "replay"; connections: number; tokens: number }
  | { kind: "resume"; tokens: number; after: number }
  | { kind: "watch"; runs: number; watchers: number; stalled: number; everyMs: number }
  | { kind: "growth"; turns: number }
  | { kind: "due"; jobs: number; running: number; modelMs: number }
  | { kind: "ticks"; few: number; many: number }
  | { kind: "start" };

/** What lies in a target's database before it starts. */
export interface Seed {
  responses: number;
  /** Each goes on from the one before. */
  chained?: true;
  /** The answer's pieces; none for an answer that was not streamed. */
  deltas?: number;
}

/** What runs in a column; `before` is another build of the server. */
export type Program = "relay" | "server" | "before";

/** A target other than usual: what runs in a column of the table, on which home. */
export interface Stand {
  program: Program;
  /** Of the server's database; the relay takes it to store a row for each turn. */
  sync?: "normal" | "full";
  seed?: Seed;
}

/** Both columns of some rows; they are measured together, beside no other row. */
export interface Pair {
  id: string;
  /** Absent where there is nothing to compare with. */
  relay?: Stand;
  server: Stand;
}

/** What the server must reach: alone, as a multiple of the relay, or at most so much above it. */
export type Aim =
  | { must: "ratioAtLeast" | "ratioAtMost"; value: number }
  | { must: "atMost" | "atLeast"; value: number }
  | { must: "aboveRelayAtMost"; value: number };

/** One line of the table: one number out of a measurement. */
export interface Line {
  label: string;
  metric: string;
  unit: string;
  digits: number;
  /** The number is what a target adds to the same request sent to the upstream itself. */
  added?: true;
  aim?: Aim;
}

export interface Row {
  id: string;
  measurement: Measurement;
  lines: Line[];
  /** Also measured without a target between: for what is added, and for the harness's own limit. */
  direct?: true;
  /** Targets of its own; otherwise the relay and the server on a new home. */
  pair?: Pair;
  /** Load that should fill the target's core; when it does not, the harness was the limit. */
  saturates?: true;
}

/** The row with another build of the server in the relay's column, on a home like the server's own; aims say nothing then. */
export function againstBuild(row: Row): Row {
  const { measurement, lines, pair } = row;
  return {
    ...row,
    measurement: measurement.kind === "turns" ? withoutRelay(measurement) : measurement,
    lines: lines.map(({ aim: _aim, ...line }) => line),
    ...(pair?.relay !== undefined && { pair: { ...pair, relay: { ...pair.server, program: "before" } } }),
  };
}

function withoutRelay({
  relayScenario: _relay,
  ...turns
}: Extract<Measurement, { kind: "turns" }>): Measurement {
  return turns;
}
