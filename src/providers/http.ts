import type { IncomingHttpHeaders } from "node:http";
import { StringDecoder } from "node:string_decoder";
import { type Dispatcher, Pool } from "undici";
import { ProviderError } from "./provider.ts";

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
  /** Gets the text of a successful event stream, per network read; without it the body is collected. */
  onText?: (text: string) => void;
}

/** A connection pool to one upstream. */
export interface Endpoint {
  readonly url: URL;
  /**
   * Sends one POST and resolves when the answer is complete.
   * @throws ProviderError of kind `timeout` or `network`; whatever `onText` throws; the signal's reason when aborted.
   * In each of these cases the connection is closed first.
   */
  post(request: UpstreamPost): Promise<UpstreamAnswer>;
  close(): Promise<void>;
}

/** An answer that is not streamed may be this long at most; a model never comes near it. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/** Opens a pool; connections are made on first use. */
export function createEndpoint(options: EndpointOptions): Endpoint {
  const url = new URL(options.baseUrl);
  const basePath = url.pathname.replace(/\/+$/, "");
  const headers = { "content-type": "application/json", ...options.headers };
  // Our own timers below are exact; undici's are coarse.
  const pool = new Pool(url.origin, {
    connections: null,
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { timeout: CONNECT_TIMEOUT_MS },
  });
  return {
    url,
    post: (request) =>
      new Promise((resolve, reject) => {
        if (request.signal.aborted) {
          reject(request.signal.reason);
          return;
        }
        const exchange = new Exchange(request, options, { resolve, reject });
        pool.dispatch(
          { path: basePath + request.path, method: "POST", headers, body: request.body },
          exchange,
        );
      }),
    close: () => pool.destroy(),
  };
}

interface Outcome {
  resolve(answer: UpstreamAnswer): void;
  reject(reason: unknown): void;
}

/** One request and its answer, as undici's dispatcher drives it. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: UpstreamPost;
  readonly #options: EndpointOptions;
  readonly #outcome: Outcome;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #decoder: StringDecoder | undefined;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #settled = false;

  constructor(request: UpstreamPost, options: EndpointOptions, outcome: Outcome) {
    this.#request = request;
    this.#options = options;
    this.#outcome = outcome;
    this.#timer = setTimeout(this.#onTimeout, options.timeoutMs);
    request.signal.addEventListener("abort", this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Aborted or timed out while it waited for a connection.
    if (this.#settled) controller.abort(new Error("aborted"));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
    const type = headers["content-type"];
    if (this.#request.onText === undefined || status >= 300 || !type?.startsWith("text/event-stream")) return;
    this.#decoder = new StringDecoder("utf8");
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onTimeout, this.#options.idleTimeoutMs);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    if (this.#decoder !== undefined) {
      this.#timer.refresh();
      this.#deliver(this.#decoder.write(chunk));
      return;
    }
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BODY_BYTES) {
      this.#fail(new ProviderError("malformed", "The upstream's answer is too long.", { retryable: false }));
      return;
    }
    this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    const streamed = this.#decoder !== undefined;
    this.#deliver(this.#decoder?.end() ?? "");
    const body = Buffer.concat(this.#chunks).toString("utf8");
    this.#settle(() =>
      this.#outcome.resolve({ streamed, status: this.#status, headers: this.#headers, body }),
    );
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#settle(() => this.#outcome.reject(networkError(error)));
  }

  #deliver(text: string): void {
    if (text === "") return;
    try {
      this.#request.onText?.(text);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onAbort = (): void => this.#fail(this.#request.signal.reason);

  readonly #onTimeout = (): void => {
    const streaming = this.#decoder !== undefined;
    const seconds = (streaming ? this.#options.idleTimeoutMs : this.#options.timeoutMs) / 1000;
    const message = streaming ? `sent nothing for ${seconds} s` : `did not answer within ${seconds} s`;
    this.#fail(new ProviderError("timeout", `The upstream ${message}.`));
  };

  #fail(reason: unknown): void {
    this.#settle(() => this.#outcome.reject(reason));
    this.#controller?.abort(reason instanceof Error ? reason : new Error("aborted"));
  }

  #settle(report: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#request.signal.removeEventListener("abort", this.#onAbort);
    report();
  }
}

/** The codes are Node's and undici's own; their messages may name addresses, so only the code is told. */
function networkError(error: Error): ProviderError {
  const code = "code" in error && typeof error.code === "string" ? error.code : error.name;
  const timedOut = code === "UND_ERR_CONNECT_TIMEOUT";
  const message = timedOut
    ? "The upstream could not be reached in time."
    : `The connection to the upstream failed (${code}).`;
  return new ProviderError(timedOut ? "timeout" : "network", message);
}
