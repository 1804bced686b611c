import type { JsonObject } from "../../lib/json.ts";
import { type ModelResult, type ModelSink, ProviderError } from "../provider.ts";
import type { Assembler } from "./assembler.ts";
import { EventStream } from "./event-stream.ts";

/** An answer in the making, as its protocol reads it. */
export interface Builder {
  readonly assembler: Assembler;
  /** Whether the finish reason has come: what is missing then is decoration. */
  readonly complete: boolean;
  result(): ModelResult;
}

/** Reads a streamed answer: text in, events to the sink once per network read, the whole answer at the end. */
export class AnswerStream {
  readonly #builder: Builder;
  readonly #sink: ModelSink;
  readonly #events: EventStream;

  /** `onEvent` hands an event on to the builder; true when the upstream says its last with it. */
  constructor(builder: Builder, sink: ModelSink, onEvent: (event: JsonObject) => boolean) {
    this.#builder = builder;
    this.#sink = sink;
    this.#events = new EventStream(onEvent);
  }

  /**
   * Takes what one network read brought; true when the upstream has said its last.
   * @throws ProviderError for malformed events and for errors that the upstream reports in the stream.
   */
  feed(text: string): boolean {
    this.#events.feed(text);
    this.#builder.assembler.flush(this.#sink);
    return this.#events.done;
  }

  /** Reads what is left after the last read, and tells whether the finish reason had come. */
  end(): boolean {
    this.#events.end();
    return this.#builder.complete;
  }

  /**
   * The answer, after the last read.
   * @throws ProviderError of kind `truncated` when no finish reason came.
   */
  finish(): ModelResult {
    if (!this.end()) throw new ProviderError("truncated", "The upstream's stream ended early.");
    const result = this.#builder.result();
    this.#builder.assembler.flush(this.#sink);
    return result;
  }
}
