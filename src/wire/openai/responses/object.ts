import type { Failure } from "../../../domain/error.ts";
import { errorType } from "../../../domain/error-codes.ts";
import type { CompletionReason } from "../../../domain/event.ts";
import { responseId } from "../../../domain/id.ts";
import type { Run } from "../../../domain/run.ts";
import type { Usage } from "../../../domain/usage.ts";
import type { OutputItem } from "./output.ts";

/** How far a response is. */
export type Outcome =
  | { status: "queued" | "in_progress" }
  | { status: "completed"; reason: CompletionReason; at: number; usage: Usage }
  | { status: "failed"; failure: Failure; at: number; usage: Usage }
  | { status: "cancelled"; at: number; usage: Usage };

const DEFAULTS = {
  instructions: null,
  tools: [],
  tool_choice: "auto",
  truncation: "disabled",
  parallel_tool_calls: true,
  text: { format: { type: "text" } },
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  top_logprobs: 0,
  temperature: 1,
  reasoning: null,
  max_output_tokens: null,
  max_tool_calls: null,
  store: true,
  background: false,
  service_tier: "default",
  metadata: {},
  safety_identifier: null,
  prompt_cache_key: null,
  user: null,
  conversation: null,
};

/**
 * The response object, with every key that any client demands.
 * @see https://www.openresponses.org
 */
export function responseObject(run: Run, outcome: Outcome, output: readonly OutputItem[]) {
  const status = responseStatus(outcome);
  const { tool_items: _form, sealed: _sealed, ...echo } = run.echo ?? {};
  return {
    id: responseId(run.id),
    object: "response",
    created_at: Math.floor(run.createdAt / 1000),
    completed_at: status === "completed" && "at" in outcome ? Math.floor(outcome.at / 1000) : null,
    status,
    incomplete_details: incompleteDetails(outcome),
    model: run.model.asked,
    previous_response_id:
      run.parent === undefined || run.sessionId !== undefined
        ? null
        : responseId(run.parent.runId as Run["id"]),
    output,
    error: outcome.status === "failed" ? responseError(outcome.failure) : null,
    ...DEFAULTS,
    ...echo,
    usage: "at" in outcome ? responseUsage(outcome.usage) : null,
    hermes: { run_id: run.id, model: run.model.served, provider: run.model.provider },
  };
}

/** OpenAI has no word for a step limit; ours is told where it tells its own. */
function incompleteDetails(outcome: Outcome): { reason: string } | null {
  if (outcome.status !== "completed") return null;
  switch (outcome.reason) {
    case "length":
      return { reason: "max_output_tokens" };
    case "content_filter":
    case "max_steps":
      return { reason: outcome.reason };
    case "stop":
    case "tool_calls":
      return null;
  }
}

/** The word for how far a response is. */
export function responseStatus(outcome: Outcome): string {
  return incompleteDetails(outcome) === null ? outcome.status : "incomplete";
}

/** A failure inside a response; the AI SDK wants the type beside OpenAI's code and message. */
function responseError({ code, message }: Failure): {
  type: string;
  code: string;
  message: string;
} {
  return { type: errorType(code), code, message };
}

/** Tokens as a response counts them. */
export function responseUsage({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) {
  return {
    input_tokens: inputTokens,
    input_tokens_details: { cached_tokens: cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: inputTokens + outputTokens,
  };
}
