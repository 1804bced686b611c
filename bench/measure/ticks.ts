import path from "node:path";
import { makeFolder, removeFolder, run } from "../processes.ts";
import type { Measurement } from "../row.ts";
import type { Measured } from "./measure.ts";

/** What a look at the clock takes with few jobs stored and with many, each in a process of its own. */
export async function measureTicks({
  few,
  many,
}: Extract<Measurement, { kind: "ticks" }>): Promise<Measured> {
  const fewUs = await ticksOf(few);
  const manyUs = await ticksOf(many);
  return { metrics: { fewUs, manyUs, ratio: manyUs / fewUs }, errors: [], errorCount: 0 };
}

async function ticksOf(jobs: number): Promise<number> {
  const folder = makeFolder("ticks");
  const printed = await run([path.join(import.meta.dirname, "..", "ticks.ts"), folder, String(jobs)]);
  removeFolder(folder);
  return Number(printed);
}
