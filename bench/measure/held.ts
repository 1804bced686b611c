import { setTimeout as sleep } from "node:timers/promises";
import { openFilesLimit } from "../machine.ts";
import { rssKb } from "../proc.ts";
import type { Measurement } from "../row.ts";
import type { StartedTarget } from "../targets.ts";
import type { FreshContext, Measured } from "./measure.ts";

/** Files that a target has open beside its streams. */
const FILES_BESIDE = 200;
const TOUCH_MS = 300;
/** How long a vanished client's upstream stream may live before it counts as left. */
const LEFT_AFTER_MS = 2_000;

/** How many streams this machine lets one process hold; each takes a socket to the client and one to the upstream. */
export function holdable(streams: number): number {
  return Math.min(streams, Math.floor((openFilesLimit() - FILES_BESIDE) / 2));
}

/** Memory that silent streams take in a new process, and how soon the upstream is free when all clients vanish. */
export async function measureHeld(
  context: FreshContext,
  measurement: Extract<Measurement, { kind: "held" }>,
): Promise<Measured> {
  const target = await context.startTarget();
  let measured: Measured | undefined;
  try {
    measured = await holdAndVanish(context, target, holdable(measurement.streams));
  } finally {
    const faults = await target.stop();
    if (measured !== undefined) {
      measured.errors.push(...faults);
      measured.errorCount += faults.length;
    }
  }
  return measured;
}

async function holdAndVanish(
  context: FreshContext,
  target: StartedTarget,
  streams: number,
): Promise<Measured> {
  const { harness, timing } = context;
  const aim = harness.aimAt(target);
  const idle = rssKb(target.pid);
  // A moment of streamed turns: the code of that path is loaded and the young heap has its size, which is no stream's.
  const touch = {
    scenario: { kind: "first" },
    stream: true,
    connections: 8,
    rampMs: 0,
    windowMs: TOUCH_MS,
  } as const;
  const first = await harness.ask({ do: "loop", aim, ...touch });
  await sleep(timing.settleMs);
  const before = rssKb(target.pid);
  const held = await harness.ask({ do: "hold", aim, streams });
  await sleep(timing.settleMs);
  const after = rssKb(target.pid);
  const { atNs } = await harness.ask({ do: "vanish" });
  const free = await upstreamFree(context, atNs);
  return {
    metrics: { kbPerStream: (after - before) / held.open, kbFromIdle: (after - idle) / held.open, ...free },
    errors: [...first.errors, ...held.errors],
    errorCount: first.errorCount + held.errorCount,
  };
}

async function upstreamFree(
  { harness }: FreshContext,
  atNs: number,
): Promise<{ freeMs: number; streamsLeft: number }> {
  const until = performance.now() + LEFT_AFTER_MS;
  let counters = await harness.upstreamCounters();
  while (counters.streams > 0 && performance.now() < until) {
    await sleep(20);
    counters = await harness.upstreamCounters();
  }
  const freeMs = counters.streams > 0 ? Number.POSITIVE_INFINITY : (counters.streamsGoneAtNs - atNs) / 1e6;
  return { freeMs, streamsLeft: counters.streams };
}
