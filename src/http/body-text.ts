import { isUtf8 } from "node:buffer";
import { TextDecoder } from "node:util";
import { type ApiError, invalidRequest } from "../domain/error.ts";
import { JsonCount } from "./json-count.ts";

/** A text with so many characters counts as long: handling it takes time. */
export const LONG_CHARS = 1_000_000;
/** So does one with so many values. */
const LONG_VALUES = 10_000;

/** The text of a body, counted and decoded while its bytes arrive; a refused body is no longer kept. */
export class BodyText {
  readonly #count = new JsonCount();
  /** Most bodies arrive in one piece, which needs no decoder. */
  #only: Buffer | undefined;
  #decoder: TextDecoder | undefined;
  #pieces: string[] = [];
  #refusal: ApiError | undefined;

  /** Characters so far; bytes until the second piece arrives. */
  length = 0;

  /** Whether other requests should get a turn between the steps of reading it. */
  get isLong(): boolean {
    return this.length >= LONG_CHARS || this.#count.values >= LONG_VALUES;
  }

  /** Adds bytes; a character may be split. */
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

  /** Ends the body; returns why it is refused, if it is. */
  end(): ApiError | undefined {
    if (this.#refusal === undefined && this.#only !== undefined && !isUtf8(this.#only)) return notUtf8();
    if (this.#refusal === undefined && this.#decoder !== undefined) this.#decode();
    return this.#refusal;
  }

  /** Returns the whole text once; it is not kept. */
  take(): string {
    const text = this.#only?.toString() ?? this.#pieces.join("");
    this.#only = undefined;
    this.#pieces = [];
    return text;
  }

  /** Decodes a piece, or the end without one. */
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

/** Wrong encodings are refused: decoded by guess, other text would be stored and answered. */
function notUtf8(): ApiError {
  return invalidRequest(undefined, "The body is not UTF-8.", "invalid_json");
}
