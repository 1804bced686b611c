import type { FastifyReply } from "fastify";
import { RunStop } from "../agent/stop.ts";
import { type AgentEvent, isLast } from "../domain/event.ts";
import type { Reader } from "../eventlog/follow.ts";
import type { LiveRun, WatchedRun } from "../runs/live-run.ts";
import type { Encoder, StreamEncoder } from "../wire/shared/encoder.ts";
import { envelope, failureHeaders, httpStatus } from "./errors.ts";
import type { EventStream, Streams } from "./streams.ts";

/** What a disconnect before the end does to the run. */
export interface Disconnect {
  cancels: boolean;
  /** How long the client may be away before the run is cancelled. */
  graceMs: number;
}

/** How a run is streamed. */
interface StreamOptions {
  /** One that is only watched goes on whatever its readers do. */
  run: LiveRun | WatchedRun;
  encoder: StreamEncoder;
  disconnect: Disconnect;
  streams: Streams;
}

/** How a run is answered. */
interface SendOptions extends StreamOptions {
  encoder: Encoder;
  stream: boolean;
}

const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache",
  // Proxies must not collect the stream before they pass it on.
  "x-accel-buffering": "no",
};

/** Says in the head of an answer which run it is about, and whether a former request with the same key began it. */
export function nameRun(reply: FastifyReply, { run, replay }: WatchedRun): void {
  reply.header("x-hermes-run-id", run.id);
  if (replay !== undefined) reply.header("idempotency-replayed", "true");
}

/** Says again which session and memory scope a request named; what no header can hold is percent-encoded. */
export function nameSession(
  reply: FastifyReply,
  { sessionId, key }: { sessionId?: string | undefined; key?: string | undefined },
): void {
  if (sessionId !== undefined) reply.header("x-hermes-session-id", headerValue(sessionId));
  if (key !== undefined) reply.header("x-hermes-session-key", headerValue(key));
}

/** Text as a header can hold it: Latin-1, as clients sent it, else percent-encoded. */
function headerValue(text: string): string {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

/**
 * Begins a run and answers a request with its view. A stream is on its way when this returns: nothing of the request
 * waits for its end, since thousands of them can be open. A whole answer is sent when the promise resolves.
 */
export function sendRun(reply: FastifyReply, options: SendOptions): Promise<void> | undefined {
  return options.stream ? streamRun(reply, options) : sendWhenDone(reply, options);
}

/** Begins a run, if it is to be begun, and answers with its event stream, which is on its way when this returns. */
export function streamRun(reply: FastifyReply, options: StreamOptions): Promise<void> | undefined {
  const response = reply.raw;
  if (response.destroyed) return sendUnread(reply, options);
  const reader = openStream(reply, options);
  // A stream that can no longer be read on must not look as if it had ended well.
  const cut = () => response.destroy();
  options.run.follow(reader).then(() => reader.isDone || cut(), cut);
  void begin(options);
  return undefined;
}

/**
 * The client's close was before anybody listened: while the run was prepared. What that does to the run is the same as
 * at any later time.
 */
async function sendUnread(reply: FastifyReply, options: StreamOptions): Promise<void> {
  reply.hijack();
  leaveRun(options.run, options.disconnect);
  await begin(options);
}

function begin({ run }: StreamOptions): Promise<void> | undefined {
  return "begin" in run ? run.begin() : undefined;
}

async function sendWhenDone(reply: FastifyReply, options: SendOptions): Promise<void> {
  if (reply.raw.destroyed) return sendUnread(reply, options);
  const reader = new WholeReader(options);
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) reader.leave();
  });
  const followed = options.run.follow(reader);
  await begin(options);
  await followed;
  // Nobody is there to answer; Fastify must not try.
  if (reader.gone) reply.hijack();
  else sendWhole(reply, options);
}

/** The head and the first frames leave at once: clients wait for them before they show anything. */
function openStream(reply: FastifyReply, options: StreamOptions): StreamReader {
  const headers = { ...reply.getHeaders(), ...SSE_HEADERS, "openai-processing-ms": elapsedMs(reply) };
  // The headers that plugins set are carried over by hand: hijacking drops them.
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, headers as Record<string, string>);
  const stream = options.streams.start(response);
  // One packet, but two chunks: a head that is written alone becomes one flat string, which thousands of streams keep.
  response.cork();
  response.flushHeaders();
  stream.write(options.encoder.open());
  stream.flush();
  response.uncork();
  const reader = new StreamReader(options, stream);
  stream.onLeave = () => reader.leave();
  return reader;
}

/** Characters that a socket takes at once, read or not. */
const MAX_UNWATCHED_CHARS = 64 * 1024;

function sendWhole(reply: FastifyReply, { encoder, run, streams }: SendOptions): void {
  const answer = encoder.answer();
  if ("failure" in answer) {
    // The same request would be answered with the same again.
    const failure = run.replay === "over" ? { ...answer.failure, shouldRetry: false } : answer.failure;
    const body = { ...envelope(failure), hermes: { run_id: run.run.id } };
    reply.code(httpStatus(failure)).headers(failureHeaders(failure)).send(body);
    return;
  }
  // The socket counts only time without progress, and is cut off then.
  if (answer.body.length > MAX_UNWATCHED_CHARS) reply.raw.setTimeout(streams.writeTimeoutMs);
  reply.header("content-type", "application/json; charset=utf-8");
  if (answer.headers !== undefined) reply.headers(answer.headers);
  reply.send(answer.body);
}

/** Whole ms since the request came in. */
export function elapsedMs(reply: FastifyReply): string {
  return String(Math.round(reply.elapsedTime));
}

/** A run's client is gone before the end. */
export function leaveRun(run: LiveRun | WatchedRun, { cancels, graceMs }: Disconnect): void {
  if (!cancels || run.run.background === true || !("stop" in run)) return;
  const stop = () => run.stop(RunStop.cancel("client_disconnected"));
  if (graceMs > 0) setTimeout(stop, graceMs).unref();
  else stop();
}

/** A client that waits for a run's answer, until it has it or leaves. */
abstract class ClientReader<Options extends StreamOptions> implements Reader {
  protected readonly options: Options;
  gone = false;
  onGone: (() => void) | undefined;

  constructor(options: Options) {
    this.options = options;
  }

  abstract push(event: AgentEvent): void;
  abstract behind(): boolean;
  abstract caughtUp(): Promise<void>;

  /** The client closed the connection before the answer was complete. */
  leave(): void {
    this.gone = true;
    this.onGone?.();
    leaveRun(this.options.run, this.options.disconnect);
  }
}

/** Reads the run as an event stream. */
class StreamReader extends ClientReader<StreamOptions> {
  readonly #stream: EventStream;
  /** Whether it got the last event. */
  isDone = false;

  constructor(options: StreamOptions, stream: EventStream) {
    super(options);
    this.#stream = stream;
  }

  push(event: AgentEvent): void {
    this.#stream.write(this.options.encoder.push(event));
    if (!isLast(event)) return;
    this.isDone = true;
    this.#stream.end();
  }

  behind(): boolean {
    return this.#stream.behind;
  }

  caughtUp(): Promise<void> {
    return this.#stream.caughtUp();
  }
}

/** Waits for the whole answer. */
class WholeReader extends ClientReader<SendOptions> {
  push(event: AgentEvent): void {
    this.options.encoder.read(event);
  }

  behind(): boolean {
    return false;
  }

  caughtUp(): Promise<void> {
    return Promise.resolve();
  }
}
