import { createParser, type EventSourceParser } from "eventsource-parser";
import type { ChatCompletionChunk } from "openai/resources/chat/completions";
import { NO_USAGE, type Usage } from "../../domain/usage.ts";
import { isJsonObject, type JsonObject, parseJsonObject } from "../../lib/json.ts";
import { Assembler } from "../assembler.ts";
import { errorFromObject } from "../errors.ts";
import { type ModelResult, type ModelSink, ProviderError } from "../provider.ts";
import { argumentsText, finishOf, isText, usageOf } from "./answer.ts";
import { PROTOCOL } from "./request.ts";

/** No event of a model is longer than this many characters. */
const MAX_EVENT_CHARS = 8 * 1024 * 1024;

/** A delta as servers really send it: any field may be missing or of another kind. */
type ReceivedDelta = Partial<ChatCompletionChunk["choices"][number]["delta"]> & {
  reasoning_content?: unknown;
  reasoning?: unknown;
};

/** A tool call in the making: its item, and the id that the upstream gave it. */
interface OpenCall {
  index: number;
  id: string | undefined;
}

/** Reads a chat completions stream: text in, events to the sink once per network read, the whole answer at the end. */
export class StreamReader {
  readonly #model: string;
  readonly #sink: ModelSink;
  readonly #parser: EventSourceParser;
  readonly #assembler = new Assembler();
  #reasoning: number | undefined;
  #message: number | undefined;
  readonly #callsByIndex = new Map<number, OpenCall>();
  readonly #callsById = new Map<string, OpenCall>();
  #lastCall: OpenCall | undefined;
  #finish: string | undefined;
  #usage: Usage = NO_USAGE;
  #done = false;
  #ended = false;

  constructor(model: string, sink: ModelSink) {
    this.#model = model;
    this.#sink = sink;
    this.#parser = createParser({
      onEvent: (event) => this.#onData(event.data),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") throw malformed("an event is too long");
      },
      maxBufferSize: MAX_EVENT_CHARS,
    });
  }

  /** @throws ProviderError for malformed events and for errors that the upstream reports in the stream. */
  feed(text: string): void {
    this.#parser.feed(text);
    const events = this.#assembler.drain();
    if (events.length > 0) this.#sink(events);
  }

  /** @throws ProviderError of kind `truncated` when the stream ended without a finish reason. */
  finish(): ModelResult {
    this.#ended = true;
    // Some servers omit the newline after the last event.
    this.feed("\n\n");
    if (this.#finish === undefined)
      throw new ProviderError("truncated", "The upstream's stream ended early.");
    const items = this.#assembler.items;
    return { items, finish: finishOf(this.#finish, items), usage: this.#usage };
  }

  #onData(data: string): void {
    if (this.#done || data === "") return;
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    const chunk = parseJsonObject(data);
    // The stump of an event that was cut off: whether that matters, the finish reason tells.
    if (chunk === undefined && this.#ended) return;
    if (chunk === undefined) throw malformed("an event is not JSON");
    this.#onChunk(chunk);
  }

  #onChunk(chunk: JsonObject): void {
    if (chunk["error"] !== undefined && chunk["error"] !== null) throw errorFromObject(chunk["error"]);
    if (isJsonObject(chunk["usage"])) this.#usage = usageOf(chunk["usage"]);
    const choice: unknown = Array.isArray(chunk["choices"]) ? chunk["choices"][0] : undefined;
    if (!isJsonObject(choice)) return;
    if (isJsonObject(choice["delta"])) this.#onDelta(choice["delta"] as ReceivedDelta);
    if (isText(choice["finish_reason"])) this.#finish = choice["finish_reason"];
  }

  #onDelta(delta: ReceivedDelta): void {
    const reasoning = delta.reasoning_content ?? delta.reasoning;
    if (isText(reasoning)) this.#addReasoning(reasoning);
    if (isText(delta.content)) this.#addText("text", delta.content);
    if (isText(delta.refusal)) this.#addText("refusal", delta.refusal);
    const calls: unknown = delta.tool_calls;
    if (Array.isArray(calls)) for (const call of calls) this.#addCall(call);
  }

  #addReasoning(text: string): void {
    const maker = { protocol: PROTOCOL, model: this.#model };
    this.#reasoning ??= this.#assembler.start({ type: "reasoning", summary: [], maker });
    this.#assembler.add(this.#reasoning, "reasoning", text);
  }

  #addText(channel: "text" | "refusal", text: string): void {
    this.#message ??= this.#assembler.start({ type: "message", role: "assistant", content: [] });
    this.#assembler.add(this.#message, channel, text);
  }

  #addCall(delta: unknown): void {
    if (!isJsonObject(delta)) return;
    const fn = isJsonObject(delta["function"]) ? delta["function"] : {};
    const upstream = typeof delta["index"] === "number" ? delta["index"] : undefined;
    const id = isText(delta["id"]) ? delta["id"] : undefined;
    const name = isText(fn["name"]) ? fn["name"] : undefined;
    const call = this.#openCall(upstream, id, name) ?? this.#startCall(upstream, id, name);
    this.#lastCall = call;
    if (fn["arguments"] !== undefined) {
      this.#assembler.add(call.index, "arguments", argumentsText(fn["arguments"]));
    }
  }

  /**
   * The call that a delta continues: by its index, without one by its id, else the latest. Some servers give every
   * parallel call index 0; a new id together with a name then begins another call.
   */
  #openCall(
    upstream: number | undefined,
    id: string | undefined,
    name: string | undefined,
  ): OpenCall | undefined {
    if (upstream === undefined) return id === undefined ? this.#lastCall : this.#callsById.get(id);
    const open = this.#callsByIndex.get(upstream);
    const another = id !== undefined && name !== undefined && id !== open?.id;
    return another ? undefined : open;
  }

  #startCall(upstream: number | undefined, id: string | undefined, name: string | undefined): OpenCall {
    const index = this.#assembler.start({ type: "function_call", name: name ?? "", arguments: "" });
    const call = { index, id };
    if (upstream !== undefined) this.#callsByIndex.set(upstream, call);
    if (id !== undefined) this.#callsById.set(id, call);
    return call;
  }
}

function malformed(what: string): ProviderError {
  return new ProviderError("malformed", `The upstream's stream is malformed: ${what}.`);
}
