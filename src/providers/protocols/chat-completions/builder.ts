import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import { NO_USAGE, type Usage } from "../../../domain/usage.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../../lib/json.ts";
import { errorFromObject } from "../../errors.ts";
import { type ModelResult, ProviderError } from "../../provider.ts";
import { Assembler } from "../../transport/assembler.ts";
import { tokenCount } from "../shared/token-count.ts";
import { PROTOCOL } from "./request.ts";

/** A delta or a whole message: servers leave fields out, or give them another kind. */
type Received = { [Field in keyof ChatCompletionChunk["choices"][number]["delta"]]?: unknown } & {
  reasoning_content?: unknown;
  reasoning?: unknown;
};

/** What a delta says of its call. */
interface CallDelta {
  /** The upstream's number for the call. */
  place: number | undefined;
  id: string | undefined;
  name: string | undefined;
  arguments: string;
}

/** A tool call in the making, under the id that the upstream gave it. */
interface OpenCall {
  /** The upstream's number for it; the latest call of a number is the open one. */
  place: number | undefined;
  id: string | undefined;
  /** Its item; undefined until its name is known, since the name tells who runs it. */
  index: number | undefined;
  /** Arguments that came before the name. */
  held: string;
}

/** Makes an answer from deltas; a whole message is one delta, so that the two ways cannot drift apart. */
export class AnswerBuilder {
  readonly assembler = new Assembler();
  readonly #model: string;
  #reasoning: number | undefined;
  #message: number | undefined;
  #calls: OpenCall[] = [];
  #lastCall: OpenCall | undefined;
  #finish: string | undefined;
  #usage: Usage = NO_USAGE;

  constructor(model: string) {
    this.#model = model;
  }

  /** Whether the finish reason has come. */
  get complete(): boolean {
    return this.#finish !== undefined;
  }

  usage(value: unknown): void {
    if (isJsonObject(value)) this.#usage = usageOf(value);
  }

  /** Takes one choice; `content` is its delta or its message. @throws ProviderError when it reports a failure. */
  choice(choice: JsonObject, content: unknown): void {
    if (isJsonObject(content)) this.#add(content as Received);
    const reason = choice["finish_reason"];
    if (!isText(reason)) return;
    // OpenRouter says here what went wrong at the model's own server.
    if (reason === "error" && isJsonObject(choice["error"])) throw errorFromObject(choice["error"]);
    if (reason === "error") throw new ProviderError("server", "The upstream stopped with an error.");
    this.#finish = reason;
  }

  /** The whole answer; one without a finish reason counts as stopped. */
  result(): ModelResult {
    const finish = finishOf(this.#finish, this.#calls.length > 0);
    for (const call of this.#calls) this.#begin(call, "");
    if (finish !== "length") this.assembler.completeCalls();
    return { items: this.assembler.items, finish, usage: this.#usage };
  }

  #add(delta: Received): void {
    // Of the two names for reasoning some servers fill one and leave the other empty.
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
      if (part["type"] === "thinking") this.#addReasoning(textOfParts(part["thinking"]));
      else if (part["type"] === "text" && isText(part["text"])) this.#addText("text", part["text"]);
    }
  }

  #addReasoning(text: string): void {
    this.#reasoning ??= this.assembler.start({
      type: "reasoning",
      summary: [],
      maker: { protocol: PROTOCOL, model: this.#model },
    });
    this.assembler.add(this.#reasoning, "reasoning", text);
  }

  #addText(channel: "text" | "refusal", text: string): void {
    this.#message ??= this.assembler.start({ type: "message", role: "assistant", content: [] });
    this.assembler.add(this.#message, channel, text);
  }

  #addCall(received: unknown): void {
    if (!isJsonObject(received)) return;
    const delta = callDelta(received);
    const call = this.#openCall(delta) ?? this.#newCall(delta);
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
   * The call that a delta continues: by its place, without one by its id, else the latest. Some servers give every
   * parallel call place 0; a new id together with a name, or a name after complete arguments, then begins another.
   */
  #openCall({ place, id, name, arguments: more }: CallDelta): OpenCall | undefined {
    if (place === undefined)
      return id === undefined ? this.#lastCall : this.#calls.findLast((call) => call.id === id);
    const open = this.#calls.findLast((call) => call.place === place);
    if (open === undefined || name === undefined) return open;
    const another = id === undefined ? more !== "" && this.#isWhole(open) : id !== open.id;
    return another ? undefined : open;
  }

  #isWhole({ index }: OpenCall): boolean {
    const item = index === undefined ? undefined : this.assembler.items[index];
    return item?.type === "function_call" && parseJsonObject(item.arguments) !== undefined;
  }

  #newCall({ place, id }: CallDelta): OpenCall {
    const call: OpenCall = { place, id, index: undefined, held: "" };
    this.#calls = [...this.#calls, call];
    return call;
  }
}

function callDelta(received: JsonObject): CallDelta {
  const fn = isJsonObject(received["function"]) ? received["function"] : {};
  return {
    place: typeof received["index"] === "number" ? received["index"] : undefined,
    id: isText(received["id"]) ? received["id"] : undefined,
    name: isText(fn["name"]) ? fn["name"] : undefined,
    arguments: argumentsText(fn["arguments"]),
  };
}

/** Call arguments as JSON text; some servers send an object instead, some null while there are none yet. */
function argumentsText(value: unknown): string {
  if (typeof value === "string") return value;
  return isJsonObject(value) ? JSON.stringify(value) : "";
}

function textOfParts(value: unknown): string {
  if (!Array.isArray(value)) return isText(value) ? value : "";
  return value.map((part) => (isJsonObject(part) && isText(part["text"]) ? part["text"] : "")).join("");
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** An unknown reason is taken for a normal stop, since the answer is complete. */
function finishOf(reason: string | undefined, hasCalls: boolean): ModelResult["finish"] {
  if (reason === "length" || reason === "max_tokens") return "length";
  if (reason === "content_filter") return "content_filter";
  return hasCalls ? "tool_calls" : "stop";
}

function usageOf(usage: JsonObject): Usage {
  const detail = (group: string, key: string) => {
    const details = usage[group];
    return isJsonObject(details) ? details[key] : undefined;
  };
  return {
    inputTokens: tokenCount(usage["prompt_tokens"]),
    outputTokens: tokenCount(usage["completion_tokens"]),
    cachedTokens: tokenCount(detail("prompt_tokens_details", "cached_tokens")),
    reasoningTokens: tokenCount(detail("completion_tokens_details", "reasoning_tokens")),
  };
}
