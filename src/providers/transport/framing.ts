import type { JsonObject } from "../../lib/json.ts";

/** Takes one message of a streamed answer; returns true when the upstream sends nothing more after it. */
export type OnMessage = (message: JsonObject) => boolean;

/** Cuts the messages of a streamed answer out of its bytes. One object serves every answer; it holds no state. */
export interface Framing {
  /** The content type of such a stream, in lower case and without parameters. */
  readonly contentType: string;
  /**
   * Judges a body by its first bytes: whether it is such a stream, or undefined while there are too few bytes to tell.
   * `isDeclared`: the answer's content type is `contentType`. Servers give streams and errors wrong types, so the
   * bytes may overrule it.
   */
  isStream(start: Buffer, isDeclared: boolean): boolean | undefined;
  /** Starts to read one answer. `onMessage` is called synchronously, in order. */
  open(onMessage: OnMessage): FrameReader;
}

/** Reads the bytes of one streamed answer. */
export interface FrameReader {
  /**
   * Takes what one network read brought; bytes may be cut anywhere. Returns true once the stream is finished, and
   * ignores what follows.
   * @throws ProviderError of kind `malformed`; whatever `onMessage` throws.
   */
  feed(bytes: Buffer): boolean;
  /** Reads what is left after the body has ended. A last message that was cut off is dropped. */
  end(): void;
}
