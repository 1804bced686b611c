import { cpu, rate } from "./lines.ts";
import type { Aim, Line, Pair, Row, Seed } from "./row.ts";

const p50 = (label: string, aim: Aim): Line => ({ label, metric: "p50Ms", unit: "ms", digits: 2, aim });

/** One row for each turn, committed by itself, is the limit of a server that stores what it answers. */
function stored(sync: "normal" | "full", aim: number, label: string): Row {
  return {
    id: `stored-32${sync === "full" ? "-full" : ""}`,
    pair: { id: sync, relay: { program: "relay", sync }, server: { program: "server", sync } },
    measurement: {
      kind: "turns",
      scenario: { kind: "response" },
      connections: 32,
      relayScenario: { kind: "plain" },
    },
    lines: [rate(label, { must: "ratioAtLeast", value: aim }), cpu("  CPU per turn")],
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
  stored("normal", 1, "stored response, 32 connections (relay: + 1 row in SQLite)"),
  stored("full", 0.7, "  the same with storage.sync full, in both"),
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
