import { type JsonObject, parseJsonObject } from "../lib/json.ts";
import type { AnswerStream } from "./answer-stream.ts";
import { errorFromAnswer, errorFromObject } from "./errors.ts";
import type { Endpoint, UpstreamAnswer, UpstreamPost } from "./http.ts";
import { type ModelResult, ProviderError } from "./provider.ts";

/** One model call as it goes over the wire. */
export interface ModelPost {
  path: string;
  body: string;
  signal: AbortSignal;
  /** Undefined when the answer is not asked for as a stream. */
  stream: AnswerStream | undefined;
  /** Reads an answer in one piece; some servers send one even when asked for a stream. */
  read(body: JsonObject): ModelResult;
  /** The upstream's key: a server may repeat it in its errors, and those reach the client. */
  secret: string | undefined;
}

/**
 * Sends a model call and reads its answer. Not an async function: its frame would keep the request's body, which may
 * be long, for as long as the answer streams.
 * @throws ProviderError; the signal's reason when aborted.
 */
export function callModel(endpoint: Endpoint, post: ModelPost): Promise<ModelResult> {
  const { path, body, signal, stream, read, secret } = post;
  const answer =
    stream === undefined
      ? endpoint.post({ path, body, signal }).then((whole) => read(bodyOf(whole)))
      : postStream(endpoint, { path, body, signal }, stream).then((whole) =>
          whole?.streamed === false ? read(bodyOf(whole)) : stream.finish(),
        );
  return answer.catch((error: unknown) => {
    throw hideSecret(error, secret);
  });
}

function bodyOf({ status, headers, body }: UpstreamAnswer): JsonObject {
  if (status >= 300) throw errorFromAnswer(status, headers, body);
  const json = parseJsonObject(body);
  if (json === undefined) throw new ProviderError("malformed", "The upstream's answer is not JSON.");
  if (json["error"] !== undefined && json["error"] !== null) throw errorFromObject(json["error"]);
  return json;
}

/** Undefined when the connection failed only after the finish reason: that answer is complete. */
function postStream(
  endpoint: Endpoint,
  { path, body, signal }: UpstreamPost,
  stream: AnswerStream,
): Promise<UpstreamAnswer | undefined> {
  let refused = false;
  const onText = (text: string) => {
    refused = true;
    const done = stream.feed(text);
    refused = false;
    return done;
  };
  return endpoint.post({ path, body, signal, onText }).catch((error: unknown) => {
    // `refused`: the stream itself is at fault, not the connection.
    if (refused || signal.aborted || !stream.end()) throw error;
    return undefined;
  });
}

/** Shorter ones are placeholders ("none", "ollama") that may stand in any message. */
const MIN_SECRET_CHARS = 8;

function hideSecret(error: unknown, secret: string | undefined): unknown {
  if (!(error instanceof ProviderError) || secret === undefined || secret.length < MIN_SECRET_CHARS)
    return error;
  if (!error.message.includes(secret)) return error;
  const { kind, retryable, retryAfterMs } = error;
  return new ProviderError(kind, error.message.replaceAll(secret, "[redacted]"), {
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
