import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import Pool from "undici/lib/dispatcher/pool.js";
import { Connection, Exchange } from "./exchange.ts";
import type { Framing } from "./framing.ts";

/** Request headers by lower-case name. */
type Headers = Readonly<Record<string, string>>;

/** A request as a signature covers it. */
interface UnsignedRequest {
  method: "POST";
  url: URL;
  headers: Headers;
  body: Buffer;
}

/**
 * Returns the headers that sign one request, which it carries besides its fixed ones. Called for each sending, also
 * when a dead connection is replaced, so that a signature's time is fresh. The call's timeout includes it.
 * @throws ProviderError, for example of kind `auth` when there are no credentials; the signal's reason when aborted.
 */
export type Sign = (request: UnsignedRequest, signal: AbortSignal) => Headers | Promise<Headers>;

/** Where an upstream is and how long it may take. */
export interface EndpointOptions {
  /** Base URL, for example `https://api.openai.com/v1`; a trailing slash does not matter. */
  baseUrl: string;
  /** Sent with every request. */
  headers: Headers;
  /** Absent: the fixed headers are all that a request carries. */
  sign?: Sign | undefined;
  /** How a streamed answer is recognised. */
  framing: Framing;
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
   * Gets the bytes of a successful stream, per network read; without it the body is collected. Returning true means
   * that the stream is finished: the post resolves then, whether or not the upstream ever ends the answer.
   */
  onBytes?: (bytes: Buffer) => boolean;
}

/** A connection pool to one upstream. */
export interface Endpoint {
  /**
   * Sends one POST and resolves when the answer is complete. A kept-alive connection that turns out to be dead before
   * any byte of the answer is replaced without an error.
   * @throws ProviderError of kind `timeout`, `network`, `truncated` or `malformed`; whatever `onBytes` or `sign`
   * throws; the signal's reason when aborted. In each of these cases the connection is closed first.
   */
  post(request: UpstreamPost): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a pool; connections are made on first use. */
export function createEndpoint(options: EndpointOptions): Endpoint {
  return new PooledEndpoint(options);
}

/** What is sent; held until the answer begins. */
interface RequestParts {
  path: string;
  bytes: Buffer;
  /** Whether the answer is a stream, which may last. */
  streams: boolean;
}

class PooledEndpoint implements Endpoint {
  readonly #options: EndpointOptions;
  readonly #origin: string;
  readonly #basePath: string;
  readonly #headers: Headers;
  readonly #pool: Pool;

  constructor(options: EndpointOptions) {
    const { origin, pathname } = new URL(options.baseUrl);
    this.#origin = origin;
    this.#options = options;
    this.#basePath = pathname.replace(/\/+$/, "");
    this.#headers = {
      "content-type": "application/json",
      "user-agent": "hermes-api-server",
      ...options.headers,
    };
    this.#pool = new Pool(origin, {
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
  }

  post({ path, body, signal, onBytes }: UpstreamPost): Promise<UpstreamAnswer> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const parts = {
        path: this.#basePath + path,
        bytes: Buffer.from(body),
        streams: onBytes !== undefined,
      };
      const send = () => this.#send(parts, exchange);
      const exchange = new Exchange({ signal, onBytes, send }, this.#options, { resolve, reject });
      send();
    });
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  #send(parts: RequestParts, exchange: Exchange): void {
    const { sign } = this.#options;
    if (sign === undefined) this.#dispatch(parts, this.#headers, exchange);
    else void this.#sendSigned(parts, sign, exchange);
  }

  async #sendSigned(parts: RequestParts, sign: Sign, exchange: Exchange): Promise<void> {
    const { path, bytes: body } = parts;
    const url = new URL(this.#origin + path);
    try {
      const signed = await sign({ method: "POST", url, headers: this.#headers, body }, exchange.signal);
      if (!exchange.isSettled) this.#dispatch(parts, { ...this.#headers, ...signed }, exchange);
    } catch (error) {
      exchange.fail(error);
    }
  }

  #dispatch({ path, bytes, streams }: RequestParts, headers: Headers, exchange: Exchange): void {
    if (!streams) {
      this.#pool.dispatch({ path, method: "POST", headers, body: bytes }, exchange);
      return;
    }
    const length = String(bytes.length);
    const body = new SentOnce(bytes) as unknown as NonNullable<Dispatcher.DispatchOptions["body"]>;
    this.#pool.dispatch(
      { path, method: "POST", headers: { ...headers, "content-length": length }, body },
      exchange,
    );
  }
}

/**
 * A request body that is released as soon as it is sent. undici keeps a request's body until its answer ends; for
 * thousands of held streams that is the larger part of their memory.
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
