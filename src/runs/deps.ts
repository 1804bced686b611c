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

/** What runs are made of. */
export interface RunDeps {
  store: Store;
  log: EventLog;
  sessions: Sessions;
  models: Models;
  prompts: Prompts;
  tools: ToolCatalog;
  limits: Limits;
  /** Whether to ask upstream for a stream: when somebody reads deltas, always, or never. */
  upstreamStream: "auto" | "always" | "never";
  /** How a request is answered that goes on from a response that is not there. */
  previousNotFound: "invalid" | "missing";
  /** Longest tool output in the history of a later run, characters; 0 for no limit. */
  historyOutputChars: number;
  /** Text after every request's own system prompt. */
  ephemeralPrompt: string | undefined;
  /** How long a question to a person may wait for its answer. */
  approvalTimeoutMs: number;
  retention: Retention;
  clock: Clock;
  nextId(): string;
  /** Gets what went wrong inside, which no client is told. */
  onFault(error: unknown, run: RunId): void;
}
