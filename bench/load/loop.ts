import { setTimeout as sleep } from "node:timers/promises";
import type { LoopJob, PacedJob, Window } from "./jobs.ts";
import { Meter } from "./meter.ts";
import { requestBytes, Turn } from "./turn.ts";

/** How long turns that run at the end of a window may take before each of them is an error. */
const DRAIN_MS = 8_000;
/** A connection that failed waits, so that a target that is gone does not become a busy loop. */
const RETRY_MS = 50;

async function drained(turns: ReadonlySet<Turn>, meter: Meter): Promise<void> {
  const until = performance.now() + DRAIN_MS;
  while (performance.now() < until && [...turns].some((turn) => turn.running)) await sleep(5);
  for (const turn of turns) {
    if (turn.running) meter.error("no end of the answer in time");
    turn.close();
  }
}

/** Each connection asks again as soon as it has its answer. */
export async function runLoop(job: LoopJob): Promise<Window> {
  const meter = new Meter(job.aim);
  const turns = new Set<Turn>();
  const request = requestBytes(job.aim, job.scenario, job.stream);
  let stopped = false;

  const connectOne = (): void => {
    const turn = new Turn({ ...job, request, events });
    turns.add(turn);
    turn.start();
  };
  const events = {
    firstToken: (turn: Turn) => meter.firstToken(performance.now() - turn.startedAt),
    tokens: (count: number) => meter.tokens(count),
    ended: (turn: Turn, fault: string | undefined) => {
      if (fault === undefined) meter.turn(performance.now() - turn.startedAt);
      else meter.error(fault);
      if (!turn.broken) {
        if (!stopped) turn.start();
        return;
      }
      turns.delete(turn);
      setTimeout(() => {
        if (!stopped) connectOne();
      }, RETRY_MS);
    },
  };

  for (let i = 0; i < job.connections; i += 1) connectOne();
  await sleep(job.rampMs);
  meter.open();
  await sleep(job.windowMs);
  meter.close();
  stopped = true;
  await drained(turns, meter);
  return meter.window();
}

/** Streams at a steady pace: all begin before the window and end by themselves after it. */
export async function runPaced(job: PacedJob): Promise<Window> {
  const meter = new Meter(job.aim);
  const turns = new Set<Turn>();
  // Long enough for the window and the spread of the starts, so that only tokens fall into the window.
  const tokens = Math.ceil((job.rampMs + job.windowMs + 200) / job.everyMs);
  const scenario = { kind: "paced", tokens, everyMs: job.everyMs } as const;
  const request = requestBytes(job.aim, scenario, true);
  const events = {
    tokens: (count: number) => meter.tokens(count),
    ended: (turn: Turn, fault: string | undefined) => {
      if (fault === undefined) meter.turn(performance.now() - turn.startedAt);
      else meter.error(fault);
    },
  };
  const startedAt = performance.now();
  for (let i = 0; i < job.streams; i += 1) {
    const turn = new Turn({ aim: job.aim, scenario, stream: true, request, events });
    turns.add(turn);
    turn.start();
    // Starts are spread so that tokens of different streams seldom share a tick, as with real models.
    if (i % 8 === 7) await sleep(3);
  }
  await sleep(Math.max(0, job.rampMs - (performance.now() - startedAt)));
  meter.open();
  await sleep(job.windowMs);
  meter.close();
  await drained(turns, meter);
  return meter.window();
}
