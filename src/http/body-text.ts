import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { type ApiError, invalidRequest } from "../domain/error.ts";
import { JsonCount } from "./json-count.ts";

/** A text of so many characters is long: what is done with it takes its time. */
export const LONG_CHARS = 1_000_000;
/** And one of so many values. */
const LONG_VALUES = 10_000;

/** The text of a body, counted and decoded as its bytes come in; what is refused is kept no longer. */
export class BodyText {
  readonly #count = new JsonCount();
  /** Most bodies come in one piece, which needs no decoder. */
  #only: Buffer | undefined;
  #decoder: TextDecoder | undefined;
  #pieces: string[] = [];
  #refusal: ApiError | undefined;

  /** Characters so far; until the second piece comes, bytes. */
  length = 0;

  /** Whether others should have their turn between the steps of reading it. */
  get isLong(): boolean {
    return this.length >= LONG_CHARS || this.#count.values >= LONG_VALUES;
  }

  /** Takes the next bytes; a character may be cut. */
  add(bytes: Buffer): void {
    if (this.#refusal !== undefined) return;
    this.#count.add(bytes);
    this.#refusal = this.#count.refusal;
    if (this.#refusal !== undefined) this.#pieces = [];
    else if (this.length === 0) {
      this.#only = bytes;
      this.length = bytes.length;
    } else this.#decode(bytes);
  }

  /** Nothing more comes. Why it is refused, if it is. */
  end(): ApiError | undefined {
    if (this.#refusal === undefined && this.#only !== undefined && !isUtf8(this.#only)) return notUtf8();
    if (this.#refusal === undefined && this.#decoder !== undefined) this.#decode();
    return this.#refusal;
  }

  /** The whole text, once: it is not kept. */
  take(): string {
    const text = this.#only?.toString() ?? this.#pieces.join("");
    this.#only = undefined;
    this.#pieces = [];
    return text;
  }

  /** Decodes what comes, or, without, the end. */
  #decode(bytes?: Buffer): void {
    try {
      if (this.#only !== undefined) {
        this.#decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
        this.#pieces.push(this.#decoder.decode(this.#only, { stream: true }));
        this.#only = undefined;
      }
      const piece = this.#decoder?.decode(bytes, { stream: bytes !== undefined }) ?? "";
      this.#pieces.push(piece);
      this.length += piece.length;
    } catch {
      this.#refusal = notUtf8();
      this.#pieces = [];
    }
  }
}

/** Bytes are never guessed: read as what they are not, they would be stored and answered as other words. */
function notUtf8(): ApiError {
  return invalidRequest(undefined, "The body is not UTF-8.", "invalid_json");
}
