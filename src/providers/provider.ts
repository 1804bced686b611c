import type { ItemBody, MessageBody, ReasoningBody } from "../domain/item.ts";
import type { ModelSettings, ToolChoice, ToolSpec } from "../domain/run.ts";
import type { Usage } from "../domain/usage.ts";

/** One model call. */
export interface ModelRequest {
  /** The model id as the upstream knows it. */
  model: string;
  /** The frozen core prompt, byte-stable per session, or "" for a plain call. The prompt-cache breakpoint is after it. */
  core: string;
  /** The frontend's own system text, after the core prompt. */
  instructions: string | undefined;
  items: readonly ItemBody[];
  /** Pass the same objects in every call: their JSON is cached by identity. */
  tools: readonly ToolSpec[];
  toolChoice: ToolChoice;
  settings: ModelSettings;
  /** Whether the sink gets events. A provider whose protocol needs it streams from the upstream all the same. */
  stream: boolean;
}

/** A tool call of the model. It has no id: the agent gives ids, and never uses those of an upstream. */
interface ModelCall {
  type: "function_call";
  name: string;
  /** JSON text as the model wrote it; may be invalid. */
  arguments: string;
}

/** One piece of an answer. */
export type ModelItem = MessageBody | ReasoningBody | ModelCall;

/** The start of the item at `index` of the coming result, more of its text, or a message for people (a retry). */
export type ModelEvent =
  | { type: "item"; index: number; item: ModelItem }
  | { type: "delta"; index: number; channel: "text" | "reasoning" | "refusal" | "arguments"; delta: string }
  | { type: "status"; kind: "retry"; text: string };

/** Takes the events of one network read, in order. Called synchronously; must not throw. */
export type ModelSink = (events: ModelEvent[]) => void;

/** Who answered a model call. */
export interface Served {
  /** The provider's name. */
  provider: string;
  /** The model as the upstream names it, which may be a version of the one that was asked, or what a router chose. */
  model: string;
}

/** The finished answer. It is complete, whether or not it was streamed. */
export interface ModelResult {
  /** In the order in which the model began them. */
  items: readonly ModelItem[];
  /** `length`: the output limit cut the answer. */
  finish: "stop" | "length" | "tool_calls" | "content_filter";
  usage: Usage;
  served: Served;
}

/** Why a model call failed. */
export type ProviderErrorKind =
  | "rate_limit"
  | "overloaded"
  | "auth"
  | "not_found"
  | "context_length"
  | "bad_request"
  | "timeout"
  | "network"
  | "server"
  | "malformed"
  | "truncated";

/** The only error that a provider throws, except an abort's reason. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind;
  /** Whether the same call may succeed when it is repeated, as far as the upstream tells. */
  readonly retryable: boolean;
  /** How long the upstream asks clients to wait, in ms. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: ProviderErrorKind,
    message: string,
    options: { retryable?: boolean; retryAfterMs?: number } = {},
  ) {
    super(message);
    this.name = "ProviderError";
    this.kind = kind;
    this.retryable = options.retryable ?? RETRYABLE.has(kind);
    this.retryAfterMs = options.retryAfterMs;
  }
}

const RETRYABLE: ReadonlySet<ProviderErrorKind> = new Set([
  "rate_limit",
  "overloaded",
  "timeout",
  "network",
  "server",
  "malformed",
  "truncated",
]);

/** One upstream, asked over one protocol. */
export interface Provider {
  /** The upstream's name, for example `openai`. */
  readonly name: string;
  /** The protocol's name, for example `chat-completions`; opaque reasoning goes back only to its own protocol and model. */
  readonly protocol: string;
  /**
   * Asks the model once: passes to `sink` what streams in, then resolves with the whole answer. A stream that ends
   * without a finish reason is an error of kind `truncated`, never a result.
   * @throws ProviderError for every upstream failure; the signal's reason when aborted (the upstream request is
   * closed by then).
   */
  generate(request: ModelRequest, sink: ModelSink, signal: AbortSignal): Promise<ModelResult>;
  /** Closes its connections. */
  close(): Promise<void>;
}
