import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import Client from "undici/lib/dispatcher/client.js";
import { ProviderError } from "../provider.ts";
import type { EndpointOptions, UpstreamAnswer, UpstreamPost } from "./http.ts";

/** An answer that is not streamed may be this long at most; a model never comes near it. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/**
 * How long the caller waits for the end of the answer once its stream is finished. Nearly all upstreams end both
 * together, and a caller that did not wait would need a new connection for its next call.
 */
const GRACE_MS = 20;
/** After the grace, the upstream has this long to end the answer before the connection is closed. */
const LINGER_MS = 1_000;

/** Where an exchange reports its end. */
interface Outcome {
  resolve(answer: UpstreamAnswer): void;
  reject(reason: unknown): void;
}

/** What an exchange knows of its request. It does not hold the body, which is long and needed only until it is sent. */
interface ExchangeRequest {
  signal: AbortSignal;
  onBytes: UpstreamPost["onBytes"] | undefined;
  /** Sends the request once more. */
  send: () => void;
}

/** A connection that knows whether it has served a request: only such a one can turn out to be dead already. */
export class Connection extends Client {
  #used = false;

  constructor(origin: URL, options: object) {
    super(origin, options);
    this.on("connect", () => {
      this.#used = false;
    });
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof Exchange) handler.connection = this;
    return super.dispatch(options, handler);
  }

  /** Marks the connection as used; returns whether it was used before. */
  use(): boolean {
    const used = this.#used;
    this.#used = true;
    return used;
  }
}

