import { JOB_ROWS } from "./job-rows.ts";
import { cpu, rate } from "./lines.ts";
import { RESPONSE_ROWS } from "./response-rows.ts";
import type { Aim, Line, Row } from "./row.ts";
import { RUN_ROWS } from "./run-rows.ts";

function plain(connections: number, lines: Line[]): Row {
  return {
    id: `plain-${connections}`,
    measurement: { kind: "turns", scenario: { kind: "plain" }, connections },
    lines,
    direct: true,
    ...(connections > 1 ? { saturates: true } : {}),
  };
}

function blast(streams: number, aim?: Aim): Row {
  return {
    id: `tokens-${streams}`,
    // With hundreds of streams shorter ones: each window ends by waiting for all that run.
    measurement: { kind: "blast", streams, tokens: streams > 100 ? 1000 : 2000 },
    lines: [
      {
        ...rate(`tokens, ${streams} ${streams === 1 ? "stream" : "streams"}`, aim),
        metric: "tokensPerSecond",
      },
      { label: "  CPU per token", metric: "cpuPerToken", unit: "µs", digits: 2 },
    ],
    direct: true,
    ...(streams > 1 ? { saturates: true } : {}),
  };
}

/** The table, in its order. Fresh-process rows come first, before anything else lives on the target's core. */
export const ROWS: readonly Row[] = [
  {
    id: "start",
    measurement: { kind: "start" },
    lines: [
      {
        label: "start to first healthy answer, warm",
        metric: "warmMs",
        unit: "ms",
        digits: 0,
        aim: { must: "atMost", value: 350 },
      },
      { label: "  the first time in a new home", metric: "coldMs", unit: "ms", digits: 0 },
      {
        label: "idle memory (RSS)",
        metric: "idleMb",
        unit: "MB",
        digits: 1,
        aim: { must: "atMost", value: 90 },
      },
    ],
  },
  {
    id: "held",
    measurement: { kind: "held", streams: 2000 },
    lines: [
      {
        label: "memory per held stream, 2,000",
        metric: "kbPerStream",
        unit: "KB",
        digits: 1,
        aim: { must: "atMost", value: 45 },
      },
      // Everything that the first requests load and the heap's first growth, divided among the streams as well.
      { label: "  counted from the idle process", metric: "kbFromIdle", unit: "KB", digits: 1 },
      {
        label: "2,000 clients vanish: upstream free after",
        metric: "freeMs",
        unit: "ms",
        digits: 0,
        aim: { must: "atMost", value: 400 },
      },
      {
        label: "  upstream streams left 2 s later",
        metric: "streamsLeft",
        unit: "",
        digits: 0,
        aim: { must: "atMost", value: 0 },
      },
    ],
  },
  plain(1, [
    rate("plain turn, 1 connection"),
    cpu("  CPU per turn"),
    {
      label: "  added latency, p50",
      metric: "p50Ms",
      unit: "ms",
      digits: 2,
      added: true,
      aim: { must: "atMost", value: 0.4 },
    },
  ]),
  plain(32, [
    rate("plain turn, 32 connections", { must: "ratioAtLeast", value: 0.35 }),
    cpu("  CPU per turn", { must: "ratioAtMost", value: 3 }),
  ]),
  plain(256, [rate("plain turn, 256 connections"), cpu("  CPU per turn")]),
  {
    id: "tool-32",
    // The relay has no tools: its plain turn, measured beside, is what a tool turn is held against.
    measurement: {
      kind: "turns",
      scenario: { kind: "tool" },
      connections: 32,
      relayScenario: { kind: "plain" },
    },
    lines: [
      rate("one-tool turn, 32 connections (relay: plain)", { must: "ratioAtLeast", value: 0.2 }),
      cpu("  CPU per turn", { must: "atMost", value: 220 }),
    ],
    saturates: true,
  },
  {
    id: "first-token",
    measurement: { kind: "firstToken", connections: 1 },
    lines: [
      {
        label: "first token, added p50",
        metric: "p50Ms",
        unit: "ms",
        digits: 2,
        added: true,
        aim: { must: "aboveRelayAtMost", value: 0.3 },
      },
      {
        label: "first token, added p95",
        metric: "p95Ms",
        unit: "ms",
        digits: 2,
        added: true,
        aim: { must: "atMost", value: 1.2 },
      },
    ],
    direct: true,
  },
  blast(1),
  blast(64, { must: "ratioAtLeast", value: 1 }),
  blast(512),
  {
    id: "paced-128",
    measurement: { kind: "paced", streams: 128, everyMs: 20 },
    lines: [
      {
        label: "CPU per paced token, 128 streams, 50/s each",
        metric: "cpuPerToken",
        unit: "µs",
        digits: 1,
        aim: { must: "ratioAtMost", value: 1.4 },
      },
    ],
  },
  ...RESPONSE_ROWS,
  ...RUN_ROWS,
  ...JOB_ROWS,
];
