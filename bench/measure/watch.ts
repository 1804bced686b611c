import { setTimeout as sleep } from "node:timers/promises";
import { cpuUs, rssKb } from "../proc.ts";
import type { Measurement } from "../row.ts";
import type { StartedTarget } from "../targets.ts";
import type { FreshContext, Measured } from "./measure.ts";

/** How long runs go on after all watchers are there. */
const WATCHED_MS = 8_000;
/** To begin the runs and to open the watchers. */
const BEFORE_MS = 10_000;
/** An answer that is larger than what lies between a server and a reader that does not read. */
const STALLED_TOKENS = 50_000;

/** Runs that go on while many watch them, and some of those read nothing. */
export async function measureWatch(
  context: FreshContext,
  measurement: Extract<Measurement, { kind: "watch" }>,
): Promise<Measured> {
  const target = await context.startTarget();
  try {
    return await watchRuns(context, target, measurement);
  } finally {
    await target.stop();
  }
}

async function watchRuns(
  { harness, timing }: FreshContext,
  target: StartedTarget,
  { runs, watchers, stalled, everyMs }: Extract<Measurement, { kind: "watch" }>,
): Promise<Measured> {
  const aim = harness.aimAt(target);
  const scenario = {
    kind: "paced",
    tokens: Math.ceil((BEFORE_MS + 2 * timing.settleMs + WATCHED_MS) / everyMs),
    everyMs,
  } as const;
  // The code of these paths is loaded by then, which is no watcher's memory.
  const first = { kind: "paced", tokens: 20, everyMs: 5 } as const;
  const touched = await harness.ask({ do: "begin", aim, runs: 8, scenario: first });
  await harness.ask({ do: "watch", aim, runs: touched.ids, count: 64, scenario: first, reads: true });
  await harness.ask({ do: "watched" });
  const blast = { kind: "blast", tokens: STALLED_TOKENS } as const;
  const { ids } = await harness.ask({ do: "begin", aim, runs: 1, scenario: blast });
  await harness.ask({ do: "watch", aim, runs: ids, count: 1, scenario: blast, reads: true });
  await harness.ask({ do: "watched" });
  const idle = rssKb(target.pid);
  const begun = await harness.ask({ do: "begin", aim, runs, scenario });
  await sleep(timing.settleMs);
  const before = rssKb(target.pid);
  const all = { do: "watch", aim, runs: begun.ids, scenario } as const;
  const { open } = await harness.ask({ ...all, count: watchers, reads: true });
  const [cpuFrom, from] = [cpuUs(target.pid), performance.now()];
  await sleep(timing.settleMs);
  const after = rssKb(target.pid);
  const kbStalled = stalled === 0 ? Number.NaN : await stallSome();
  const told = await harness.ask({ do: "watched" });
  const busy = (cpuUs(target.pid) - cpuFrom) / ((performance.now() - from) * 1000);
  const errors = open === watchers ? told.errors : [`${open} of ${watchers} watchers came`, ...told.errors];
  const { p50Ms, p99Ms, events, errorCount } = told;
  const metrics = {
    p50Ms,
    p99Ms,
    events,
    missing: errorCount + watchers - open,
    kbPerWatcher: (after - before) / open,
    kbPerRun: (before - idle) / runs,
    kbStalled,
    acceptP99Ms: begun.acceptP99Ms,
    busy,
  };
  return { metrics, errors, errorCount: errorCount + watchers - open };

  /** Memory for each of those that read nothing of a run that says much at once. */
  async function stallSome(): Promise<number> {
    const { ids } = await harness.ask({ do: "begin", aim, runs: 1, scenario: blast });
    await harness.ask({ ...all, runs: ids, count: stalled, scenario: blast, reads: false });
    await sleep(timing.settleMs);
    return (rssKb(target.pid) - after) / stalled;
  }
}
