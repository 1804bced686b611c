import type OpenAI from "openai";
import type { JsonObject } from "../../src/lib/json.ts";
import { type Block, blocksOf, type Piece, piecesOf, textOfBlock } from "./answer.ts";
import { isGate } from "./gate.ts";
import { type Answer, usageOf } from "./script.ts";
import type { Frame, StreamItem } from "./sse.ts";
import { type Call, CREATED_S, type Wire } from "./wire.ts";

type Chunk = OpenAI.ChatCompletionChunk;
type FinishReason = OpenAI.ChatCompletion.Choice["finish_reason"];
/** Reasoning is no part of OpenAI's types; DeepSeek, vLLM, llama.cpp (`reasoning_content`), OpenRouter and Ollama send it. */
type Reasoning = { reasoning_content?: string; reasoning?: string };
type Delta = OpenAI.ChatCompletionChunk.Choice.Delta & Reasoning;

/**
 * OpenAI's chat completions.
 * @see https://platform.openai.com/docs/api-reference/chat
 */
export const chatWire: Wire = { requestIdHeader: "x-request-id", body, events, failure, error, models };

function body(answer: Answer, call: Call): OpenAI.ChatCompletion & JsonObject {
  return {
    id: `chatcmpl-fake-${call.n}`,
    object: "chat.completion",
    created: CREATED_S,
    model: answer.model ?? call.model,
    choices: [
      { index: 0, message: messageOf(answer, call), logprobs: null, finish_reason: finishOf(answer) },
    ],
    ...usageFields(answer),
  };
}

function messageOf(answer: Answer, call: Call): OpenAI.ChatCompletionMessage & Reasoning {
  const blocks = blocksOf(answer);
  const reasoning = joined(blocks, "reasoning");
  const calls = blocks.flatMap((block) =>
    block.type === "call"
      ? [
          {
            id: block.id ?? callId(call, block.place),
            type: "function" as const,
            function: { name: block.name, arguments: textOfBlock(block) },
          },
        ]
      : [],
  );
  return {
    role: "assistant",
    content: joined(blocks, "text"),
    refusal: joined(blocks, "refusal"),
    ...(reasoning === null ? {} : { [answer.reasoningField ?? "reasoning_content"]: reasoning }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function joined(blocks: readonly Block[], type: "text" | "refusal" | "reasoning"): string | null {
  const texts = blocks.flatMap((block) => (block.type === type ? [textOfBlock(block)] : []));
  return texts.length === 0 ? null : texts.join("");
}

function events(answer: Answer, call: Call): StreamItem[] {
  const items: StreamItem[] = [firstChunk(answer, call)];
  for (const piece of piecesOf(answer)) {
    if (isGate(piece)) items.push(piece);
    else items.push(...chunksOf(piece, answer, call));
  }
  if (answer.failure !== undefined) {
    const data = answer.failure === true ? failure(call) : answer.failure;
    return [...items, { data: JSON.stringify(data) }];
  }
  if (answer.finish !== null) items.push(chunk(answer, call, {}, finishOf(answer)));
  if (call.includeUsage && answer.usage !== null) {
    items.push(frame({ ...base(answer, call), choices: [], ...usageFields(answer) }));
  }
  if (answer.done !== false) items.push({ data: "[DONE]" });
  return items;
}

function firstChunk(answer: Answer, call: Call): Frame {
  const hasText = blocksOf(answer).some((block) => block.type === "text");
  return chunk(answer, call, { role: "assistant", content: hasText ? "" : null, refusal: null });
}

function chunksOf(piece: Piece, answer: Answer, call: Call): Frame[] {
  const { block } = piece;
  if (block.type === "call") {
    const entry = callDelta(piece, block, call);
    return entry === undefined ? [] : [chunk(answer, call, { tool_calls: [entry] })];
  }
  if (piece.type !== "delta" || block.type === "redacted") return [];
  const field = {
    text: "content",
    refusal: "refusal",
    reasoning: answer.reasoningField ?? "reasoning_content",
  }[block.type];
  return [chunk(answer, call, { [field]: piece.text })];
}

function callDelta(
  piece: Piece,
  block: Extract<Block, { type: "call" }>,
  call: Call,
): OpenAI.ChatCompletionChunk.Choice.Delta.ToolCall | undefined {
  const index = block.place;
  if (piece.type === "delta") return { index, function: { arguments: piece.text } };
  if (piece.type === "end") return undefined;
  const id = block.id ?? callId(call, index);
  return { index, id, type: "function", function: { name: block.name, arguments: "" } };
}

function chunk(answer: Answer, call: Call, delta: Delta, finish: FinishReason | null = null): Frame {
  return frame({
    ...base(answer, call),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    // Only who asks for usage gets the field at all, null in all chunks but the last.
    ...(call.includeUsage ? { usage: null } : {}),
  });
}

function frame(data: Chunk): Frame {
  return { data: JSON.stringify(data) };
}

function base(answer: Answer, call: Call): Omit<Chunk, "choices"> {
  const model = answer.model ?? call.model;
  return { id: `chatcmpl-fake-${call.n}`, object: "chat.completion.chunk", created: CREATED_S, model };
}

function callId(call: Call, place: number): string {
  return `call_fake_${call.n}_${place}`;
}

/** The casts are the script's right to send what the protocol does not know. */
function finishOf(answer: Answer): FinishReason {
  if (answer.finish !== undefined) return answer.finish as FinishReason;
  return blocksOf(answer).some((block) => block.type === "call") ? "tool_calls" : "stop";
}

function usageFields(answer: Answer): { usage?: OpenAI.CompletionUsage } {
  if (answer.rawUsage !== undefined) return { usage: answer.rawUsage as OpenAI.CompletionUsage };
  if (answer.usage === null) return {};
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = usageOf(answer);
  const usage: OpenAI.CompletionUsage = {
    prompt_tokens: inputTokens,
    completion_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: reasoningTokens, audio_tokens: 0 },
  };
  return { usage };
}

function failure(call: Call): JsonObject {
  return error(500, call);
}

function error(status: number, call: Call): { error: OpenAI.ErrorObject } {
  const invalid = { type: "invalid_request_error", param: null, code: null };
  const server = { type: "server_error", param: null, code: null };
  const known: Record<number, OpenAI.ErrorObject> = {
    401: { ...invalid, message: "Incorrect API key provided: sk-fake.", code: "invalid_api_key" },
    404: { ...invalid, message: `The model \`${call.model}\` does not exist.`, code: "model_not_found" },
    429: {
      message: "Rate limit reached for requests.",
      type: "requests",
      param: null,
      code: "rate_limit_exceeded",
    },
    503: { ...server, message: "The engine is currently overloaded, please try again later." },
  };
  const other =
    status < 500
      ? { ...invalid, message: `Refused with status ${status}.` }
      : { ...server, message: "The server had an error while processing your request." };
  return { error: known[status] ?? other };
}

function models(ids: readonly string[]): { object: "list"; data: OpenAI.Model[] } {
  const data = ids.map((id) => ({
    id,
    object: "model" as const,
    created: CREATED_S,
    owned_by: "fake-upstream",
  }));
  return { object: "list", data };
}
