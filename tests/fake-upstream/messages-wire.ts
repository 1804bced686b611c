import type Anthropic from "@anthropic-ai/sdk";
import type { JsonObject } from "../../src/lib/json.ts";
import { type Block, blocksOf, type Piece, piecesOf, textOfBlock } from "./answer.ts";
import { isGate } from "./gate.ts";
import { type Answer, usageOf } from "./script.ts";
import type { Frame, StreamItem } from "./sse.ts";
import { type Call, CREATED_S, type Wire } from "./wire.ts";

type Event = Anthropic.RawMessageStreamEvent;
type StartedBlock = Anthropic.RawContentBlockStartEvent["content_block"];

const STOP_REASONS: Record<string, Anthropic.StopReason> = {
  stop: "end_turn",
  length: "max_tokens",
  tool_calls: "tool_use",
  content_filter: "refusal",
};

/**
 * Anthropic's messages.
 * @see https://docs.anthropic.com/en/api/messages-streaming
 */
export const messagesWire: Wire = { requestIdHeader: "request-id", body, events, failure, error, models };

function body(answer: Answer, call: Call): Anthropic.Message & JsonObject {
  return {
    ...base(answer, call),
    content: blocksOf(answer).map((block) => wholeBlock(block, call)),
    stop_reason: stopOf(answer),
    ...usageField(usageBody(answer), answer),
  };
}

function events(answer: Answer, call: Call): StreamItem[] {
  const items: StreamItem[] = [startEvent(answer, call)];
  const pieces = piecesOf(answer);
  const firstBlock = pieces.findIndex((piece) => !isGate(piece));
  pieces.forEach((piece, n) => {
    if (isGate(piece)) items.push(piece);
    else items.push(...blockEvents(piece, call));
    // The real service pings here.
    if (n === firstBlock) items.push({ event: "ping", data: '{"type":"ping"}' });
  });
  if (answer.failure !== undefined) {
    const data = answer.failure === true ? failure(call) : answer.failure;
    return [...items, { event: "error", data: JSON.stringify(data) }];
  }
  if (answer.finish !== null) items.push(deltaEvent(answer));
  if (answer.done !== false) items.push(frame({ type: "message_stop" }));
  return items;
}

function base(answer: Answer, call: Call): Anthropic.Message {
  return {
    id: `msg_fake_${call.n}`,
    type: "message",
    role: "assistant",
    model: answer.model ?? call.model,
    content: [],
    container: null,
    diagnostics: null,
    stop_reason: null,
    stop_sequence: null,
    stop_details: null,
    usage: usageBody(answer),
  };
}

function startEvent(answer: Answer, call: Call): Frame {
  // At the start the output is not known yet; the service says 1.
  const usage = { ...usageBody(answer), output_tokens: 1, output_tokens_details: null };
  const message: Anthropic.Message = { ...base(answer, call), ...usageField(usage, answer) };
  return frame({ type: "message_start", message });
}

function deltaEvent(answer: Answer): Frame {
  const { input_tokens, output_tokens, cache_read_input_tokens, output_tokens_details } = usageBody(answer);
  const usage: Anthropic.MessageDeltaUsage = {
    input_tokens,
    output_tokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens,
    output_tokens_details,
    server_tool_use: null,
  };
  const delta = { stop_reason: stopOf(answer), stop_sequence: null, stop_details: null, container: null };
  return frame({ type: "message_delta", delta, ...usageField(usage, answer) });
}

function blockEvents(piece: Piece, call: Call): Frame[] {
  const { index, block } = piece;
  if (piece.type === "begin") {
    return [frame({ type: "content_block_start", index, content_block: emptyBlock(block, call) })];
  }
  if (piece.type === "delta") {
    return [frame({ type: "content_block_delta", index, delta: blockDelta(block, piece.text) })];
  }
  const stop = frame({ type: "content_block_stop", index });
  if (block.type !== "reasoning" || block.signature === undefined) return [stop];
  const delta = { type: "signature_delta" as const, signature: block.signature };
  return [frame({ type: "content_block_delta", index, delta }), stop];
}

function blockDelta(block: Block, text: string): Anthropic.RawContentBlockDelta {
  if (block.type === "call") return { type: "input_json_delta", partial_json: text };
  if (block.type === "reasoning") return { type: "thinking_delta", thinking: text };
  return { type: "text_delta", text };
}

