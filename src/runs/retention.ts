import type { RunInput } from "../domain/run.ts";

/** How long an idempotency key stands for its run, ms. */
export const KEY_RETENTION_MS = 24 * 60 * 60 * 1000;

/** How long a chat without a session is kept, ms: long enough to look at it, and for a client to send its results. */
export const STATELESS_RETENTION_MS = 24 * 60 * 60 * 1000;

/** How long what is stored stays where it is not deleted before; ms, 0 for ever. */
export interface Retention {
  responsesMs: number;
  runsMs: number;
}

/**
 * When a run may be swept, epoch ms; undefined for one that stays until it is deleted. What a kept run goes on from
 * stays with it all the same.
 */
export function computeExpiry(
  { policy, sessionId, store }: RunInput,
  createdAt: number,
  { responsesMs, runsMs }: Retention,
): number | undefined {
  // Only an idempotency key leads to it.
  if (store === false) return createdAt + KEY_RETENTION_MS;
  if (sessionId !== undefined) return undefined;
  if (policy.retention === "stateless") return createdAt + STATELESS_RETENTION_MS;
  const keptMs = policy.retention === "responses" ? responsesMs : runsMs;
  return keptMs > 0 ? createdAt + keptMs : undefined;
}
