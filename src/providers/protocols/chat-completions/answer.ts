import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import { NO_USAGE, type Usage } from "../../../domain/usage.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../../lib/json.ts";
import { errorFromObject } from "../../errors.ts";
import { type ModelResult, ProviderError, type Served } from "../../provider.ts";
import type { AnswerReader } from "../../transport/answer-stream.ts";
import { Assembler } from "../../transport/assembler.ts";
import { readModelName, readTokenCount } from "../shared/answer-fields.ts";
import { PROTOCOL } from "./request.ts";

/** A delta or a whole message. Servers leave fields out, or give them another type. */
type Received = { [Field in keyof ChatCompletionChunk["choices"][number]["delta"]]?: unknown } & {
  reasoning_content?: unknown;
  reasoning?: unknown;
};

/** What a delta says about its call. */
interface CallDelta {
  /** The upstream's number for the call. */
  place: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: string;
}

/** A tool call that is still growing. */
interface OpenCall {
  /** The upstream's number for it; deltas with this number belong to the latest call that has it. */
  place: number | undefined;
  id: string | undefined;
  /** Its item; undefined until its name is known, because the name decides who runs it. */
  index: number | undefined;
  /** Arguments that came before the name. */
  held: string;
}

/** Reads an answer from deltas. A whole message is read as one delta, so that both ways give the same result. */
export class ChatAnswer implements AnswerReader {
  readonly assembler = new Assembler();
  readonly #asked: Served;
  #model: string | undefined;
  #reasoning: number | undefined;
  #message: number | undefined;
  #calls: OpenCall[] = [];
  #lastCall: OpenCall | undefined;
  #finish: string | undefined;
  #usage: Usage = NO_USAGE;

  constructor(asked: Served) {
    this.#asked = asked;
  }

  get isComplete(): boolean {
    return this.#finish !== undefined;
  }

  readMessage(chunk: JsonObject): boolean {
    if (chunk["error"] !== undefined && chunk["error"] !== null) throw errorFromObject(chunk["error"]);
    this.#model ??= readModelName(chunk["model"]);
    this.#readUsage(chunk["usage"]);
    const choice = firstChoice(chunk);
    if (choice !== undefined) this.#readChoice(choice, choice["delta"]);
    return false;
  }

  readWhole(body: JsonObject): void {
    const choice = firstChoice(body);
    if (choice === undefined || !isJsonObject(choice["message"])) {
      throw new ProviderError("malformed", "The upstream's answer has no choices.");
    }
    const { tool_calls: calls, ...message } = choice["message"];
    // Whole calls have no numbers, and their ids may be missing or repeat.
    const numbered = Array.isArray(calls)
      ? calls.map((call, index) => (isJsonObject(call) ? { ...call, index } : call))
      : [];
    this.#readChoice(choice, { ...message, tool_calls: numbered });
    this.#model = readModelName(body["model"]);
    this.#readUsage(body["usage"]);
  }

  /** An answer without a finish reason counts as stopped. */
  finish(): ModelResult {
    const finish = readFinishReason(this.#finish, this.#calls.length > 0);
    for (const call of this.#calls) this.#begin(call, "");
    if (finish !== "length") this.assembler.completeCalls();
    const { provider, model } = this.#asked;
    const served = { provider, model: this.#model ?? model };
    return { items: this.assembler.items, finish, usage: this.#usage, served };
  }

  /** Some servers send the usage with every chunk; the last one counts. */
  #readUsage(usage: unknown): void {
    if (isJsonObject(usage)) this.#usage = toUsage(usage);
  }

  /** `content` is the choice's delta or its message. */
  #readChoice(choice: JsonObject, content: unknown): void {
    if (isJsonObject(content)) this.#add(content as Received);
    const reason = choice["finish_reason"];
    if (!isText(reason)) return;
    // OpenRouter reports a failure of the model's own server here.
    if (reason === "error" && isJsonObject(choice["error"])) throw errorFromObject(choice["error"]);
    if (reason === "error") throw new ProviderError("server", "The upstream stopped with an error.");
    this.#finish = reason;
  }

  #add(delta: Received): void {
    // Reasoning has two names; some servers fill one and leave the other empty.
    const reasoning = isText(delta.reasoning_content) ? delta.reasoning_content : delta.reasoning;
    if (isText(reasoning)) this.#addReasoning(reasoning);
    if (isText(delta.content)) this.#addText("text", delta.content);
    else if (Array.isArray(delta.content)) this.#addParts(delta.content);
    if (isText(delta.refusal)) this.#addText("refusal", delta.refusal);
    if (Array.isArray(delta.tool_calls)) for (const call of delta.tool_calls) this.#addCall(call);
  }

  /** Mistral sends text and thinking as parts of the content. */
  #addParts(parts: readonly unknown[]): void {
    for (const part of parts) {
      if (!isJsonObject(part)) continue;
      if (part["type"] === "thinking") this.#addReasoning(joinTexts(part["thinking"]));
      else if (part["type"] === "text" && isText(part["text"])) this.#addText("text", part["text"]);
    }
  }

