import { type JsonObject, parseJsonObject } from "../../lib/json.ts";
import { errorFromAnswer, errorFromObject } from "../errors.ts";
import { type ModelResult, ProviderError } from "../provider.ts";
import type { AnswerStream } from "./answer-stream.ts";
import type { Endpoint, UpstreamAnswer } from "./http.ts";

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
 * Sends a model call and reads its answer. Not an async function, and one promise only: a call can wait for minutes,
 * thousands of them at a time, and a frame would keep the request's body, which may be long.
 * @throws ProviderError; the signal's reason when aborted.
 */
export function callModel(endpoint: Endpoint, post: ModelPost): Promise<ModelResult> {
  const { path, body, signal, stream, read, secret } = post;
  if (stream === undefined) {
    const answer = endpoint.post({ path, body, signal });
    return answer.then(
      (whole) => hiding(secret, () => read(bodyOf(whole))),
      (error: unknown) => {
        throw hideSecret(error, secret);
      },
    );
  }
  let refused = false;
  const onText = (text: string) => {
    refused = true;
    const done = stream.feed(text);
    refused = false;
    return done;
  };
  return endpoint.post({ path, body, signal, onText }).then(
    (answer) => hiding(secret, () => (answer.streamed ? stream.finish() : read(bodyOf(answer)))),
    (error: unknown) =>
      hiding(secret, () => {
        // `refused`: the stream itself is at fault. Else the connection is, which does not matter to an answer that is
        // complete.
        if (refused || signal.aborted || !stream.end()) throw error;
        return stream.finish();
      }),
  );
}

function bodyOf({ status, headers, body }: UpstreamAnswer): JsonObject {
  if (status >= 300) throw errorFromAnswer(status, headers, body);
  const json = parseJsonObject(body);
  if (json === undefined) throw new ProviderError("malformed", "The upstream's answer is not JSON.");
  if (json["error"] !== undefined && json["error"] !== null) throw errorFromObject(json["error"]);
  return json;
}

/** Shorter ones are placeholders ("none", "ollama") that may stand in any message. */
const MIN_SECRET_CHARS = 8;

/** What `make` makes; what it throws does not tell the secret. */
function hiding<Made>(secret: string | undefined, make: () => Made): Made {
  try {
    return make();
  } catch (error) {
    throw hideSecret(error, secret);
  }
}

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
