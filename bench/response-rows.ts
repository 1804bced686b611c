import { cpu, rate } from "./lines.ts";
import type { Aim, Line, Pair, Row, Seed } from "./row.ts";

const p50 = (label: string, aim: Aim): Line => ({ label, metric: "p50Ms", unit: "ms", digits: 2, aim });

type Sync = "normal" | "full";

/**
 * One row for each turn, committed by itself, is the limit of a server that stores what it answers; "full", SQLite's
 * own default, waits for the disk at each commit.
 */
function stored(id: string, { relay, server }: { relay: Sync; server: Sync }, label: string, aim?: Aim): Row {
  return {
    id,
    pair: { id, relay: { program: "relay", sync: relay }, server: { program: "server", sync: server } },
    measurement: {
      kind: "turns",
      scenario: { kind: "response" },
      connections: 32,
      relayScenario: { kind: "plain" },
    },
    lines: [rate(label, aim), cpu("  CPU per turn")],
  };
}

/** The same server twice: what more there is in its database must hardly show. */
function beside(id: string, { few, many }: { few: Seed; many: Seed }, line: Line): Row {
  const pair: Pair = {
    id,
    relay: { program: "server", seed: few },
    server: { program: "server", seed: many },
  };
  return {
    id,
    pair,
    measurement: { kind: "turns", scenario: { kind: "response" }, connections: 1 },
    lines: [line],
  };
}

const REPLAYED = 1_000;

/** Rows of the Responses API. */
export const RESPONSE_ROWS: readonly Row[] = [
  {
    id: "growth",
    pair: { id: "growth", server: { program: "server" } },
    measurement: { kind: "growth", turns: 200 },
    lines: [
      {
        label: "bytes stored per turn of a chain: turns 151 to 200 to turns 2 to 51",
        metric: "growth",
        unit: "×",
        digits: 3,
        aim: { must: "atMost", value: 1.05 },
      },
      { label: "  bytes per turn", metric: "bytes", unit: "B", digits: 0 },
    ],
  },
  stored(
    "stored-32",
    { relay: "full", server: "normal" },
    "stored response, 32 connections (relay: + 1 row in SQLite)",
    { must: "ratioAtLeast", value: 1 },
  ),
  stored("stored-32-full", { relay: "full", server: "full" }, "  the same with storage.sync full", {
    must: "ratioAtLeast",
    value: 0.7,
  }),
  stored(
    "stored-32-normal",
    { relay: "normal", server: "normal" },
    "  and when the relay does not wait for the disk either",
  ),
  beside(
    "stored-100k",
    { few: { responses: 1_000 }, many: { responses: 100_000 } },
    p50("stored response, p50: 100,000 stored (left: 1,000)", { must: "ratioAtMost", value: 1.2 }),
  ),
  beside(
    "chain-200",
    { few: { responses: 1 }, many: { responses: 200, chained: true } },
    p50("stored response, p50: after a chain of 200 (left: of 1)", { must: "ratioAtMost", value: 2.5 }),
  ),
  {
    id: "replay",
    pair: {
      id: "replay",
      server: { program: "server", seed: { responses: 1, deltas: REPLAYED } },
    },
    measurement: { kind: "replay", connections: 4, tokens: REPLAYED },
    lines: [
      {
        label: "events of a finished stream, read again",
        metric: "eventsPerSecond",
        unit: "/s",
        digits: 0,
        aim: { must: "atLeast", value: 20_000 },
      },
    ],
  },
];
