import type { ChatCompletion } from "openai/resources/chat/completions";
import type { Usage } from "../../domain/usage.ts";
import { isJsonObject, parseJsonObject } from "../../lib/json.ts";
import { errorFromAnswer, errorFromObject } from "../errors.ts";
import type { UpstreamAnswer } from "../http.ts";
import { type ModelItem, type ModelResult, ProviderError } from "../provider.ts";
import { PROTOCOL } from "./request.ts";

/** A message as servers really send it: any field may be missing or of another kind. */
type ReceivedMessage = Partial<ChatCompletion["choices"][number]["message"]> & {
  reasoning_content?: unknown;
  reasoning?: unknown;
};

/**
 * Reads an answer that was not streamed.
 * @throws ProviderError for an HTTP error, an error object, or an answer without a message.
 */
export function readAnswer(answer: UpstreamAnswer, model: string): ModelResult {
  if (answer.status >= 300) throw errorFromAnswer(answer.status, answer.headers, answer.body);
  const body = parseJsonObject(answer.body);
  if (body === undefined) throw new ProviderError("malformed", "The upstream's answer is not JSON.");
  if (body["error"] !== undefined && body["error"] !== null) throw errorFromObject(body["error"]);
  const choice: unknown = Array.isArray(body["choices"]) ? body["choices"][0] : undefined;
  if (!isJsonObject(choice) || !isJsonObject(choice["message"])) {
    throw new ProviderError("malformed", "The upstream's answer has no choices.");
  }
  const items = itemsOf(choice["message"] as ReceivedMessage, model);
  return { items, finish: finishOf(choice["finish_reason"], items), usage: usageOf(body["usage"]) };
}

function itemsOf(message: ReceivedMessage, model: string): ModelItem[] {
  const items: ModelItem[] = [];
  const reasoning = message.reasoning_content ?? message.reasoning;
  if (isText(reasoning)) {
    const summary = [{ type: "summary_text" as const, text: reasoning }];
    items.push({ type: "reasoning", summary, maker: { protocol: PROTOCOL, model } });
  }
  if (isText(message.content)) {
    items.push({
      type: "message",
      role: "assistant",
      content: [{ type: "output_text", text: message.content }],
    });
  }
  if (isText(message.refusal)) {
    items.push({
      type: "message",
      role: "assistant",
      content: [{ type: "refusal", refusal: message.refusal }],
    });
  }
  const calls: unknown[] = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  for (const call of calls) {
    if (!isJsonObject(call) || !isJsonObject(call["function"])) continue;
    const { name, arguments: args } = call["function"];
    items.push({ type: "function_call", name: isText(name) ? name : "", arguments: argumentsText(args) });
  }
  return items;
}

/** Whether there is something to say. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Call arguments as JSON text; some servers send an object instead. */
export function argumentsText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? {});
}

/**
 * What an upstream's finish reason means. An unknown one is taken for a normal stop, since the answer is complete.
 * @throws ProviderError when the reason says that the upstream failed.
 */
export function finishOf(reason: unknown, items: readonly ModelItem[]): ModelResult["finish"] {
  if (reason === "error") throw new ProviderError("server", "The upstream stopped with an error.");
  if (reason === "length" || reason === "max_tokens") return "length";
  if (reason === "content_filter") return "content_filter";
  return items.some((item) => item.type === "function_call") ? "tool_calls" : "stop";
}

/** Reads a usage object; what is missing or no sensible number counts as 0. */
export function usageOf(value: unknown): Usage {
  const usage = isJsonObject(value) ? value : {};
  const detail = (group: string, key: string) => {
    const details = usage[group];
    return isJsonObject(details) ? details[key] : undefined;
  };
  return {
    inputTokens: count(usage["prompt_tokens"]),
    outputTokens: count(usage["completion_tokens"]),
    cachedTokens: count(detail("prompt_tokens_details", "cached_tokens")),
    reasoningTokens: count(detail("completion_tokens_details", "reasoning_tokens")),
  };
}

function count(value: unknown): number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value) ? Math.floor(value) : 0;
}
