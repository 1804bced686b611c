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
  /** A run that is only watched goes on whatever its readers do. */
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
  // Proxies must not buffer the stream.
  "x-accel-buffering": "no",
};

/** Names the run in the headers of the answer, and whether a former request with the same key started it. */
export function nameRun(reply: FastifyReply, { run, replay }: WatchedRun): void {
  reply.header("x-hermes-run-id", run.id);
  if (replay !== undefined) reply.header("idempotency-replayed", "true");
}

/**
 * Repeats the session and memory scope that a request named; characters that no header may contain are percent-
 * encoded.
 */
export function nameSession(
  reply: FastifyReply,
  { sessionId, key }: { sessionId?: string | undefined; key?: string | undefined },
): void {
  if (sessionId !== undefined) reply.header("x-hermes-session-id", headerValue(sessionId));
  if (key !== undefined) reply.header("x-hermes-session-key", headerValue(key));
}

/** Encodes text for a header: Latin-1 as clients sent it, otherwise percent-encoded. */
function headerValue(text: string): string {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(text) ? text : encodeURIComponent(text.toWellFormed());
}

/**
 * Starts a run and answers with its view. A stream has started when this returns: nothing of the request waits for
 * its end, because thousands may be open. A whole answer is sent when the promise resolves.
 */
export function sendRun(reply: FastifyReply, options: SendOptions): Promise<void> | undefined {
  return options.stream ? streamRun(reply, options) : sendWhenDone(reply, options);
}

/** Starts the run, if it has not started, and answers with its event stream, which has started when this returns. */
export function streamRun(reply: FastifyReply, options: StreamOptions): Promise<void> | undefined {
  const response = reply.raw;
  if (response.destroyed) return sendUnread(reply, options);
  const reader = openStream(reply, options);
  // A stream that cannot be completed must not look as if it had ended well.
  const cut = () => response.destroy();
  options.run.follow(reader).then(() => reader.isDone || cut(), cut);
  void begin(options);
  return undefined;
}

/**
 * The client disconnected while the run was prepared, before anybody listened. The effect on the run is the same as
 * later.
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
  // Nobody reads the answer; Fastify must not send one.
  if (reader.gone) reply.hijack();
  else sendWhole(reply, options);
}

/** Sends the head and the first frames at once: clients wait for them before they show anything. */
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
    // The same request would get the same answer again.
    const failure = run.replay === "over" ? { ...answer.failure, shouldRetry: false } : answer.failure;
    const body = { ...envelope(failure), hermes: { run_id: run.run.id } };
    reply.code(httpStatus(failure)).headers(failureHeaders(failure)).send(body);
    return;
  }
  // The socket's timeout counts only time without progress.
  if (answer.body.length > MAX_UNWATCHED_CHARS) reply.raw.setTimeout(streams.writeTimeoutMs);
  reply.header("content-type", "application/json; charset=utf-8");
  if (answer.headers !== undefined) reply.headers(answer.headers);
  reply.send(answer.body);
}

/** Whole ms since the request came in. */
export function elapsedMs(reply: FastifyReply): string {
  return String(Math.round(reply.elapsedTime));
}

/** Called when a run's client disconnects before the end. */
export function leaveRun(run: LiveRun | WatchedRun, { cancels, graceMs }: Disconnect): void {
  if (!cancels || run.run.background === true || !("stop" in run)) return;
  const stop = () => run.stop(RunStop.cancel("client_disconnected"));
  if (graceMs > 0) setTimeout(stop, graceMs).unref();
  else stop();
}

/** Watches a client that waits for a run's answer. */
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

  /** The client disconnected before the answer was complete. */
  leave(): void {
    this.gone = true;
    this.onGone?.();
    leaveRun(this.options.run, this.options.disconnect);
  }
}

/** Reads the run as an event stream. */
class StreamReader extends ClientReader<StreamOptions> {
  readonly #stream: EventStream;
  /** Whether it received the last event. */
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
