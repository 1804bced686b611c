import type {
  ContentBlock,
  RawContentBlockDelta,
  RawMessageStreamEvent,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { Usage } from "../../../domain/usage.ts";
import { isJsonObject, type JsonObject } from "../../../lib/json.ts";
import { errorFromObject } from "../../errors.ts";
import { type ModelResult, ProviderError, type Served } from "../../provider.ts";
import type { AnswerReader } from "../../transport/answer-stream.ts";
import { Assembler } from "../../transport/assembler.ts";
import { readModelName, readTokenCount } from "../shared/answer-fields.ts";
import { PROTOCOL } from "./messages.ts";

/** A content block and its item. */
interface OpenBlock {
  index: number;
  type: "text" | "thinking" | "tool_use";
  /** The arguments that came with the block itself; used only when no deltas come. */
  input: JsonObject | undefined;
}

type BlockType = ContentBlock["type"];
type DeltaType = RawContentBlockDelta["type"];
type EventType = RawMessageStreamEvent["type"] | "error" | "ping";

/**
 * Reads an answer from content blocks and their deltas. A whole block is read as one that begins and gets no deltas.
 * @see https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export class MessagesAnswer implements AnswerReader {
  readonly assembler = new Assembler();
  readonly #asked: Served;
  #model: string | undefined;
  readonly #blocks = new Map<unknown, OpenBlock>();
  #last: OpenBlock | undefined;
  #reason: string | undefined;
  #usage: JsonObject = {};

  constructor(asked: Served) {
    this.#asked = asked;
  }

  get isComplete(): boolean {
    return this.#reason !== undefined;
  }

  /** New types of events may come at any time; unknown ones are ignored. */
  readMessage(event: JsonObject): boolean {
    switch (event["type"] as EventType) {
      case "content_block_delta":
        if (isJsonObject(event["delta"])) this.#readDelta(event["index"], event["delta"]);
        return false;
      case "content_block_start":
        if (isJsonObject(event["content_block"])) this.#readBlock(event["index"], event["content_block"]);
        return false;
      case "message_start":
        if (isJsonObject(event["message"])) this.#readHead(event["message"]);
        return false;
      case "message_delta":
        this.#readUsage(event["usage"]);
        if (isJsonObject(event["delta"])) this.#readStop(event["delta"]);
        return false;
      case "error":
        throw errorFromObject(event["error"]);
      case "message_stop":
        return true;
      default:
        return false;
    }
  }

  readWhole(body: JsonObject): void {
    const { content } = body;
    if (!Array.isArray(content))
      throw new ProviderError("malformed", "The upstream's answer has no content.");
    for (const [place, block] of content.entries()) if (isJsonObject(block)) this.#readBlock(place, block);
    this.#readStop(body);
    this.#readHead(body);
  }

  /** An answer without a stop reason counts as stopped. */
  finish(): ModelResult {
    const finish = readStopReason(
      this.#reason,
      this.assembler.items.some((item) => item.type === "function_call"),
    );
    for (const { index, input } of this.#blocks.values()) this.#completeArguments(index, input);
    if (finish !== "length") this.assembler.completeCalls();
    const { provider, model } = this.#asked;
    const served = { provider, model: this.#model ?? model };
    return { items: this.assembler.items, finish, usage: toUsage(this.#usage), served };
  }

  /** Begins a block; `place` is the upstream's number for it. Types that we never ask for are ignored. */
  #readBlock(place: unknown, block: JsonObject): void {
    const type = block["type"] as BlockType;
    if (type === "text") this.#addText(this.#open(place, type), block["text"]);
    else if (type === "thinking") this.#addThinking(this.#open(place, type), block);
    else if (type === "redacted_thinking")
      this.#startReasoning({ encrypted_content: String(block["data"] ?? "") });
    else if (type === "tool_use") this.#startCall(place, block);
  }

  /** Continues a block. Where the block never began, the delta's own type tells what it is. */
  #readDelta(place: unknown, delta: JsonObject): void {
    const type = delta["type"] as DeltaType;
    if (type === "text_delta") this.#addText(this.#openOrKnown(place, "text"), delta["text"]);
    else if (type === "thinking_delta") this.#addThinking(this.#openOrKnown(place, "thinking"), delta);
    else if (type === "signature_delta") this.#addThinking(this.#openOrKnown(place, "thinking"), delta);
    else if (type === "input_json_delta") this.#addArguments(this.#blocks.get(place), delta["partial_json"]);
  }

  /** Reads why the model stopped, and the explanation of a refusal. */
  #readStop({ stop_reason: reason, stop_details: details }: JsonObject): void {
    if (typeof reason === "string" && reason !== "") this.#reason = reason;
    const explanation = isJsonObject(details) ? details["explanation"] : undefined;
    if (reason !== "refusal" || typeof explanation !== "string") return;
    const { index } = this.#last?.type === "text" ? this.#last : this.#open(undefined, "text");
    this.assembler.add(index, "refusal", explanation);
  }

  /** Reads what a message says about itself, at its start or as a whole. */
  #readHead({ model, usage }: JsonObject): void {
    this.#model = readModelName(model);
    this.#readUsage(usage);
  }

  /** Merges usage objects: a later one has more fields, but not all of an earlier one's. */
  #readUsage(usage: unknown): void {
    if (!isJsonObject(usage)) return;
    for (const [key, value] of Object.entries(usage)) if (value !== null) this.#usage[key] = value;
  }

  /** Text after a citation is a block of its own upstream, and part of the same message here. */
  #open(place: unknown, type: "text" | "thinking"): OpenBlock {
    if (type === "text" && this.#last?.type === "text") {
      this.#blocks.set(place, this.#last);
      return this.#last;
    }
    const index =
      type === "text"
        ? this.assembler.start({ type: "message", role: "assistant", content: [] })
        : this.#startReasoning({});
    return this.#remember(place, { index, type, input: undefined });
  }

  #openOrKnown(place: unknown, type: "text" | "thinking"): OpenBlock {
    const open = this.#blocks.get(place);
    return open?.type === type ? open : this.#open(place, type);
  }

  #startReasoning(payload: { encrypted_content?: string }): number {
    this.#last = undefined;
    const maker = { protocol: PROTOCOL, model: this.#asked.model, ...payload };
    return this.assembler.start({ type: "reasoning", summary: [], maker });
  }

  #startCall(place: unknown, { name, input }: JsonObject): void {
    const item = {
      type: "function_call" as const,
      name: typeof name === "string" ? name : "",
      arguments: "",
    };
    const index = this.assembler.start(item);
    const whole = isJsonObject(input) && Object.keys(input).length > 0 ? input : undefined;
    const block = this.#remember(place, { index, type: "tool_use", input: whole });
    // The service sends objects only; other servers send arguments that are no JSON object as text.
    if (typeof input === "string") this.#addArguments(block, input);
  }

  #remember(place: unknown, block: OpenBlock): OpenBlock {
    this.#blocks.set(place, block);
    this.#last = block;
    return block;
  }

  #addText({ index }: OpenBlock, text: unknown): void {
    if (typeof text === "string") this.assembler.add(index, "text", text);
  }

  /** A thinking block and its two types of deltas have the same fields. */
  #addThinking({ index }: OpenBlock, { thinking, signature }: JsonObject): void {
    if (typeof thinking === "string") this.assembler.add(index, "reasoning", thinking);
    if (typeof signature === "string" && signature !== "") this.assembler.sign(index, signature);
  }

  #addArguments(block: OpenBlock | undefined, json: unknown): void {
    if (block?.type === "tool_use" && typeof json === "string")
      this.assembler.add(block.index, "arguments", json);
  }

  #completeArguments(index: number, input: JsonObject | undefined): void {
    const item = this.assembler.items[index];
    if (input === undefined || item?.type !== "function_call" || item.arguments !== "") return;
    this.assembler.add(index, "arguments", JSON.stringify(input));
  }
}

/**
 * `pause_turn` and a full context window leave an answer unfinished, as the output limit does. An unknown reason counts
 * as a normal stop.
 * @see https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
function readStopReason(reason: string | undefined, hasCalls: boolean): ModelResult["finish"] {
  switch (reason) {
    case "max_tokens":
    case "model_context_window_exceeded":
    case "pause_turn":
      return "length";
    case "refusal":
      return "content_filter";
    default:
      return hasCalls ? "tool_calls" : "stop";
  }
}

/** The service counts cached input separately; here it is part of the input. */
function toUsage(usage: JsonObject): Usage {
  const cachedTokens = readTokenCount(usage["cache_read_input_tokens"]);
  const written = readTokenCount(usage["cache_creation_input_tokens"]);
  const details = usage["output_tokens_details"];
  return {
    inputTokens: readTokenCount(usage["input_tokens"]) + cachedTokens + written,
    outputTokens: readTokenCount(usage["output_tokens"]),
    cachedTokens,
    reasoningTokens: isJsonObject(details) ? readTokenCount(details["thinking_tokens"]) : 0,
  };
}
