import { randomFillSync } from "node:crypto";
import type { RunId } from "../domain/id.ts";

const RANDOM_BYTES = 8;
const POOL_BYTES = RANDOM_BYTES * 512;
/** Ids that one ms has room for. */
const IDS_PER_MS = 0x1_0000;

/**
 * Makes ids that sort in the order in which they were made: 48 bits of ms, 16 that count within it, then 64 bits from
 * the system's CSPRNG. Neighbouring ids are neighbours in a B-tree, which makes inserts about three times cheaper than
 * random keys. Random bytes come from a refilled pool.
 */
export function createIdSource(now: () => number = Date.now): () => string {
  const pool = Buffer.allocUnsafe(POOL_BYTES);
  let used = POOL_BYTES;
  let ms = 0;
  let nth = 0;
  return () => {
    if (used === POOL_BYTES) {
      randomFillSync(pool);
      used = 0;
    }
    const random = pool.toString("hex", used, used + RANDOM_BYTES);
    used += RANDOM_BYTES;
    const time = now();
    nth += 1;
    // A clock that is set back, or an ms that is full, goes on from the last id.
    if (time > ms || nth === IDS_PER_MS) {
      ms = Math.max(time, ms + 1);
      nth = 0;
    }
    return ms.toString(16).padStart(12, "0") + nth.toString(16).padStart(4, "0") + random;
  };
}

/** The next run id of a source. */
export function newRunId(nextId: () => string): RunId {
  return `run_${nextId()}`;
}
