import type { Usage } from "../../src/domain/usage.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { ModelResult } from "../../src/providers/provider.ts";
import type { Gate } from "./gate.ts";
import type { ReceivedRequest } from "./request.ts";
import type { SseFormat, StreamItem } from "./sse.ts";

/** Which of the two languages a request speaks: OpenAI's chat completions or Anthropic's messages. */
export type Protocol = "chat" | "messages";

/** Text as the model streams it. A string is cut into deltas (see `Answer.deltas`); an array is exactly its deltas. */
export type Deltas = string | readonly (string | Gate)[];

/** A tool call of the model. */
export interface ScriptedCall {
  name: string;
  /** JSON text, valid or not, or an object to be written as JSON. Default `{}`. */
  arguments?: Deltas | JsonObject;
  /** Default: one that is unique in this fake. */
  id?: string;
}

/** What the model makes, in this order. */
export interface Content {
  /** Chat: `reasoning_content` (see `Answer.reasoningField`); messages: a thinking block. */
  reasoning?: Deltas;
  /** The thinking block's signature; messages only. */
  signature?: string;
  /** The data of a redacted_thinking block; messages only. */
  redacted?: string;
  text?: Deltas;
  /** Chat: the `refusal` channel; messages: text. */
  refusal?: Deltas;
  toolCalls?: readonly ScriptedCall[];
}

/** A reply that the fake prints in the protocol and mode of the request. `{}` is content null. */
export interface Answer extends Content {
  /** Content after the first: thinking between calls, text after a call. */
  more?: readonly Content[];
  /** How strings become deltas: by words (default), whole, or n characters each. */
  deltas?: "words" | "whole" | number;
  /** Streams all tool calls side by side, a delta of each in turn, after all other content. */
  interleave?: boolean;
  reasoningField?: "reasoning_content" | "reasoning";
  /** One of ours is translated, any other string is sent as it is; null: none comes. Default: stop or tool_calls. */
  finish?: ModelResult["finish"] | (string & {}) | null;
  /** What is not given takes the figures of `DEFAULT_USAGE`; null: no usage at all. */
  usage?: Partial<Usage> | null;
  /** Sent in place of every usage object, whatever it is. */
  rawUsage?: unknown;
  /** After the content the stream breaks off with this error event; true: the protocol's own server error. */
  failure?: JsonObject | true;
  /** False: the end mark is missing (`[DONE]`, `message_stop`). */
  done?: boolean;
  /** Default: the model of the request. */
  model?: string;
  /** How an event stream is written. */
  sse?: SseFormat;
  /** Changes to the events of a stream, in order; see edits.ts. */
  edits?: readonly StreamEdit[];
  /** Changes the body of an answer that is not a stream. */
  editBody?: (body: JsonObject) => unknown;
  /** Answers in this mode whatever the request asked for. */
  mode?: "stream" | "json";
  /** Over the usual ones, for example a wrong content-type. */
  headers?: Record<string, string>;
  /** Only raw replies have one. */
  status?: never;
}

/** A change to the events of a stream. */
export type StreamEdit = (items: readonly StreamItem[], protocol: Protocol) => readonly StreamItem[];

/** Bytes as they are: an object is sent as JSON; an array is one write each, with gates between them. */
export type RawBody = string | Buffer | JsonObject | readonly (string | Buffer | Gate)[];

/** A reply as it stands, for HTTP errors and for whatever no well-meaning server would send. */
export interface RawReply {
  status: number;
  headers?: Record<string, string>;
  /** Default: the protocol's usual error object for the status. */
  body?: RawBody;
}

/** A place in a reply's body: bytes, or whole events of the stream, that are sent before it. */
export type BodyOffset = number | { events: number };

/** How a reply travels. At most one of `cut`, `reset`, `stall` and `end`. */
export interface Delivery {
  /** Waits here, before the headers. */
  gate?: Gate;
  /**
   * What each write carries, and so each read of a client in the same process: one event (default), everything, n
   * bytes, or what lies between these offsets.
   */
  split?: "events" | "whole" | number | readonly number[];
  /** A pause before each write; `split` is then 1 byte unless given. */
  drip?: { everyMs: number };
  /** The socket is closed there in mid-answer (FIN): the client gets all bytes before it. */
  cut?: "before-headers" | BodyOffset;
  /** As `cut`, by RST: the client may lose bytes that it has not read. */
  reset?: "before-headers" | BodyOffset;
  /** No byte comes from there on, and the socket stays open. */
  stall?: "before-headers" | BodyOffset;
  /** The answer ends there as if complete: HTTP sees nothing wrong. */
  end?: BodyOffset;
}

/** One reply of a script. */
export type Reply = (Answer | RawReply) & Delivery;

/**
 * What the fake answers: a queue for completions in order of arrival, or a function that is asked about every request.
 * Undefined, and every other request to a queue, means the usual answer (models, count_tokens).
 */
export type Script =
  | readonly Reply[]
  | ((request: ReceivedRequest) => Reply | undefined | Promise<Reply | undefined>);

/** Tokens that an answer reports unless its script says otherwise. */
export const DEFAULT_USAGE: Usage = { inputTokens: 12, outputTokens: 7, cachedTokens: 0, reasoningTokens: 0 };

/** The tokens that an answer reports. */
export function usageOf(answer: Answer): Usage {
  return { ...DEFAULT_USAGE, ...answer.usage };
}

/** Whether the reply says its own status and bytes. */
export function isRaw(reply: Answer | RawReply): reply is RawReply {
  return "status" in reply;
}
