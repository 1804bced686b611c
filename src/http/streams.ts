import type { ServerResponse } from "node:http";
import { TickBatch } from "../lib/batch.ts";
import { SSE_KEEPALIVE } from "../lib/sse.ts";
import { OpenSet } from "./open-set.ts";

/** How streams behave when nothing moves, in ms. */
interface StreamTimes {
  /** Longest silence before a keepalive comment. */
  keepaliveMs: number;
  /** How long a reader may take nothing before it is cut off. */
  writeTimeoutMs: number;
}

/** Frames that wait for the tick's end are written when they are this many characters. */
const MAX_WRITE_CHARS = 16 * 1024;

/** Streams are looked at so often, ms. */
const MAX_SWEEP_MS = 250;

/** All open event streams: one timer keeps them alive, one write per tick carries what a burst brought. */
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

  /** Begins a stream on a response whose head is written. */
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

  /** Resolves when every reader has taken what was written; who has not by then is cut off. */
  async close(graceMs: number): Promise<void> {
    await this.#open.close(graceMs);
    clearInterval(this.#timer);
  }

  #sweep(intervalMs: number): void {
    const now = performance.now();
    const { keepaliveMs } = this.times;
    // Streams that began together are spread over the second half of their time: no request waits for thousands of writes.
    let early = Math.floor((this.#open.size * intervalMs) / (keepaliveMs / 2));
    for (const stream of this.#open) {
      const silence = now - stream.lastWrite;
      // No comment for a reader that takes nothing: it would count as a write, and the timeout would never come.
      if (stream.behind) {
        if (silence > this.times.writeTimeoutMs) stream.cut();
      } else if (silence >= keepaliveMs - intervalMs || (silence >= keepaliveMs / 2 && early-- > 0)) {
        // A sweep early rather than late: readers count the seconds.
        stream.write(SSE_KEEPALIVE);
      }
    }
  }
}

/** Longer text is turned into bytes before it is written. */
const MAX_TEXT_CHARS = 4 * 1024;

/** A text that waits for its reader holds three bytes per character, as long as any could be; bytes hold what they are. */
function inBytes(frames: string): string | Buffer {
  return frames.length > MAX_TEXT_CHARS ? Buffer.from(frames) : frames;
}

/** One event stream to one reader. Whole frames only: a frame is never split over two writes. */
export class EventStream {
  readonly #response: ServerResponse;
  readonly #streams: Streams;
  #buffer = "";
  #scheduled = false;
  #blocked = false;
  #ended = false;
  #onCaughtUp: (() => void) | undefined;
  /** Called when the reader closed the connection before the end. */
  onLeave: (() => void) | undefined;
  lastWrite = performance.now();

  constructor(response: ServerResponse, streams: Streams) {
    this.#response = response;
    this.#streams = streams;
    response.on("close", this.#onClose);
  }

  /** Whether the reader takes less than it is given; after the end, until it has everything. */
  get behind(): boolean {
    return this.#blocked || this.#ended;
  }

  /** Resolves when the reader has taken what was written, or is gone. */
  caughtUp(): Promise<void> {
    if (!this.#blocked) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onCaughtUp = resolve;
    });
  }

  /** Adds frames; they leave at the end of the tick. */
  write(frames: string): void {
    if (frames === "" || this.#ended) return;
    if (this.#buffer.length + frames.length > MAX_WRITE_CHARS) this.flush();
    this.#buffer += frames;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#streams.schedule(this);
  }

  /** Writes what waits. */
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

  /** Writes what waits and ends the response. */
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
