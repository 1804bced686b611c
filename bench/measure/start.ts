import { setTimeout as sleep } from "node:timers/promises";
import { rssKb } from "../proc.ts";
import { median } from "../stats.ts";
import { makeScratch, removeScratch } from "../targets.ts";
import type { FreshContext, Measured } from "./measure.ts";

/** From the making of the process to its first healthy answer, in a new home and again; then what it takes at rest. */
export async function measureStart(context: FreshContext): Promise<Measured> {
  const scratch = makeScratch("start");
  const times: number[] = [];
  const errors: string[] = [];
  let idleMb = Number.NaN;
  for (let i = 0; i <= context.timing.warmStarts; i += 1) {
    const target = await context.startTarget({ scratch });
    times.push(target.startMs);
    if (i === context.timing.warmStarts) {
      await sleep(context.timing.settleMs);
      idleMb = rssKb(target.pid) / 1024;
    }
    errors.push(...(await target.stop()));
  }
  removeScratch(scratch);
  const [coldMs = Number.NaN, ...warm] = times;
  return { metrics: { coldMs, warmMs: median(warm), idleMb }, errors, errorCount: errors.length };
}
