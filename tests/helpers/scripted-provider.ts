import { textMessage } from "../../src/domain/item.ts";
import { NO_USAGE, type Usage } from "../../src/domain/usage.ts";
import {
  type ModelEvent,
  type ModelItem,
  type ModelRequest,
  type ModelResult,
  type ModelSink,
  type Provider,
  ProviderError,
  type ProviderErrorKind,
} from "../../src/providers/provider.ts";
import type { Gate } from "../fake-upstream/gate.ts";

/** One thing that happens in a model's answer. */
export type Move =
  | { do: "text" | "reasoning" | "refusal"; delta: string }
  | { do: "call"; name: string; arguments: string; deltas: readonly string[] }
  | { do: "status"; text: string }
  | { do: "wait"; gate: Gate }
  | { do: "throw"; error: unknown }
  | { do: "finish"; finish: ModelResult["finish"] }
  | { do: "usage"; usage: Usage };

/** One model call's answer: its moves in order. */
export type Answer = readonly Move[];

/** More text of the answer; neighbours are deltas of one message. */
export function say(...deltas: string[]): Move[] {
  return deltas.map((delta) => ({ do: "text", delta }));
}

/** More thinking; neighbours are deltas of one item. */
export function think(...deltas: string[]): Move[] {
  return deltas.map((delta) => ({ do: "reasoning", delta }));
}

/** A refusal in the answer's message. */
export function refuse(delta: string): Move[] {
  return [{ do: "refusal", delta }];
}

/** A call of a tool; arguments that are text are sent as they are, invalid JSON too, in halves when streamed. */
export function call(name: string, args: object | string = {}): Move[] {
  const text = typeof args === "string" ? args : JSON.stringify(args);
  const middle = Math.ceil(text.length / 2);
  const deltas = [text.slice(0, middle), text.slice(middle)].filter((half) => half !== "");
  return [{ do: "call", name, arguments: text, deltas }];
}

/** News of a retry. */
export function retry(text: string): Move[] {
  return [{ do: "status", text }];
}

/** Stays here until the gate opens (`createGate` of the fake upstream) or the run is stopped. */
export function hold(gate: Gate): Move[] {
  return [{ do: "wait", gate }];
}

/** Fails here: as an upstream does, or with anything else. */
export function fail(error: ProviderErrorKind | Error): Move[] {
  return [{ do: "throw", error: error instanceof Error ? error : new ProviderError(error, "scripted") }];
}

/** Why the answer ends; without it `tool_calls` when there are calls, else `stop`. */
export function finish(reason: ModelResult["finish"]): Move[] {
  return [{ do: "finish", finish: reason }];
}

/** What the answer costs; nothing without it. */
export function cost(usage: Partial<Usage>): Move[] {
  return [{ do: "usage", usage: { ...NO_USAGE, ...usage } }];
}

/** A model that does what a test says. */
export interface ScriptedProvider extends Provider {
  /** What it was asked, in order, as it was at that time. */
  readonly requests: readonly ModelRequest[];
  /** The reasons of all calls that were aborted. */
  readonly aborts: readonly unknown[];
  readonly closed: boolean;
}

/** Each call takes the next answer; a function makes them, for scripts without an end. */
export type Play = readonly Answer[] | ((request: ModelRequest, n: number) => Answer);

/**
 * A provider that plays answers: as deltas, one sink call each, when asked for a stream, else whole. Asked more often
 * than there are answers it throws, which fails the run.
 */
export function scriptedProvider(play: Play): ScriptedProvider {
  const requests: ModelRequest[] = [];
  const aborts: unknown[] = [];
  let closed = false;
  const next = (request: ModelRequest): Answer => {
    const n = requests.push({ ...request, items: [...request.items] });
    const answer = typeof play === "function" ? play(request, n) : play[n - 1];
    if (answer === undefined) throw new Error(`scripted provider: there is no answer ${n}`);
    return answer;
  };
  return {
    name: "scripted",
    protocol: "scripted",
    requests,
    aborts,
    get closed() {
      return closed;
    },
    async generate(request, sink, signal) {
      const performance = new Performance(request.stream ? sink : () => undefined, signal);
      try {
        return await performance.play(next(request));
      } catch (error) {
        if (signal.aborted) aborts.push(signal.reason);
        throw error;
      }
    },
    async close() {
      closed = true;
    },
  };
}

