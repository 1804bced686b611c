import type { IncomingHttpHeaders } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { Dispatcher } from "undici";
import Client from "undici/lib/dispatcher/client.js";
import { ProviderError } from "../provider.ts";
import type { EndpointOptions, UpstreamAnswer, UpstreamPost } from "./http.ts";

/** An answer that is not streamed may be this long at most; a model never comes near it. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/**
 * How long a stream that has said its last is given to end as an answer too: nearly all do so at once, and a caller
 * who goes on before that would need a new connection.
 */
const GRACE_MS = 20;
/** How much longer the upstream may take before we close the connection. */
const LINGER_MS = 1_000;

/** What an exchange reports to and needs from its endpoint. */
export interface Outcome {
  resolve(answer: UpstreamAnswer): void;
  reject(reason: unknown): void;
}

/** What an exchange needs to know of its request; not the body, which may be long and is sent when the answer comes. */
export interface ExchangeRequest {
  signal: AbortSignal;
  onText: UpstreamPost["onText"] | undefined;
  /** Sends the same request once more. */
  again: () => void;
}

/** A connection that knows whether a request is its first: only a used one can turn out to be dead already. */
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

  /** Counts a request that begins now, and tells whether there was one before it. */
  use(): boolean {
    const used = this.#used;
    this.#used = true;
    return used;
  }
}