/** One request and its answer, as undici's dispatcher drives it. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The connection that serves the request, once undici has chosen it. */
  connection: Connection | undefined;
  readonly signal: AbortSignal;
  readonly #onBytes: ExchangeRequest["onBytes"];
  readonly #options: EndpointOptions;
  readonly #outcome: Outcome;
  /** Undefined once the answer has begun; it holds the request's body. */
  #send: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout;
  /** The timer measures silence, not the whole answer. */
  #isIdleTimed = false;
  /** The connection had served a request before. */
  #isReused = false;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  /** The body has turned out to be a stream. */
  #isStream = false;
  /** The body is collected, not streamed. */
  #isWhole = false;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** The stream is finished; the answer may still go on. */
  #isFinished = false;
  /** The answer has ended, or the connection. */
  #isEnded = false;
  #isSettled = false;

  constructor(request: ExchangeRequest, options: EndpointOptions, outcome: Outcome) {
    this.signal = request.signal;
    this.#onBytes = request.onBytes;
    this.#send = request.send;
    this.#options = options;
    this.#outcome = outcome;
    this.#timer = setTimeout(this.#onTimeout, options.timeoutMs);
    request.signal.addEventListener("abort", this.#onAbort);
  }

  /** Whether the caller has its answer or its error. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Closes the connection and, unless settled, rejects with the reason. */
  fail(reason: unknown): void {
    this.#settle(() => this.#outcome.reject(reason));
    this.#controller?.abort(reason instanceof Error ? reason : new Error("aborted"));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Aborted or timed out while it waited for a connection.
    if (this.#isSettled) controller.abort(new Error("aborted"));
    else this.#isReused = this.connection?.use() ?? false;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // An interim answer (103) comes before the real one.
    if (status < 200) return;
    this.#send = undefined;
    this.#status = status;
    this.#headers = headers;
    this.#isWhole = this.#onBytes === undefined || status >= 300;
    // A header that came twice is a list.
    const type = String(headers["content-type"] ?? "");
    if (!this.#isWhole && type.startsWith(this.#options.framing.contentType)) this.#watchSilence();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#isSettled || this.#isFinished) return;
    if (this.#isIdleTimed) this.#timer.refresh();
    if (this.#isStream) this.#deliver(chunk);
    else this.#collect(chunk);
  }

  onResponseEnd(): void {
    this.#isEnded = true;
    if (this.#isSettled) clearTimeout(this.#timer);
    else this.#answer(this.#isIdleTimed && !this.#isWhole);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#isEnded = true;
    if (this.#isSettled) clearTimeout(this.#timer);
    else if (this.#isFinished) this.#answer(true);
    else if (this.#isStale(error)) this.#repeat();
    else this.#settle(() => this.#outcome.reject(connectionError(error, this.#status !== 0)));
  }

  #collect(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BODY_BYTES) {
      this.fail(new ProviderError("malformed", "The upstream's answer is too long.", { retryable: false }));
      return;
    }
    this.#chunks.push(chunk);
    if (!this.#isWhole) this.#recognise();
  }

  #recognise(): void {
    const start = Buffer.concat(this.#chunks);
    const isStream = this.#options.framing.isStream(start, this.#isIdleTimed);
    if (isStream === undefined) return;
    this.#isStream = isStream;
    this.#isWhole = !isStream;
    if (!isStream) return;
    this.#watchSilence();
    this.#chunks = [];
    this.#deliver(start);
  }

  #watchSilence(): void {
    if (this.#isIdleTimed) return;
    this.#isIdleTimed = true;
    // A stream can last for minutes, and nothing reads these any more.
    this.#headers = {};
    if (this.#controller !== undefined) this.#controller.rawHeaders = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onTimeout, this.#options.idleTimeoutMs);
  }

  #deliver(bytes: Buffer): void {
    try {
      if (this.#onBytes?.(bytes) === true) this.#finish();
    } catch (error) {
      this.fail(error);
    }
  }

  #finish(): void {
    this.#isFinished = true;
    if (this.#isEnded) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onGraceOver, GRACE_MS);
  }

  /** The caller gets its answer now; the connection is kept if the upstream ends its own soon. */
  readonly #onGraceOver = (): void => {
    this.#answer(true);
    this.#timer = setTimeout(() => this.#controller?.abort(new Error("lingering")), LINGER_MS).unref();
  };

  #answer(streamed: boolean): void {
    this.#settle(() => {
      const body = streamed ? "" : Buffer.concat(this.#chunks).toString("utf8");
      this.#outcome.resolve({ streamed, status: this.#status, headers: this.#headers, body });
    });
  }

  /** Whether a kept-alive connection was already closed by the upstream: the request never arrived. */
  #isStale(error: Error): boolean {
    return this.#isReused && this.#status === 0 && RESET_CODES.has(readCode(error));
  }

  #repeat(): void {
    this.#isEnded = false;
    // Not from within the dead connection's own callback.
    queueMicrotask(() => this.#isSettled || this.#send?.());
  }

  readonly #onAbort = (): void => this.fail(this.signal.reason);

  readonly #onTimeout = (): void => {
    const seconds = (this.#isIdleTimed ? this.#options.idleTimeoutMs : this.#options.timeoutMs) / 1000;
    const message = this.#isIdleTimed
      ? `sent nothing for ${seconds} s`
      : `did not answer within ${seconds} s`;
    // Not repeated: whoever set a limit expects the error at that limit, not after three times as long.
    this.fail(new ProviderError("timeout", `The upstream ${message}.`, { retryable: false }));
  };

  #settle(report: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#timer);
    this.signal.removeEventListener("abort", this.#onAbort);
    report();
  }
}

/** The error codes of a connection that the other side has closed. */
const RESET_CODES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** Tells only the code, which is Node's or undici's own: their messages may name addresses. */
function connectionError(error: Error, begun: boolean): ProviderError {
  const code = readCode(error);
  if (code === "UND_ERR_CONNECT_TIMEOUT")
    return new ProviderError("timeout", "The upstream could not be reached in time.");
  // An answer that lasts until the connection closes and ends too soon is a parser error, too (EOF).
  if (error.name === "HTTPParserError" && !error.message.includes("EOF"))
    return new ProviderError("malformed", "The upstream's answer is not valid HTTP.");
  if (begun)
    return new ProviderError(
      "truncated",
      `The connection to the upstream broke during its answer (${code}).`,
    );
  const message = `The connection to the upstream failed (${code}).`;
  // UND_ERR_INVALID_ARG is about the request itself, for example a key that no header can carry.
  return new ProviderError("network", message, { retryable: code !== "UND_ERR_INVALID_ARG" });
}

function readCode(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
