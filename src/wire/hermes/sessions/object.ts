import type { ModelLock, SessionEntry } from "../../../domain/session.ts";
import { withoutNulls } from "../../../lib/json.ts";
import type { SessionObject } from "./schema.ts";

/** A session as hermes clients read it; times are unix seconds. Neither its system prompt nor its model's options show. */
export function sessionObject(entry: SessionEntry): SessionObject {
  const { tally } = entry;
  return {
    id: entry.id,
    source: entry.source,
    started_at: entry.createdAt / 1000,
    last_active: entry.activeAt / 1000,
    ...withoutNulls({
      model: entry.lock?.model ?? tally.model,
      title: entry.title,
      preview: entry.preview,
      end_reason: entry.endReason,
      ended_at: entry.endedAt === undefined ? undefined : entry.endedAt / 1000,
      parent_session_id: entry.parentId,
      _lineage_root_id: entry.rootId,
    }),
    message_count: tally.messages,
    tool_call_count: tally.toolCalls,
    api_call_count: tally.modelCalls,
    input_tokens: tally.usage.inputTokens,
    output_tokens: tally.usage.outputTokens,
    cache_read_tokens: tally.usage.cachedTokens,
    reasoning_tokens: tally.usage.reasoningTokens,
    pinned: entry.pinned,
    archived: entry.archived,
    hidden: entry.hidden,
    has_system_prompt: entry.hasInstructions,
    has_model_config: entry.lock !== undefined,
  };
}

/** What decides which model a session's turn is done with. */
interface RuntimeTerms {
  provider: string;
  /** The model that is asked. */
  model: string;
  /** What the request named. */
  requested?: string | undefined;
  lock: ModelLock | undefined;
}

/** The model of a session's turns, and who chose it. */
export function sessionRuntime({ provider, model, requested, lock }: RuntimeTerms) {
  const chosen = requested === undefined ? "default" : "request";
  return {
    provider,
    model,
    route_source: lock === undefined ? chosen : "session_lock",
    ...(requested !== undefined && { requested }),
    ...(lock !== undefined && {
      model_lock: withoutNulls({ model: lock.model, provider: lock.provider }),
    }),
  };
}
