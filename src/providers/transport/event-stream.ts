import { createParser, type EventSourceParser } from "eventsource-parser";
import { type JsonObject, parseJsonObject } from "../../lib/json.ts";
import { ProviderError } from "../provider.ts";

/** No event of a model is longer than this many characters. */
const MAX_EVENT_CHARS = 8 * 1024 * 1024;

/** Reads Server-Sent Events whose data are JSON objects, as both protocols send them. */
export class EventStream {
  readonly #parser: EventSourceParser;
  readonly #onEvent: (event: JsonObject) => boolean;
  #done = false;
  #ended = false;

  /** `onEvent` gets each event's data, in order, and tells whether it was the last; what it throws, `feed` throws. */
  constructor(onEvent: (event: JsonObject) => boolean) {
    this.#onEvent = onEvent;
    this.#parser = createParser({
      onEvent: (event) => this.#onData(event.data),
      onError: (error) => {
        if (error.type === "max-buffer-size-exceeded") throw malformed("an event is too long");
      },
      maxBufferSize: MAX_EVENT_CHARS,
    });
  }

  /** Whether the end mark has come; what follows it is ignored. */
  get done(): boolean {
    return this.#done;
  }

  /** @throws ProviderError of kind `malformed` for an event that is no JSON object or is too long. */
  feed(text: string): void {
    if (!this.#done) this.#parser.feed(text);
  }

  /** The text is at its end: some servers omit the newline after the last event. */
  end(): void {
    this.#ended = true;
    this.feed("\n\n");
  }

  #onData(data: string): void {
    if (this.#done || data === "") return;
    if (data === "[DONE]") {
      this.#done = true;
      return;
    }
    const event = parseJsonObject(data);
    if (event !== undefined) this.#done = this.#onEvent(event);
    // The stump of an event that was cut off: whether that matters, the finish reason tells.
    else if (!this.#ended) throw malformed("an event is not JSON");
  }
}

function malformed(what: string): ProviderError {
  return new ProviderError("malformed", `The upstream's stream is malformed: ${what}.`);
}
