import type { Limits } from "../agent/limits.ts";
import type { Prompts } from "../context/prompt-cache.ts";
import type { RunId } from "../domain/id.ts";
import type { EventLog } from "../eventlog/event-log.ts";
import type { Clock } from "../lib/clock.ts";
import type { Models } from "../providers/resolve.ts";
import type { Sessions } from "../sessions/service.ts";
import type { Store } from "../storage/store.ts";
import type { ToolCatalog } from "../tools/catalog.ts";
import type { Retention } from "./retention.ts";

/** What runs need. */
export interface RunDeps {
  store: Store;
  log: EventLog;
  sessions: Sessions;
  models: Models;
  prompts: Prompts;
  tools: ToolCatalog;
  limits: Limits;
  /** Whether to stream from the model: when somebody reads deltas, always, or never. */
  upstreamStream: "auto" | "always" | "never";
  /** The kind of error for a previous response that does not exist. */
  previousNotFound: "invalid" | "missing";
  /** Longest tool output in the history of a later run, characters; 0 for no limit. */
  historyOutputChars: number;
  /** Text that is added to every request's own system prompt. */
  ephemeralPrompt: string | undefined;
  /** How long a run waits for a person's answer, ms. */
  approvalTimeoutMs: number;
  retention: Retention;
  clock: Clock;
  nextId(): string;
  /** Receives internal errors, which clients do not see. */
  onFault(error: unknown, run: RunId): void;
}
