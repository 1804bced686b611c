import type { RunInput } from "../domain/run.ts";

/** How long a chat without a session is kept, ms: long enough to look at it, and for a client to send its results. */
export const STATELESS_RETENTION_MS = 24 * 60 * 60 * 1000;

/** When a run may be swept, epoch ms; undefined for one that stays until it is deleted. */
export function expiryOf({ surface, sessionId }: RunInput, createdAt: number): number | undefined {
  return surface === "chat" && sessionId === undefined ? createdAt + STATELESS_RETENTION_MS : undefined;
}
