import { StringDecoder } from "node:string_decoder";
import { createParser, type EventSourceParser } from "eventsource-parser";
import { parseJsonObject } from "../../lib/json.ts";
import { ProviderError } from "../provider.ts";
import type { FrameReader, Framing, OnMessage } from "./framing.ts";

/** No event of a model is longer than this. */
const MAX_EVENT_CHARS = 8 * 1024 * 1024;

/** White space and the bytes of a byte order mark. */
const SILENT_BYTES: ReadonlySet<number> = new Set([0x20, 0x09, 0x0a, 0x0d, 0xef, 0xbb, 0xbf]);
/** JSON and HTML begin with one of these: `{`, `[`, `<`. */
const DOCUMENT_BYTES: ReadonlySet<number> = new Set([0x7b, 0x5b, 0x3c]);
/** A line of an event stream begins with one of these: `data`, `event`, `id`, `retry` or a comment's colon. */
const FIELD_BYTES: ReadonlySet<number> = new Set([0x64, 0x65, 0x69, 0x72, 0x3a]);

/**
 * Server-Sent Events whose data are JSON objects, with or without OpenAI's end mark `[DONE]`.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export const eventStream: Framing = {
  contentType: "text/event-stream",
  isStream(start, isDeclared) {
    const first = start.find((byte) => !SILENT_BYTES.has(byte));
    if (first === undefined) return undefined;
    return isDeclared ? !DOCUMENT_BYTES.has(first) : FIELD_BYTES.has(first);
  },
  open: (onMessage) => new EventReader(onMessage),
};

class EventReader implements FrameReader {
  readonly #decoder = new StringDecoder("utf8");
  readonly #parser: EventSourceParser;
  readonly #onMessage: OnMessage;
  #done = false;
  #ended = false;

  constructor(onMessage: OnMessage) {
    this.#onMessage = onMessage;
    this.#parser = createParser({
      onEvent: (event) => this.#read(event.data),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") throw malformed("an event is too long");
      },
      maxBufferSize: MAX_EVENT_CHARS,
    });
  }

  feed(bytes: Buffer): boolean {
    if (!this.#done) this.#parser.feed(this.#decoder.write(bytes));
    return this.#done;
  }

  /** Some servers omit the empty line after the last event. */
  end(): void {
    this.#ended = true;
    if (!this.#done) this.#parser.feed(`${this.#decoder.end()}\n\n`);
  }

  #read(data: string): void {
    if (this.#done || data === "") return;
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    const message = parseJsonObject(data);
    if (message !== undefined) this.#done = this.#onMessage(message);
    // After the end this is an event that was cut off: the finish reason tells whether anything is missing.
    else if (!this.#ended) throw malformed("an event is not JSON");
  }
}

function malformed(what: string): ProviderError {
  return new ProviderError("malformed", `The upstream's stream is malformed: ${what}.`);
}
