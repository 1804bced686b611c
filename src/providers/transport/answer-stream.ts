import type { JsonObject } from "../../lib/json.ts";
import { type ModelResult, type ModelSink, ProviderError } from "../provider.ts";
import type { Assembler } from "./assembler.ts";
import type { FrameReader, Framing } from "./framing.ts";

/** Reads one answer in its protocol: message by message, or whole. */
export interface AnswerReader {
  /** Where the answer's items and events collect. */
  readonly assembler: Assembler;
  /** Whether the finish reason has come. An answer with one is complete, whatever happens to its connection. */
  readonly isComplete: boolean;
  /**
   * Takes one message of the stream; returns true when the upstream sends nothing more after it.
   * @throws ProviderError for a failure that the upstream reports.
   */
  readMessage(message: JsonObject): boolean;
  /**
   * Takes an answer that was not streamed.
   * @throws ProviderError when it holds no answer, or reports a failure.
   */
  readWhole(body: JsonObject): void;
  /** Returns the whole answer; called once, after everything was read. */
  finish(): ModelResult;
}

/** Reads a streamed answer: takes bytes, gives the sink its events once per network read, returns the result. */
export class AnswerStream {
  readonly reader: AnswerReader;
  readonly #sink: ModelSink;
  readonly #frames: FrameReader;
  /** The stream's content or the sink failed, not the connection. */
  #isRefused = false;

  constructor(reader: AnswerReader, framing: Framing, sink: ModelSink) {
    this.reader = reader;
    this.#sink = sink;
    this.#frames = framing.open((message) => reader.readMessage(message));
  }

  /**
   * Takes what one network read brought; returns true when the upstream sends nothing more.
   * @throws ProviderError for malformed messages and for failures that the upstream reports in the stream.
   */
  feed(bytes: Buffer): boolean {
    this.#isRefused = true;
    const isDone = this.#frames.feed(bytes);
    this.reader.assembler.flush(this.#sink);
    this.#isRefused = false;
    return isDone;
  }

  /**
   * Returns the answer, after the last read.
   * @throws ProviderError of kind `truncated` when no finish reason came.
   */
  finish(): ModelResult {
    this.#frames.end();
    if (!this.reader.isComplete) throw new ProviderError("truncated", "The upstream's stream ended early.");
    return this.#finish();
  }

  /**
   * Returns the answer although the exchange failed: a broken connection does no harm to a complete answer.
   * @throws the error when the answer is not complete, or when `feed` threw it.
   */
  finishDespite(error: unknown): ModelResult {
    if (this.#isRefused) throw error;
    this.#frames.end();
    if (!this.reader.isComplete) throw error;
    return this.#finish();
  }

  #finish(): ModelResult {
    const result = this.reader.finish();
    this.reader.assembler.flush(this.#sink);
    return result;
  }
}
