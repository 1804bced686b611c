import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import Pool from "undici/lib/dispatcher/pool.js";
import { Connection, Exchange } from "./exchange.ts";

/** Where an upstream lives and how patient we are with it. */
export interface EndpointOptions {
  /** Base URL, for example `https://api.openai.com/v1`; a trailing slash does not matter. */
  baseUrl: string;
  headers: Record<string, string>;
  /** Until the answer begins, and for the whole of an answer that is not streamed. */
  timeoutMs: number;
  /** Longest silence within a stream. */
  idleTimeoutMs: number;
}

/** The upstream's answer; `body` is empty when it was `streamed`. */
export interface UpstreamAnswer {
  streamed: boolean;
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** One POST. */
export interface UpstreamPost {
  /** Below the base URL, for example `/chat/completions`. */
  path: string;
  body: string;
  signal: AbortSignal;
  /**
   * Gets the text of a successful event stream, per network read; without it the body is collected. True means that
   * the stream has said its last: the post resolves then, whether or not the upstream ever ends the answer.
   */
  onText?: (text: string) => boolean;
}

/** A connection pool to one upstream. */
export interface Endpoint {
  readonly url: URL;
  /**
   * Sends one POST and resolves when the answer is complete. A kept-alive connection that turns out to be dead before
   * any byte of the answer is replaced by another without a word.
   * @throws ProviderError of kind `timeout`, `network`, `truncated` or `malformed`; whatever `onText` throws; the
   * signal's reason when aborted. In each of these cases the connection is closed first.
   */
  post(request: UpstreamPost): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a pool; connections are made on first use. */
export function createEndpoint(options: EndpointOptions): Endpoint {
  const url = new URL(options.baseUrl);
  const basePath = url.pathname.replace(/\/+$/, "");
  const headers = {
    "content-type": "application/json",
    "user-agent": "hermes-api-server",
    ...options.headers,
  };
  const pool = new Pool(url.origin, {
    connections: null,
    pipelining: 1,
    // One stream per connection: closing it is what tells an upstream to stop.
    allowH2: false,
    // Our own timers are exact; undici's are coarse.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    factory: (origin, clientOptions) => new Connection(origin, clientOptions),
  });
  return {
    url,
    post: (request) =>
      new Promise((resolve, reject) => {
        if (request.signal.aborted) {
          reject(request.signal.reason);
          return;
        }
        const { signal, onText } = request;
        const path = basePath + request.path;
        const bytes = Buffer.from(request.body);
        const again = () => {
          pool.dispatch(dispatchOptions({ path, headers, bytes, streams: onText !== undefined }), exchange);
        };
        const exchange = new Exchange({ signal, onText, again }, options, { resolve, reject });
        again();
      }),
    close: () => pool.destroy(),
  };
}

interface RequestParts {
  path: string;
  headers: Record<string, string>;
  bytes: Buffer;
  /** Whether the answer is a stream, which may last. */
  streams: boolean;
}

function dispatchOptions({ path, headers, bytes, streams }: RequestParts): Dispatcher.DispatchOptions {
  if (!streams) return { path, method: "POST", headers, body: bytes };
  const length = String(bytes.length);
  const body = new SentOnce(bytes) as unknown as NonNullable<Dispatcher.DispatchOptions["body"]>;
  return { path, method: "POST", headers: { ...headers, "content-length": length }, body };
}

/**
 * A request body that is let go of as soon as it is sent. undici keeps a request's body until its answer ends, which
 * for thousands of held streams is the larger part of their memory.
 */
class SentOnce implements AsyncIterableIterator<Buffer> {
  #bytes: Buffer | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Buffer>> {
    const value = this.#bytes;
    this.#bytes = undefined;
    return value === undefined ? { done: true, value } : { done: false, value };
  }
}
