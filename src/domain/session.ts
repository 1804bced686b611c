import { z } from "zod";

/** The core prompt as it was when a session began; it never changes afterwards, so the upstream's cache keeps it. */
export const PromptSnapshot = z.object({
  text: z.string(),
  /** SHA-256 of the text, hex. */
  hash: z.string(),
});
export type PromptSnapshot = z.infer<typeof PromptSnapshot>;

/** Ordered runs that share one transcript and one prompt snapshot. */
export const Session = z.object({
  id: z.string(),
  owner: z.string(),
  /** Epoch ms. */
  createdAt: z.number(),
  prompt: PromptSnapshot,
  /** The latest run; the transcript ends with it. */
  headRun: z.string().exactOptional(),
  /** What its client wrote on it. */
  metadata: z.record(z.string(), z.string()).exactOptional(),
});
export type Session = z.infer<typeof Session>;

const GIVEN = "conv_";

/** The id of a session that a client asks for without naming it. */
export function newSessionId(nextId: () => string): string {
  return GIVEN + nextId();
}

/** Whether only this server gives out ids of this form: a session that is named so exists, or is unknown. */
export function isGivenId(id: string): boolean {
  return id.startsWith(GIVEN);
}