/** One request and its answer, as undici's dispatcher drives it. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** Where it was sent. */
  connection: Connection | undefined;
  readonly #signal: AbortSignal;
  readonly #onText: ExchangeRequest["onText"];
  readonly #options: EndpointOptions;
  readonly #outcome: Outcome;
  /** Undefined once the answer has begun; it holds the request's body. */
  #again: (() => void) | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #timer: NodeJS.Timeout;
  /** The timer measures silence, not the whole answer. */
  #idle = false;
  /** Went over a connection that had served a request before. */
  #reused = false;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  /** There as soon as the body turns out to be an event stream. */
  #decoder: StringDecoder | undefined;
  /** The body is to be collected, not streamed. */
  #whole = false;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** The stream has said its last. */
  #said = false;
  /** The answer has ended, or the connection. */
  #ended = false;
  #settled = false;

  constructor(request: ExchangeRequest, options: EndpointOptions, outcome: Outcome) {
    this.#signal = request.signal;
    this.#onText = request.onText;
    this.#again = request.again;
    this.#options = options;
    this.#outcome = outcome;
    this.#timer = setTimeout(this.#onTimeout, options.timeoutMs);
    request.signal.addEventListener("abort", this.#onAbort);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Aborted or timed out while it waited for a connection.
    if (this.#settled) controller.abort(new Error("aborted"));
    else this.#reused = this.connection?.use() ?? false;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
  ): void {
    // An interim answer (103) comes before the real one.
    if (status < 200) return;
    this.#again = undefined;
    this.#status = status;
    this.#headers = headers;
    this.#whole = this.#onText === undefined || status >= 300;
    // A header that came twice is a list.
    const type = String(headers["content-type"] ?? "");
    if (!this.#whole && type.startsWith("text/event-stream")) this.#watchSilence();
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled || this.#said) return;
    if (this.#idle) this.#timer.refresh();
    if (this.#decoder !== undefined) this.#deliver(this.#decoder.write(chunk));
    else this.#collect(chunk);
  }

  onResponseEnd(): void {
    this.#ended = true;
    if (this.#settled) clearTimeout(this.#timer);
    else if (this.#said) this.#answer(true);
    else {
      this.#deliver(this.#decoder?.end() ?? "");
      this.#answer(this.#idle && !this.#whole);
    }
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#ended = true;
    if (this.#settled) clearTimeout(this.#timer);
    else if (this.#said) this.#answer(true);
    else if (this.#isStale(error)) this.#repeat();
    else this.#settle(() => this.#outcome.reject(connectionError(error, this.#status !== 0)));
  }

  #collect(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > MAX_BODY_BYTES) {
      this.#fail(new ProviderError("malformed", "The upstream's answer is too long.", { retryable: false }));
      return;
    }
    this.#chunks.push(chunk);
    if (!this.#whole) this.#recognize();
  }

  /** Servers mislabel streams and errors alike: the first byte that says something decides, not the type alone. */
  #recognize(): void {
    const start = Buffer.concat(this.#chunks);
    const first = start.find((byte) => !SILENT_BYTES.has(byte));
    if (first === undefined) return;
    this.#whole = this.#idle ? DOCUMENT_BYTES.has(first) : !FIELD_BYTES.has(first);
    if (this.#whole) return;
    this.#watchSilence();
    this.#chunks = [];
    this.#decoder = new StringDecoder("utf8");
    this.#deliver(this.#decoder.write(start));
  }

  #watchSilence(): void {
    if (this.#idle) return;
    this.#idle = true;
    // A stream can last, and nobody asks for these any more.
    this.#headers = {};
    if (this.#controller !== undefined) this.#controller.rawHeaders = null;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onTimeout, this.#options.idleTimeoutMs);
  }

  #deliver(text: string): void {
    if (text === "") return;
    try {
      if (this.#onText?.(text) === true) this.#complete();
    } catch (error) {
      this.#fail(error);
    }
  }

  #complete(): void {
    this.#said = true;
    if (this.#ended) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.#onGraceOver, GRACE_MS);
  }

  /** The caller waits no longer; the connection serves again if the upstream ends the answer soon. */
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

  /** A kept-alive connection that the upstream had closed by then: the request never arrived. */
  #isStale(error: Error): boolean {
    return this.#reused && this.#status === 0 && RESET_CODES.has(codeOf(error));
  }

  #repeat(): void {
    this.#ended = false;
    // Not from within the dying connection's own callback.
    queueMicrotask(() => this.#settled || this.#again?.());
  }

  readonly #onAbort = (): void => this.#fail(this.#signal.reason);

  readonly #onTimeout = (): void => {
    const seconds = (this.#idle ? this.#options.idleTimeoutMs : this.#options.timeoutMs) / 1000;
    const message = this.#idle ? `sent nothing for ${seconds} s` : `did not answer within ${seconds} s`;
    // Who set a limit wants to hear at that limit, not at three times it.
    this.#fail(new ProviderError("timeout", `The upstream ${message}.`, { retryable: false }));
  };

  #fail(reason: unknown): void {
    this.#settle(() => this.#outcome.reject(reason));
    this.#controller?.abort(reason instanceof Error ? reason : new Error("aborted"));
  }

  #settle(report: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#signal.removeEventListener("abort", this.#onAbort);
    report();
  }
}

/** White space and the bytes of a byte order mark. */
const SILENT_BYTES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
/** What JSON and HTML begin with: `{`, `[`, `<`. */
const DOCUMENT_BYTES: ReadonlySet<number> = new Set([0x7b, 0x5b, 0x3c]);
/** What a line of an event stream begins with: `data`, `event`, `id`, `retry` or a comment's colon. */
const FIELD_BYTES: ReadonlySet<number> = new Set([0x64, 0x65, 0x69, 0x72, 0x3a]);
/** How a connection that the other side has closed shows. */
const RESET_CODES: ReadonlySet<string> = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"]);

/** The codes are Node's and undici's own; their messages may name addresses, so only the code is told. */
function connectionError(error: Error, begun: boolean): ProviderError {
  const code = codeOf(error);
  if (code === "UND_ERR_CONNECT_TIMEOUT")
    return new ProviderError("timeout", "The upstream could not be reached in time.");
  // An end that comes too soon is a parser's error where the answer was to close the connection.
  if (error.name === "HTTPParserError" && !error.message.includes("EOF"))
    return new ProviderError("malformed", "The upstream's answer is not valid HTTP.");
  if (begun)
    return new ProviderError(
      "truncated",
      `The connection to the upstream broke during its answer (${code}).`,
    );
  const message = `The connection to the upstream failed (${code}).`;
  // Said of the request itself, for example of a key that no header can carry.
  return new ProviderError("network", message, { retryable: code !== "UND_ERR_INVALID_ARG" });
}

function codeOf(error: Error): string {
  return "code" in error && typeof error.code === "string" ? error.code : error.name;
}
