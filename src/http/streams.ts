import type { ServerResponse } from "node:http";
import { TickBatch } from "../lib/batch.ts";
import { SSE_KEEPALIVE } from "../lib/sse.ts";
import { OpenSet } from "./open-set.ts";

/** Timeouts of streams, ms. */
interface StreamTimes {
  /** Longest silence before a keepalive comment. */
  keepaliveMs: number;
  /** How long a reader may read nothing before it is disconnected. */
  writeTimeoutMs: number;
}

/** Characters of waiting frames that are written before the end of the tick. */
const MAX_WRITE_CHARS = 16 * 1024;

/** How often streams are checked, ms. */
const MAX_SWEEP_MS = 250;

/** All open event streams: one timer keeps them alive, and one write per tick carries all frames of a burst. */
export class Streams {
  /** How they behave when nothing moves. */
  readonly times: StreamTimes;
  readonly #open = new OpenSet<EventStream>();
  readonly #pending = new TickBatch<EventStream>((streams) => {
    for (const stream of streams) stream.flush();
  });
  readonly #timer: NodeJS.Timeout;

  constructor(times: StreamTimes) {
    this.times = times;
    const intervalMs = Math.max(5, Math.min(MAX_SWEEP_MS, times.keepaliveMs / 4));
    this.#timer = setInterval(() => this.#sweep(intervalMs), intervalMs).unref();
  }

  /** Starts a stream on a response whose head is written. */
  start(response: ServerResponse): EventStream {
    const stream = new EventStream(response, this);
    this.#open.add(stream);
    return stream;
  }

  /** Called by a stream that has something to write at the end of this tick. */
  schedule(stream: EventStream): void {
    this.#pending.add(stream);
  }

  /** Called by a stream whose connection is closed. */
  forget(stream: EventStream): void {
    this.#open.delete(stream);
  }

  /** How long any reader may take nothing before it is cut off. */
  get writeTimeoutMs(): number {
    return this.times.writeTimeoutMs;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Resolves when every reader has received what was written; the rest is cut off after `graceMs`. */
  async close(graceMs: number): Promise<void> {
    await this.#open.close(graceMs);
    clearInterval(this.#timer);
  }

  #sweep(intervalMs: number): void {
    const now = performance.now();
    const { keepaliveMs } = this.times;
    // Streams that started together are spread over the second half of their time, so that no request waits for
    // thousands of writes.
    let early = Math.floor((this.#open.size * intervalMs) / (keepaliveMs / 2));
    for (const stream of this.#open) {
      const silence = now - stream.lastWrite;
      // No comment for a reader that reads nothing: it would count as a write, and the timeout would never come.
      if (stream.behind) {
        if (silence > this.times.writeTimeoutMs) stream.cut();
      } else if (silence >= keepaliveMs - intervalMs || (silence >= keepaliveMs / 2 && early-- > 0)) {
        // A sweep early rather than late: readers count the seconds.
        stream.write(SSE_KEEPALIVE);
      }
    }
  }
}

/** Longer text is converted to bytes before it is written. */
const MAX_TEXT_CHARS = 4 * 1024;

/** A text that waits for its reader holds three bytes per character, as long as any could be; bytes hold what they are. */
function inBytes(frames: string): string | Buffer {
  return frames.length > MAX_TEXT_CHARS ? Buffer.from(frames) : frames;
}

/** One event stream to one reader. It writes whole frames only. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #streams: Streams;
  #buffer = "";
  #scheduled = false;
  #blocked = false;
  #ended = false;
  #onCaughtUp: (() => void) | undefined;
  /** Called when the reader disconnects before the end. */
  onLeave: (() => void) | undefined;
  lastWrite = performance.now();

  constructor(response: ServerResponse, streams: Streams) {
    this.#response = response;
    this.#streams = streams;
    response.on("close", this.#onClose);
  }

  /** Whether the reader is slower than the stream; after the end, until it has received everything. */
  get behind(): boolean {
    return this.#blocked || this.#ended;
  }

  /** Resolves when the reader has received what was written, or has disconnected. */
  caughtUp(): Promise<void> {
    if (!this.#blocked) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onCaughtUp = resolve;
    });
  }

  /** Adds frames, which are written at the end of the tick. */
  write(frames: string): void {
    if (frames === "" || this.#ended) return;
    if (this.#buffer.length + frames.length > MAX_WRITE_CHARS) this.flush();
    this.#buffer += frames;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#streams.schedule(this);
  }

  /** Writes the waiting frames. */
  flush(): void {
    this.#scheduled = false;
    const frames = this.#buffer;
    this.#buffer = "";
    if (frames === "" || this.#response.destroyed) return;
    this.lastWrite = performance.now();
    if (this.#response.write(inBytes(frames)) || this.#blocked) return;
    this.#blocked = true;
    this.#response.once("drain", () => this.#unblock());
  }

  /** Writes the waiting frames and ends the response. */
  end(): void {
    const frames = this.#buffer;
    this.#buffer = "";
    this.#ended = true;
    this.lastWrite = performance.now();
    this.#response.end(frames);
  }

  /** Drops the connection. */
  cut(): void {
    this.#response.destroy();
  }

  readonly #onClose = (): void => {
    this.#streams.forget(this);
    if (!this.#response.writableFinished) this.onLeave?.();
    this.#unblock();
  };

  #unblock(): void {
    this.#blocked = false;
    this.#onCaughtUp?.();
    this.#onCaughtUp = undefined;
  }
}
