import type { ItemBody, MessageBody, ReasoningBody } from "../domain/item.ts";
import type { ModelSettings, ToolChoice, ToolSpec } from "../domain/run.ts";
import type { Usage } from "../domain/usage.ts";

/** One model call. */
export interface ModelRequest {
  /** The model id as the upstream knows it. */
  model: string;
  /** The frozen core prompt, byte-stable per session, or "" for a plain call. The prompt-cache breakpoint stands after it. */
  core: string;
  /** The frontend's own system text, after the core prompt. */
  instructions: string | undefined;
  items: readonly ItemBody[];
  /** Reuse the same objects between calls: their wire form is cached by identity. */
  tools: readonly ToolSpec[];
  toolChoice: ToolChoice;
  settings: ModelSettings;
  /** Whether the upstream should stream; a provider may stream anyway where its protocol wants it. */
  stream: boolean;
}

/** A call that the model asks for; ids are given by the agent, never taken from upstream. */
export interface ModelCall {
  type: "function_call";
  name: string;
  /** JSON text as the model wrote it; may be invalid. */
  arguments: string;
}

/** What a model makes, in the order in which it began each. */
export type ModelItem = MessageBody | ReasoningBody | ModelCall;

/** The beginning of the item at `index` of the coming result, more text of it, or news for a person (a retry). */
export type ModelEvent =
  | { type: "item"; index: number; item: ModelItem }
  | { type: "delta"; index: number; channel: "text" | "reasoning" | "refusal" | "arguments"; delta: string }
  | { type: "status"; kind: "retry"; text: string };

/** Takes what one network read brought, in order. Called synchronously; must not throw. */
export type ModelSink = (events: ModelEvent[]) => void;

/** Who answered a model call. */
export interface Served {
  /** The provider's name. */
  provider: string;
  /** The model as the upstream names it, which may be a version of the one that was asked, or what a router chose. */
  model: string;
}

/** The finished answer; it holds everything, whether or not it was streamed. */
export interface ModelResult {
  items: readonly ModelItem[];
  /** `length`: the output limit cut it. */
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
  /** Whether the same call may succeed if repeated, as far as the upstream tells. */
  readonly retryable: boolean;
  /** How long the upstream asks to wait, in ms. */
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

/**
 * A remote endpoint that speaks one protocol.
 *
 * `generate` asks the model once. It tells `sink` what streams in, then resolves with the whole answer; a
 * stream that ends without a finish reason is an error of kind `truncated`, never a result.
 * @throws ProviderError for every upstream failure; the signal's reason when aborted (the upstream request is then
 * already closed).
 */
export interface Provider {
  /** The configured name, for example `openai`. */
  readonly name: string;
  /** The wire format, for example `chat-completions`; opaque reasoning goes back only to its own protocol and model. */
  readonly protocol: string;
  generate(request: ModelRequest, sink: ModelSink, signal: AbortSignal): Promise<ModelResult>;
  /** Closes its connections. */
  close(): Promise<void>;
}
