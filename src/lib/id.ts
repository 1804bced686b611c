import { randomFillSync } from "node:crypto";
import type { RunId } from "../domain/id.ts";

const RANDOM_BYTES = 10;
const POOL_BYTES = RANDOM_BYTES * 512;

/**
 * Makes time-ordered ids: 48 bits of ms, then 80 bits from the system's CSPRNG. Neighbouring ids are neighbours in
 * a B-tree, which makes inserts about three times cheaper than random keys. Random bytes come from a refilled pool.
 */
export function createIdSource(now: () => number = Date.now): () => string {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let used = POOL_BYTES;
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const random = pool.toString("hex", used, used + RANDOM_BYTES);
    used += RANDOM_BYTES;
    return now().toString(16).padStart(12, "0") + random;
  };
}

/** The next run id of a source. */
export function newRunId(nextId: () => string): RunId {
  return `run_${nextId()}`;
}
