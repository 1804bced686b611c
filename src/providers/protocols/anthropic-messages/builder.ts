import type { ContentBlock, RawContentBlockDelta } from "@anthropic-ai/sdk/resources/messages/messages";
import type { Usage } from "../../../domain/usage.ts";
import { isJsonObject, type JsonObject } from "../../../lib/json.ts";
import type { ModelResult } from "../../provider.ts";
import { Assembler } from "../../transport/assembler.ts";
import { tokenCount } from "../shared/token-count.ts";
import { PROTOCOL } from "./messages.ts";

/** A content block, and the item that it became. */
interface OpenBlock {
  index: number;
  type: "text" | "thinking" | "tool_use";
  /** The arguments that came with the block itself; they count only when no deltas come. */
  input: JsonObject | undefined;
}

type BlockType = ContentBlock["type"];
type DeltaType = RawContentBlockDelta["type"];

/** Makes an answer from content blocks and their deltas; a whole block is a begun one that needs no deltas. */
export class AnswerBuilder {
  readonly assembler = new Assembler();
  readonly #model: string;
  readonly #blocks = new Map<unknown, OpenBlock>();
  #last: OpenBlock | undefined;
  #reason: string | undefined;
  #usage: JsonObject = {};

  constructor(model: string) {
    this.#model = model;
  }

  /** Whether the stop reason has come. */
  get complete(): boolean {
    return this.#reason !== undefined;
  }

  /** A block begins; `place` is the upstream's number for it. Kinds that we never ask for are passed over. */
  begin(place: unknown, block: JsonObject): void {
    const type = block["type"] as BlockType;
    if (type === "text") this.#addText(this.#open(place, type), block["text"]);
    else if (type === "thinking") this.#think(this.#open(place, type), block);
    else if (type === "redacted_thinking")
      this.#startReasoning({ encrypted_content: String(block["data"] ?? "") });
    else if (type === "tool_use") this.#startCall(place, block);
  }

  /** More of a block; of one that was never begun, as far as the delta itself tells what it is. */
  delta(place: unknown, delta: JsonObject): void {
    const type = delta["type"] as DeltaType;
    if (type === "text_delta") this.#addText(this.#known(place, "text"), delta["text"]);
    else if (type === "thinking_delta") this.#think(this.#known(place, "thinking"), delta);
    else if (type === "signature_delta") this.#think(this.#known(place, "thinking"), delta);
    else if (type === "input_json_delta") this.#addArguments(this.#blocks.get(place), delta["partial_json"]);
  }

  /** Why the model stopped, and what it has to say about that. */
  stop({ stop_reason: reason, stop_details: details }: JsonObject): void {
    if (typeof reason === "string" && reason !== "") this.#reason = reason;
    const explanation = isJsonObject(details) ? details["explanation"] : undefined;
    if (reason !== "refusal" || typeof explanation !== "string") return;
    const { index } = this.#last?.type === "text" ? this.#last : this.#open(undefined, "text");
    this.assembler.add(index, "refusal", explanation);
  }

  /** Takes a usage object; a later one tells more, but not all of what an earlier one told. */
  usage(usage: unknown): void {
    if (!isJsonObject(usage)) return;
    for (const [key, value] of Object.entries(usage)) if (value !== null) this.#usage[key] = value;
  }

  /** The whole answer; one without a stop reason counts as stopped. */
  result(): ModelResult {
    const finish = finishOf(
      this.#reason,
      this.assembler.items.some((item) => item.type === "function_call"),
    );
    for (const { index, input } of this.#blocks.values()) this.#completeArguments(index, input);
    if (finish !== "length") this.assembler.completeCalls();
    return { items: this.assembler.items, finish, usage: usageOf(this.#usage) };
  }

  /** Text that goes on after a citation is a block of its own there, and the same message here. */
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

  #known(place: unknown, type: "text" | "thinking"): OpenBlock {
    const open = this.#blocks.get(place);
    return open?.type === type ? open : this.#open(place, type);
  }

  #startReasoning(payload: { encrypted_content?: string }): number {
    this.#last = undefined;
    const maker = { protocol: PROTOCOL, model: this.#model, ...payload };
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
    // Not how the service does it, but how arguments that are no JSON object can come at all.
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

  /** A thinking block and its two kinds of deltas have the same fields. */
  #think({ index }: OpenBlock, { thinking, signature }: JsonObject): void {
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
 * `pause_turn` and a full context window leave an answer unfinished, as the output limit does; an unknown reason is
 * taken for a normal stop.
 * @see https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
 */
function finishOf(reason: string | undefined, hasCalls: boolean): ModelResult["finish"] {
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

/** The service counts cached input apart; here it is part of the input. */
function usageOf(usage: JsonObject): Usage {
  const cachedTokens = tokenCount(usage["cache_read_input_tokens"]);
  const written = tokenCount(usage["cache_creation_input_tokens"]);
  const details = usage["output_tokens_details"];
  return {
    inputTokens: tokenCount(usage["input_tokens"]) + cachedTokens + written,
    outputTokens: tokenCount(usage["output_tokens"]),
    cachedTokens,
    reasoningTokens: isJsonObject(details) ? tokenCount(details["thinking_tokens"]) : 0,
  };
}
