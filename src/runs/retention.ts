import type { RunInput } from "../domain/run.ts";

/** How long a chat without a session is kept, ms: long enough to look at it, and for a client to send its results. */
export const STATELESS_RETENTION_MS = 24 * 60 * 60 * 1000;

/** How long what is stored stays where it is not deleted before; ms, 0 for ever. */
export interface Retention {
  responsesMs: number;
}

/**
 * When a run may be swept, epoch ms; undefined for one that stays until it is deleted. What a kept run goes on from
 * stays with it all the same.
 */
export function expiryOf(
  { surface, sessionId }: RunInput,
  createdAt: number,
  { responsesMs }: Retention,
): number | undefined {
  if (sessionId !== undefined) return undefined;
  if (surface === "chat") return createdAt + STATELESS_RETENTION_MS;
  return surface === "responses" && responsesMs > 0 ? createdAt + responsesMs : undefined;
}
