import { createHash } from "node:crypto";

const ROUNDS = 4_000;
const BLOCK = Buffer.alloc(8_192, "x");

/** What the work below takes on a quiet machine, in milliseconds. */
const NOMINAL_MS = 30;

/** Beyond this a limit would only say that something hangs much later. */
const MAX_SLOWNESS = 8;

/** How many times as long as on a quiet machine work takes here and now: from 1 to MAX_SLOWNESS. Measured once per worker. */
export const SLOWNESS = Math.min(MAX_SLOWNESS, Math.max(1, measureMs() / NOMINAL_MS));

function measureMs(): number {
  const start = performance.now();
  const hash = createHash("sha256");
  for (let round = 0; round < ROUNDS; round++) hash.update(BLOCK);
  hash.digest();
  return performance.now() - start;
}
