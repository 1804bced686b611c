import { type JsonObject, parseJsonObject } from "../../lib/json.ts";
import { errorFromAnswer, errorFromObject } from "../errors.ts";
import type { CallPolicy, Upstream } from "../protocol.ts";
import {
  type ModelRequest,
  type ModelResult,
  type ModelSink,
  type Provider,
  ProviderError,
  type Served,
} from "../provider.ts";
import { type AnswerReader, AnswerStream } from "./answer-stream.ts";
import type { Framing } from "./framing.ts";
import { createEndpoint, type Endpoint, type Sign, type UpstreamAnswer } from "./http.ts";

/** A model request in its protocol. */
export interface EncodedRequest {
  /** Below the upstream's base URL, for example `/chat/completions`. */
  path: string;
  body: string;
  /** Whether it asks for a stream, which a protocol may do although nobody reads the deltas. */
  stream: boolean;
}

/** How a protocol goes over HTTP. */
interface HttpWire {
  readonly framing: Framing;
  /** Signs each request; absent where the protocol's fixed headers suffice. */
  readonly sign?: Sign;
  /** Encodes a request. It may remember texts that are sent again and again, but not the request. */
  encode(request: ModelRequest): EncodedRequest;
  /** Creates the reader of one answer; `asked` is who serves it unless the answer names another model. */
  createReader(asked: Served): AnswerReader;
}

/** Creates a provider that sends one POST per call. */
export function createHttpProvider(upstream: Upstream, policy: CallPolicy, wire: HttpWire): Provider {
  return new HttpProvider(upstream, policy, wire);
}

const ignoreEvents: ModelSink = () => {};

/**
 * No method is async, and a call makes as few promises as it can: calls wait for minutes, thousands of them at a time,
 * and a suspended function would hold the request, whose transcript and body are long. For the same reason no closure
 * here captures them.
 */
class HttpProvider implements Provider {
  readonly name: string;
  readonly protocol: string;
  readonly #endpoint: Endpoint;
  readonly #wire: HttpWire;
  /** The upstream's key: a server may repeat it in its errors, and clients read those. */
  readonly #secret: string | undefined;

  constructor(upstream: Upstream, policy: CallPolicy, wire: HttpWire) {
    const { name, protocol, baseUrl, apiKey } = upstream;
    this.name = name;
    this.protocol = protocol.name;
    this.#wire = wire;
    this.#secret = apiKey;
    this.#endpoint = createEndpoint({
      baseUrl,
      headers: protocol.headers(upstream),
      sign: wire.sign,
      framing: wire.framing,
      timeoutMs: policy.timeoutMs,
      idleTimeoutMs: policy.idleTimeoutMs,
    });
  }

  generate(request: ModelRequest, sink: ModelSink, signal: AbortSignal): Promise<ModelResult> {
    const asked = { provider: this.name, model: request.model };
    const encoded = this.#wire.encode(request);
    if (!encoded.stream) return this.#generateWhole(encoded, asked, signal);
    const reader = this.#wire.createReader(asked);
    const stream = new AnswerStream(reader, this.#wire.framing, request.stream ? sink : ignoreEvents);
    return this.#generateStream(encoded, stream, signal);
  }

  close(): Promise<void> {
    return this.#endpoint.close();
  }

  #generateWhole({ path, body }: EncodedRequest, asked: Served, signal: AbortSignal): Promise<ModelResult> {
    return this.#endpoint.post({ path, body, signal }).then(
      (answer) => this.#redact(() => this.#readWhole(answer, this.#wire.createReader(asked))),
      (error: unknown) => this.#redact(() => rethrow(error)),
    );
  }

  #generateStream(
    { path, body }: EncodedRequest,
    stream: AnswerStream,
    signal: AbortSignal,
  ): Promise<ModelResult> {
    return this.#endpoint.post({ path, body, signal, onBytes: (bytes) => stream.feed(bytes) }).then(
      // Some servers answer in one piece although they are asked for a stream.
      (answer) =>
        this.#redact(() => (answer.streamed ? stream.finish() : this.#readWhole(answer, stream.reader))),
      (error: unknown) => this.#redact(() => (signal.aborted ? rethrow(error) : stream.finishDespite(error))),
    );
  }

  #readWhole({ status, headers, body }: UpstreamAnswer, reader: AnswerReader): ModelResult {
    if (status >= 300) throw errorFromAnswer(status, headers, body);
    reader.readWhole(parseAnswer(body));
    return reader.finish();
  }

  /** Returns what `make` returns; removes the secret from the error that it throws. */
  #redact(make: () => ModelResult): ModelResult {
    try {
      return make();
    } catch (error) {
      throw withoutSecret(error, this.#secret);
    }
  }
}

function parseAnswer(body: string): JsonObject {
  const json = parseJsonObject(body);
  if (json === undefined) throw new ProviderError("malformed", "The upstream's answer is not JSON.");
  if (json["error"] !== undefined && json["error"] !== null) throw errorFromObject(json["error"]);
  return json;
}

function rethrow(error: unknown): never {
  throw error;
}

/** Shorter keys are placeholders ("none", "ollama") that any message may contain. */
const MIN_SECRET_CHARS = 8;

function withoutSecret(error: unknown, secret: string | undefined): unknown {
  if (!(error instanceof ProviderError) || secret === undefined || secret.length < MIN_SECRET_CHARS)
    return error;
  if (!error.message.includes(secret)) return error;
  const { kind, retryable, retryAfterMs } = error;
  return new ProviderError(kind, error.message.replaceAll(secret, "[redacted]"), {
    retryable,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
