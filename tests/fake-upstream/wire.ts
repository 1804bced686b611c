import type { JsonObject } from "../../src/lib/json.ts";
import type { Answer } from "./script.ts";
import type { StreamItem } from "./sse.ts";

/** What of a request its answer depends on. */
export interface Call {
  /** The how-manieth request of this fake; makes ids unique and repeatable. */
  n: number;
  model: string;
  /** Chat: whether the client asked for usage in the stream. */
  includeUsage: boolean;
}

/** How one protocol prints things. */
export interface Wire {
  /** The header that carries the request's id. */
  requestIdHeader: string;
  /** The answer as one JSON object. */
  body(answer: Answer, call: Call): JsonObject;
  /** The answer as the events of a stream. */
  events(answer: Answer, call: Call): StreamItem[];
  /** The data of the error event with which a stream breaks off; streamed or not, it comes with status 200. */
  failure(call: Call): JsonObject;
  /** The usual error object for a status. */
  error(status: number, call: Call): JsonObject;
  models(ids: readonly string[]): JsonObject;
}

/** The creation time of everything, in s: bodies are the same in each test run. */
export const CREATED_S = 1_760_000_000;
