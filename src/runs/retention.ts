import type { RunInput } from "../domain/run.ts";

/** How long an idempotency key stands for its run, ms. */
export const KEY_RETENTION_MS = 24 * 60 * 60 * 1000;

/** How long a chat without a session is kept, ms: enough to inspect it and for a client to send its tool results. */
export const STATELESS_RETENTION_MS = 24 * 60 * 60 * 1000;

/** How long runs are kept unless they are deleted earlier; ms, 0 for ever. */
export interface Retention {
  responsesMs: number;
  runsMs: number;
}

/**
 * Returns when a run may be removed, epoch ms; undefined for a run that stays until it is deleted. A run that a kept
 * run continues stays with it.
 */
export function computeExpiry(
  { policy, sessionId, store }: RunInput,
  createdAt: number,
  { responsesMs, runsMs }: Retention,
): number | undefined {
  // Only its idempotency key leads to the run.
  if (store === false) return createdAt + KEY_RETENTION_MS;
  if (sessionId !== undefined) return undefined;
  if (policy.retention === "stateless") return createdAt + STATELESS_RETENTION_MS;
  const keptMs = policy.retention === "responses" ? responsesMs : runsMs;
  return keptMs > 0 ? createdAt + keptMs : undefined;
}
