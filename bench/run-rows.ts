import type { Row } from "./row.ts";

const DELTAS = 10_000;

/** Rows of runs that are watched. */
export const RUN_ROWS: readonly Row[] = [
  {
    id: "watch-2000",
    pair: { id: "watch-2000", server: { program: "server" } },
    measurement: { kind: "watch", runs: 20, watchers: 2_000, stalled: 50, everyMs: 100 },
    lines: [
      {
        label: "2,000 watchers of 20 runs, 10 events/s each: published to received, p99",
        metric: "p99Ms",
        unit: "ms",
        digits: 0,
        aim: { must: "atMost", value: 250 },
      },
      { label: "  p50", metric: "p50Ms", unit: "ms", digits: 0 },
      {
        label: "  watchers that missed an event",
        metric: "missing",
        unit: "",
        digits: 0,
        aim: { must: "atMost", value: 0 },
      },
      {
        label: "  memory per watcher",
        metric: "kbPerWatcher",
        unit: "KB",
        digits: 1,
        aim: { must: "atMost", value: 40 },
      },
      {
        label: "  memory per reader that takes nothing (50, of 50,000 events at once)",
        metric: "kbStalled",
        unit: "KB",
        digits: 0,
        aim: { must: "atMost", value: 64 },
      },
    ],
  },
  {
    id: "runs-500",
    pair: { id: "runs-500", server: { program: "server" } },
    measurement: { kind: "watch", runs: 500, watchers: 500, stalled: 0, everyMs: 100 },
    lines: [
      {
        label: "500 runs at once, 10 events/s each, one watcher each: published to received, p99",
        metric: "p99Ms",
        unit: "ms",
        digits: 0,
        aim: { must: "atMost", value: 250 },
      },
      {
        label: "  watchers that missed an event",
        metric: "missing",
        unit: "",
        digits: 0,
        aim: { must: "atMost", value: 0 },
      },
      { label: "  memory per run", metric: "kbPerRun", unit: "KB", digits: 1 },
      { label: "  asked to accepted, p99", metric: "acceptP99Ms", unit: "ms", digits: 1 },
    ],
  },
  {
    id: "resume",
    pair: { id: "resume", server: { program: "server", seed: { responses: 1, deltas: DELTAS } } },
    measurement: { kind: "resume", tokens: DELTAS, after: DELTAS / 2 },
    lines: [
      {
        label: "run of 10,000 events, read on from the middle: first event, p95",
        metric: "p95Ms",
        unit: "ms",
        digits: 2,
        aim: { must: "atMost", value: 20 },
      },
      { label: "  all of the rest, events", metric: "eventsPerSecond", unit: "/s", digits: 0 },
    ],
  },
];