const SERVED = { provider: "scripted", model: "scripted" };

class Performance {
  readonly #sink: ModelSink;
  readonly #signal: AbortSignal;
  readonly #items: ModelItem[] = [];
  #finish: ModelResult["finish"] | undefined;
  #usage = NO_USAGE;

  constructor(sink: ModelSink, signal: AbortSignal) {
    this.#sink = sink;
    this.#signal = signal;
  }

  async play(answer: Answer): Promise<ModelResult> {
    for (const move of answer) {
      this.#signal.throwIfAborted();
      await this.#make(move);
    }
    const called = this.#items.some(({ type }) => type === "function_call");
    const finish = this.#finish ?? (called ? "tool_calls" : "stop");
    return { items: this.#items, finish, usage: this.#usage, served: SERVED };
  }

  /** Each move is in a turn of its own, as network reads are. */
  async #make(move: Move): Promise<void> {
    if (move.do === "throw") throw move.error;
    if (move.do === "wait") await unlessAborted(move.gate.pass(), this.#signal);
    else if (move.do === "finish") this.#finish = move.finish;
    else if (move.do === "usage") this.#usage = move.usage;
    else if (move.do === "status") this.#sink([{ type: "status", kind: "retry", text: move.text }]);
    else if (move.do === "call") this.#call(move);
    else if (move.do === "reasoning") this.#think(move.delta);
    else this.#say(move.do, move.delta);
  }

  #call(move: Extract<Move, { do: "call" }>): void {
    const { name } = move;
    const index = this.#begin({ type: "function_call", name, arguments: "" });
    for (const delta of move.deltas) this.#sink([{ type: "delta", index, channel: "arguments", delta }]);
    this.#items[index] = { type: "function_call", name, arguments: move.arguments };
  }

  #think(delta: string): void {
    const last = this.#items.at(-1);
    const index = last?.type === "reasoning" ? this.#items.length - 1 : this.#begin(thought(""));
    const item = this.#items[index];
    if (item?.type === "reasoning") this.#items[index] = thought((item.summary[0]?.text ?? "") + delta);
    this.#sink([{ type: "delta", index, channel: "reasoning", delta }]);
  }

  #say(channel: "text" | "refusal", delta: string): void {
    const last = this.#items.at(-1);
    const index = last?.type === "message" ? this.#items.length - 1 : this.#begin(message([]));
    const item = this.#items[index];
    const parts = item?.type === "message" ? item.content : [];
    const part = parts.at(-1);
    if (channel === "refusal") this.#items[index] = message([...parts, { type: "refusal", refusal: delta }]);
    else if (part?.type === "output_text")
      this.#items[index] = message([...parts.slice(0, -1), { ...part, text: part.text + delta }]);
    else this.#items[index] = message([...parts, { type: "output_text", text: delta }]);
    this.#sink([{ type: "delta", index, channel, delta }]);
  }

  #begin(item: ModelItem): number {
    const index = this.#items.push(item) - 1;
    // The reader's copy grows with the deltas.
    const event: ModelEvent = { type: "item", index, item: structuredClone(item) };
    this.#sink([event]);
    return index;
  }
}

type Message = Extract<ModelItem, { type: "message" }>;

function message(content: Message["content"]): Message {
  return { ...textMessage("assistant", ""), content };
}

function thought(text: string): ModelItem {
  return { type: "reasoning", summary: text === "" ? [] : [{ type: "summary_text", text }] };
}

/** @throws the signal's reason. */
function unlessAborted(gate: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    void gate.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}