  #addReasoning(text: string): void {
    this.#reasoning ??= this.assembler.start({
      type: "reasoning",
      summary: [],
      maker: { protocol: PROTOCOL, model: this.#asked.model },
    });
    this.assembler.add(this.#reasoning, "reasoning", text);
  }

  #addText(channel: "text" | "refusal", text: string): void {
    this.#message ??= this.assembler.start({ type: "message", role: "assistant", content: [] });
    this.assembler.add(this.#message, channel, text);
  }

  #addCall(received: unknown): void {
    if (!isJsonObject(received)) return;
    const delta = readCallDelta(received);
    const call = this.#findCall(delta) ?? this.#addOpenCall(delta);
    this.#lastCall = call;
    if (delta.name !== undefined) this.#begin(call, delta.name);
    if (call.index === undefined) call.held += delta.arguments;
    else this.assembler.add(call.index, "arguments", delta.arguments);
  }

  #begin(call: OpenCall, name: string): void {
    if (call.index !== undefined) return;
    call.index = this.assembler.start({ type: "function_call", name, arguments: "" });
    this.assembler.add(call.index, "arguments", call.held);
  }

  /**
   * Finds the call that a delta continues: by its place; without a place by its id; without both the latest. Some
   * servers give every parallel call place 0: then a new id together with a name, or a name after complete arguments,
   * begins another call.
   */
  #findCall({ place, id, name, arguments: more }: CallDelta): OpenCall | undefined {
    if (place === undefined)
      return id === undefined ? this.#lastCall : this.#calls.findLast((call) => call.id === id);
    const open = this.#calls.findLast((call) => call.place === place);
    if (open === undefined || name === undefined) return open;
    const isAnother = id === undefined ? more !== "" && this.#hasWholeArguments(open) : id !== open.id;
    return isAnother ? undefined : open;
  }

  #hasWholeArguments({ index }: OpenCall): boolean {
    const item = index === undefined ? undefined : this.assembler.items[index];
    return item?.type === "function_call" && parseJsonObject(item.arguments) !== undefined;
  }

  #addOpenCall({ place, id }: CallDelta): OpenCall {
    const call: OpenCall = { place, id, index: undefined, held: "" };
    this.#calls = [...this.#calls, call];
    return call;
  }
}

function firstChoice({ choices }: JsonObject): JsonObject | undefined {
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isJsonObject(choice) ? choice : undefined;
}

function readCallDelta(received: JsonObject): CallDelta {
  const fn = isJsonObject(received["function"]) ? received["function"] : {};
  return {
    place: typeof received["index"] === "number" ? received["index"] : undefined,
    id: isText(received["id"]) ? received["id"] : undefined,
    name: isText(fn["name"]) ? fn["name"] : undefined,
    arguments: readCallArguments(fn["arguments"]),
  };
}

/** Returns call arguments as JSON text. Some servers send an object instead, some null while there are none yet. */
function readCallArguments(value: unknown): string {
  if (typeof value === "string") return value;
  return isJsonObject(value) ? JSON.stringify(value) : "";
}

function joinTexts(value: unknown): string {
  if (!Array.isArray(value)) return isText(value) ? value : "";
  return value.map((part) => (isJsonObject(part) && isText(part["text"]) ? part["text"] : "")).join("");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** An unknown reason counts as a normal stop, since the answer is complete. */
function readFinishReason(reason: string | undefined, hasCalls: boolean): ModelResult["finish"] {
  if (reason === "length" || reason === "max_tokens") return "length";
  if (reason === "content_filter") return "content_filter";
  return hasCalls ? "tool_calls" : "stop";
}

function toUsage(usage: JsonObject): Usage {
  const detail = (group: string, key: string) => {
    const details = usage[group];
    return isJsonObject(details) ? details[key] : undefined;
  };
  return {
    inputTokens: readTokenCount(usage["prompt_tokens"]),
    outputTokens: readTokenCount(usage["completion_tokens"]),
    cachedTokens: readTokenCount(detail("prompt_tokens_details", "cached_tokens")),
    reasoningTokens: readTokenCount(detail("completion_tokens_details", "reasoning_tokens")),
  };
}