function emptyBlock(block: Block, call: Call): StartedBlock {
  switch (block.type) {
    case "reasoning":
      return { type: "thinking", thinking: "", signature: "" };
    case "redacted":
      return { type: "redacted_thinking", data: block.data };
    case "call": {
      const id = block.id ?? `toolu_fake_${call.n}_${block.place}`;
      return { type: "tool_use", id, name: block.name, input: {}, caller: { type: "direct" } };
    }
    default:
      return { type: "text", text: "", citations: null };
  }
}

function wholeBlock(block: Block, call: Call): Anthropic.ContentBlock {
  const empty = emptyBlock(block, call);
  if (block.type === "redacted") return empty;
  const text = textOfBlock(block);
  if (empty.type === "tool_use") return { ...empty, input: inputOf(text) };
  if (empty.type !== "thinking") return { type: "text", text, citations: null };
  return { ...empty, thinking: text, signature: (block.type === "reasoning" && block.signature) || "" };
}

/** Here arguments are an object: invalid JSON can only travel as a string. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The cast is the script's right to send what the protocol does not know. */
function stopOf(answer: Answer): Anthropic.StopReason | null {
  const { finish } = answer;
  if (finish === null) return null;
  if (finish !== undefined) return STOP_REASONS[finish] ?? (finish as Anthropic.StopReason);
  return blocksOf(answer).some((block) => block.type === "call") ? "tool_use" : "end_turn";
}

function usageBody(answer: Answer): Anthropic.Usage {
  const { inputTokens, outputTokens, cachedTokens, reasoningTokens } = usageOf(answer);
  return {
    // Ours counts the cached tokens in, theirs does not.
    input_tokens: inputTokens - cachedTokens,
    cache_read_input_tokens: cachedTokens,
    cache_creation_input_tokens: 0,
    cache_creation: { ephemeral_1h_input_tokens: 0, ephemeral_5m_input_tokens: 0 },
    output_tokens: outputTokens,
    output_tokens_details: { thinking_tokens: reasoningTokens },
    server_tool_use: null,
    service_tier: "standard",
    inference_geo: null,
    speed: null,
  };
}

/** Undefined is left out of JSON, so a script without usage sends none. */
function usageField<Body>(usage: Body, answer: Answer): { usage: Body } {
  if (answer.rawUsage !== undefined) return { usage: answer.rawUsage as Body };
  return { usage: answer.usage === null ? (undefined as Body) : usage };
}

function frame(event: Event): Frame {
  return { event: event.type, data: JSON.stringify(event) };
}

function error(status: number, call: Call): Anthropic.ErrorResponse & JsonObject {
  const known: Record<number, Anthropic.ErrorResponse["error"]> = {
    400: { type: "invalid_request_error", message: "messages: at least one message is required" },
    401: { type: "authentication_error", message: "invalid x-api-key" },
    403: { type: "permission_error", message: "Your API key may not use this resource." },
    404: { type: "not_found_error", message: `model: ${call.model}` },
    429: { type: "rate_limit_error", message: "This request would exceed your rate limit." },
    504: { type: "timeout_error", message: "Request timed out." },
    529: { type: "overloaded_error", message: "Overloaded" },
  };
  const other: Anthropic.ErrorResponse["error"] =
    status < 500
      ? { type: "invalid_request_error", message: `Refused with status ${status}.` }
      : { type: "api_error", message: "Internal server error" };
  return { type: "error", error: known[status] ?? other, request_id: `req_fake_${call.n}` };
}

/** Unlike an error body, it has no request id. */
function failure(call: Call): JsonObject {
  const { type, error: overloaded } = error(529, call);
  return { type, error: overloaded };
}

function models(ids: readonly string[]): JsonObject {
  const data = ids.map(
    (id): Anthropic.ModelInfo => ({
      id,
      type: "model",
      display_name: id,
      created_at: new Date(CREATED_S * 1_000).toISOString(),
      deprecated_at: null,
      retires_at: null,
      lifecycle: "active",
      line: null,
      capabilities: null,
      max_input_tokens: 200_000,
      max_tokens: 64_000,
    }),
  );
  return { data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
}
