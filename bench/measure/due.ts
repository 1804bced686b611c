import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../processes.ts";
import type { Measurement } from "../row.ts";
import { percentile } from "../stats.ts";
import { makeScratch, removeScratch, type Target } from "../targets.ts";
import type { FreshContext, Measured } from "./measure.ts";

/** For seeding, the start and what is asked before anything is due. */
const SEED_MS_PER_JOB = 0.5;
const BEFORE_MS = 8_000;
const PROBE_EVERY_MS = 5;
const PROBES_A_LOOK = 50;

/** Jobs that are all due in one second: how late they start, and what requests beside them take. */
export async function measureDue(
  { startTarget }: FreshContext,
  { jobs, running, modelMs }: Extract<Measurement, { kind: "due" }>,
): Promise<Measured> {
  const scratch = makeScratch("due");
  const dueAt = Math.ceil((Date.now() + jobs * SEED_MS_PER_JOB + BEFORE_MS) / 1000) * 1000;
  const seed = JSON.stringify({ jobs, dueAt, modelMs });
  const id = await run([path.join(import.meta.dirname, "..", "seed-jobs.ts"), scratch.home, seed]);
  const target = await startTarget({ scratch });
  try {
    await probe(target, id, async () => Date.now() > dueAt - BEFORE_MS / 2);
    const alone = await probe(target, id, async () => Date.now() >= dueAt);
    let told = await countsOf(target);
    const beside = await probe(target, id, async () => {
      told = await countsOf(target);
      return told.completed + told.failed >= jobs;
    });
    const allMs = Date.now() - dueAt;
    const lagMs = told.start_lag_ms.max;
    const metrics = {
      lagRatio: lagMs / ((jobs / running) * modelMs),
      lagMs,
      perSecond: jobs / (allMs / 1000),
      apiRatio: beside / alone,
      lost: jobs - told.completed,
    };
    const errors = told.completed === jobs ? [] : [`${told.completed} of ${jobs} jobs were done`];
    return { metrics, errors, errorCount: errors.length };
  } finally {
    await target.stop();
    removeScratch(scratch);
  }
}

interface Counts {
  completed: number;
  failed: number;
  start_lag_ms: { max: number };
}

async function countsOf(target: Target): Promise<Counts> {
  const body = (await ask(target, "/health/detailed")) as {
    readiness: { checks: { scheduler: Counts } };
  };
  return body.readiness.checks.scheduler;
}

/** Reads a job again and again until it is over; the 99th percentile of the answers' times, ms. */
async function probe(target: Target, id: string, isOver: () => Promise<boolean>): Promise<number> {
  const times: number[] = [];
  for (let n = 0; n % PROBES_A_LOOK !== 0 || !(await isOver()); n += 1) {
    const began = performance.now();
    await ask(target, `/v1/jobs/${id}`);
    times.push(performance.now() - began);
    await sleep(PROBE_EVERY_MS);
  }
  return percentile(
    times.toSorted((a, b) => a - b),
    0.99,
  );
}

async function ask({ port, key }: Target, url: string): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}${url}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return response.json();
}
