import type { AgentEvent, CompletionReason } from "../../../domain/event.ts";
import type { Run } from "../../../domain/run.ts";
import { unusedSteers } from "../../../domain/steers.ts";
import type { Usage } from "../../../domain/usage.ts";

/** What people put in that the model never read, for whoever wants to send it again. */
export function pendingSteer(events: readonly AgentEvent[]): { pending_steer?: string } {
  const unused = unusedSteers(events);
  return unused.length === 0 ? {} : { pending_steer: unused.join("\n\n") };
}

/** The model that serves a run. */
export function describeRuntime({ model }: Run): { provider: string; model: string; requested: string } {
  return { provider: model.provider, model: model.served, requested: model.asked };
}

/** Usage under the names that hermes clients read. */
export function printedUsage({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) {
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    cache_read_tokens: cachedTokens,
    reasoning_tokens: reasoningTokens,
  };
}

/** How a completed run ended, in the words of the reference. */
export function completion(reason: CompletionReason) {
  const completed = reason === "stop" || reason === "tool_calls";
  return { completed, partial: !completed, interrupted: false, turn_exit_reason: reason };
}
