import type { Row } from "./row.ts";

/** Rows of scheduled work. */
export const JOB_ROWS: readonly Row[] = [
  {
    id: "jobs-due",
    pair: { id: "jobs-due", server: { program: "server" } },
    measurement: { kind: "due", jobs: 10_000, running: 10, modelMs: 50 },
    lines: [
      {
        label:
          "10,000 jobs due in one second, 10 at a time, 50 ms of a model each: latest start ÷ (jobs ÷ 10 × 50 ms)",
        metric: "lagRatio",
        unit: "×",
        digits: 2,
        aim: { must: "atMost", value: 1.5 },
      },
      { label: "  jobs done", metric: "perSecond", unit: "/s", digits: 0 },
      {
        label: "  a job read beside them, p99, to the same before they were due",
        metric: "apiRatio",
        unit: "×",
        digits: 2,
        aim: { must: "atMost", value: 3 },
      },
      {
        label: "  jobs lost",
        metric: "lost",
        unit: "",
        digits: 0,
        aim: { must: "atMost", value: 0 },
      },
    ],
  },
  {
    id: "jobs-tick",
    pair: { id: "jobs-tick", server: { program: "server" } },
    measurement: { kind: "ticks", few: 100, many: 100_000 },
    lines: [
      {
        label: "the scheduler looks at the clock: 100,000 jobs stored, to 100",
        metric: "ratio",
        unit: "×",
        digits: 2,
        aim: { must: "atMost", value: 1.2 },
      },
      { label: "  with 100,000", metric: "manyUs", unit: "µs", digits: 1 },
    ],
  },
];
