/**
 * A model server for tests: real HTTP on a loopback port of its own, exact to the byte. It speaks OpenAI's chat
 * completions (`/v1/chat/completions`, `/v1/models`, also without `/v1`) and Anthropic's messages (`/v1/messages`,
 * `/v1/messages/count_tokens`, `/v1/models`), streamed or not as the request asks.
 *
 * A script is a list of replies, one per completion request, or a function from request to reply:
 *
 *     const gate = createGate();
 *     await using upstream = await FakeUpstream.start([
 *       { status: 429, headers: { "retry-after": "1" } },
 *       { reasoning: "Hm.", toolCalls: [{ name: "add", arguments: { a: 1 } }] },
 *       { text: ["Hel", gate, "lo"], finish: "length", cut: { events: 3 } },
 *     ]);
 *     const client = new OpenAI({ baseURL: upstream.openaiBaseURL, apiKey: "sk-fake" });
 *     const request = await upstream.requestArrived(2);
 *     await gate.reached();
 *     gate.open();
 *     await upstream.idle();
 *
 * What a reply may say is in script.ts (`Answer`, `RawReply`, `Delivery`), gates in gate.ts, ready-made errors in
 * faults.ts, changes to single events in edits.ts, typed request bodies in request.ts, the bytes of a reply in plan.ts.
 * A refused connection is the origin of a fake that is closed; a TLS error is its origin under `https:`.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { DEADLINE_MS } from "./deadline.ts";
import { deliver } from "./deliver.ts";
import { type Counts, Observer } from "./observer.ts";
import { planOf, type Step, WIRES } from "./plan.ts";
import { type ReceivedRequest, receive } from "./request.ts";
import { DEFAULT_USAGE, type Reply, type Script } from "./script.ts";

/** What is served beside the script. */
export interface FakeUpstreamOptions {
  /** The ids under `/models`. Default `["fake-model"]`. */
  models?: readonly string[];
  /** What `/messages/count_tokens` counts, whatever it is sent. */
  inputTokens?: number;
}

/** The status for a mistake in the test itself: no client retries it, and it stands out in a log. */
const SCRIPT_ERROR_STATUS = 418;

/** A running fake; several can run at once and share nothing. */
export class FakeUpstream implements AsyncDisposable {
  /** `http://127.0.0.1:<port>`: the base URL for Anthropic's SDK. */
  readonly origin: string;
  /** The origin and `/v1`: the base URL for OpenAI's SDK. */
  readonly openaiBaseURL: string;
  readonly #server: Server;
  readonly #queue: Reply[];
  readonly #script: Script;
  readonly #options: FakeUpstreamOptions;
  readonly #observer = new Observer();
  readonly #open = new Set<AbortController>();
  #closing: Promise<void> | undefined;

  private constructor(server: Server, script: Script, options: FakeUpstreamOptions) {
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    this.openaiBaseURL = `${this.origin}/v1`;
    this.#server = server;
    this.#script = script;
    this.#queue = typeof script === "function" ? [] : [...script];
    this.#options = options;
    server.on("connection", (socket) => {
      this.#observer.socket(1);
      socket.on("close", () => this.#observer.socket(-1));
    });
    server.on("request", (message, response) => void this.#serve(message, response));
  }

  /** A fake that listens. */
  static async start(script: Script = [], options: FakeUpstreamOptions = {}): Promise<FakeUpstream> {
    // No idle limit: a connection that closes by itself would be a fault that no script asked for.
    const server = createServer({ keepAliveTimeout: 0 });
    const listening = Promise.withResolvers<void>();
    server.once("error", listening.reject).listen(0, "127.0.0.1", listening.resolve);
    await listening.promise;
    return new FakeUpstream(server, script, options);
  }

  /** All requests, in order of arrival. */
  get requests(): readonly ReceivedRequest[] {
    return this.#observer.requests;
  }

  get counts(): Counts {
    return this.#observer.counts;
  }

  /** How many replies of the queue are still to be asked for. */
  get repliesLeft(): number {
    return this.#queue.length;
  }

  /** Adds replies to the queue; they also stand in where a function gives none. */
  enqueue(...replies: Reply[]): void {
    this.#queue.push(...replies);
  }

  /** Resolves with the n-th request (from 1), as soon as it has arrived. */
  async requestArrived(n = 1, deadlineMs = DEADLINE_MS): Promise<ReceivedRequest> {
    const { requests } = this.#observer;
    await this.#observer.until(`arrival of request ${n}`, () => requests.length >= n, deadlineMs);
    return requests[n - 1] as ReceivedRequest;
  }

  /** Resolves with the n-th request (from 1) whose answer a client broke off, as soon as it has. */
  async streamAborted(n = 1, deadlineMs = DEADLINE_MS): Promise<ReceivedRequest> {
    const { aborted } = this.#observer;
    await this.#observer.until(`abort ${n} by a client`, () => aborted.length >= n, deadlineMs);
    return aborted[n - 1] as ReceivedRequest;
  }

  /** Resolves when no answer is under way; wait for a request first, lest it has not begun. */
  async idle(deadlineMs = DEADLINE_MS): Promise<void> {
    await this.#observer.until("end of all answers", () => this.counts.openStreams === 0, deadlineMs);
  }

  /** Resolves when no socket is open, kept-alive ones included. */
  async disconnected(deadlineMs = DEADLINE_MS): Promise<void> {
    await this.#observer.until("close of all sockets", () => this.counts.openSockets === 0, deadlineMs);
  }

  /** Ends everything: no socket, timer or waiting test is left. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #shutDown(): Promise<void> {
    for (const closed of this.#open) closed.abort();
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    this.#server.closeAllConnections();
    // The server may say that it is closed before its sockets do.
    await Promise.all([closed.promise, this.disconnected()]);
    this.#observer.close();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    response.sendDate = false;
    // A request that breaks off before its end has not arrived.
    const received = await receive(message).catch(() => undefined);
    if (received === undefined) return;
    const request: ReceivedRequest = { n: this.requests.length + 1, ...received };
    const closed = new AbortController();
    this.#open.add(closed);
    response.once("close", () => {
      this.#open.delete(closed);
      const ours = closed.signal.aborted ? "cut" : "aborted";
      this.#observer.ended(request, response.writableFinished ? "answered" : ours);
      closed.abort();
    });
    this.#observer.arrived(request);
    await deliver(await this.#plan(request), response, closed);
  }

  async #plan(request: ReceivedRequest): Promise<Step[]> {
    try {
      return planOf(await this.#reply(request), request);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return planOf({ status: SCRIPT_ERROR_STATUS, body: { error: { message: reason } } }, request);
    }
  }

  async #reply(request: ReceivedRequest): Promise<Reply> {
    const { n, method, path, endpoint, protocol } = request;
    const scripted = typeof this.#script === "function" ? await this.#script(request) : undefined;
    if (scripted !== undefined) return scripted;
    const { models = ["fake-model"], inputTokens = DEFAULT_USAGE.inputTokens } = this.#options;
    const wire = WIRES[protocol];
    switch (endpoint) {
      case "models":
        return { status: 200, body: wire.models(models) };
      case "count_tokens":
        return { status: 200, body: { input_tokens: inputTokens } };
      case "unknown":
        return { status: 404, body: { error: { message: `fake upstream: nothing at ${method} ${path}` } } };
      case "completion": {
        const next = this.#queue.shift();
        if (next !== undefined) return next;
        throw new Error(`fake upstream: the script has no reply for request ${n}, ${method} ${path}`);
      }
    }
  }
}
