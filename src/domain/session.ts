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
});
export type Session = z.infer<typeof Session>;
