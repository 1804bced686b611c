import { z } from "zod";
import { ModelSettings } from "./run.ts";
import type { Usage } from "./usage.ts";

/** The core prompt as it was when a session began; it never changes afterwards, so the upstream's cache keeps it. */
export const PromptSnapshot = z.object({
  text: z.string(),
  /** SHA-256 of the text, hex. */
  hash: z.string(),
});
export type PromptSnapshot = z.infer<typeof PromptSnapshot>;

/** The model that a session's turns are done with, whatever model their requests name. */
export const ModelLock = z.object({
  model: z.string().exactOptional(),
  provider: z.string().exactOptional(),
  /** For turns whose requests do not set them. */
  settings: ModelSettings.pick({ reasoningEffort: true, serviceTier: true }).exactOptional(),
});
export type ModelLock = z.infer<typeof ModelLock>;

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
  /** The frontend's own system text for each of its turns, after the core prompt. */
  instructions: z.string().exactOptional(),
  lock: ModelLock.exactOptional(),
});
export type Session = z.infer<typeof Session>;

/** What a person sees of a session and may change; times are epoch ms. */
interface SessionNotes {
  /** Unique among its owner's. */
  title: string | undefined;
  /** Why no more was expected of it, and since when; the next turn takes it back. */
  endReason: string | undefined;
  endedAt: number | undefined;
  pinned: boolean;
  archived: boolean;
  /** In no list. */
  hidden: boolean;
  unread: boolean;
}

/** What changes of a session; null takes a thing away. */
export interface SessionChanges extends Partial<Omit<SessionNotes, "title" | "endReason" | "endedAt">> {
  title?: string | null | undefined;
  /** Why it ends, now. */
  endReason?: string | null | undefined;
  lock?: ModelLock | null | undefined;
  metadata?: Record<string, string> | undefined;
}

/** What a session has come to so far. */
export interface SessionTally {
  /** Messages as a chat has them: a step's words and calls are one, each result is one. */
  messages: number;
  toolCalls: number;
  modelCalls: number;
  usage: Usage;
  /** The model that served its latest run; undefined before the first. */
  model: string | undefined;
  /** When its latest run ended, or the session began; epoch ms. */
  endedAt: number;
}

/** A session in a list. */
export interface SessionEntry extends SessionNotes {
  id: string;
  createdAt: number;
  /** Which program made it. */
  source: string;
  /** When its latest run began or ended, epoch ms. */
  activeAt: number;
  /** How its first question begins. */
  preview: string | undefined;
  /** The session that it was forked from, and the one where that began. */
  parentId: string | undefined;
  rootId: string | undefined;
  hasInstructions: boolean;
  lock: ModelLock | undefined;
  tally: SessionTally;
}

/** Where a session comes from that nobody says anything about. */
export const DEFAULT_SOURCE = "api_server";

const GIVEN = "conv_";

/** The id of a session that a client asks for without naming it. */
export function newSessionId(nextId: () => string): string {
  return GIVEN + nextId();
}

/** Whether only this server gives out ids of this form: a session that is named so exists, or is unknown. */
export function isGivenId(id: string): boolean {
  return id.startsWith(GIVEN);
}
