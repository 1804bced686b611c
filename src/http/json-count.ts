import { type ApiError, invalidRequest } from "../domain/error.ts";

/** Values in a body; a long conversation has some thousands, and reading each costs some µs. */
export const MAX_VALUES = 100_000;

/** Members of one object; no list of names, say of a tool's schema, has so many. */
export const MAX_KEYS = 5_000;

/** Levels of a body. Schemas of tools, the deepest that clients send, lie at the fifth and may have 100 of their own. */
export const MAX_LEVELS = 128;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
/** The brackets `[ ] { }`; with this bit, both kinds look the same. */
const CURLY_BIT = 0x20;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Counts the values of JSON text while it arrives, before it is parsed. Invalid JSON is counted alike. */
export class JsonCount {
  /** Entries of lists and members of objects; a list or an object that is empty counts as if it held one. */
  values = 0;
  /** The deepest level so far. */
  levels = 0;
  /** The largest number of members of one object so far. */
  keys = 0;
  #level = 0;
  /** The members of the open object or list at each level, up to the limit of levels. */
  readonly #members: number[] = [];
  #inString = false;
  #isEscaped = false;

  /** Adds bytes of the text, in UTF-8; a character may be split. */
  add(bytes: Buffer): void {
    let at = this.#isEscaped ? 1 : 0;
    while (at < bytes.length) at = this.#inString ? this.#skipString(bytes, at) : this.#countFrom(bytes, at);
    this.#isEscaped = at > bytes.length;
  }

  /** Returns a 400 if a limit is exceeded. */
  get refusal(): ApiError | undefined {
    if (this.values > MAX_VALUES) {
      return tooComplex(`holds more than ${MAX_VALUES} values; send less at once`);
    }
    if (this.keys > MAX_KEYS) return tooComplex(`holds an object of more than ${MAX_KEYS} keys`);
    return this.levels > MAX_LEVELS ? tooComplex(`is nested deeper than ${MAX_LEVELS} levels`) : undefined;
  }

  /** To where the string ends or the bytes do; one byte further when what they end with escapes it. */
  #skipString(bytes: Buffer, from: number): number {
    for (let at = bytes.indexOf(QUOTE, from); at !== -1; at = bytes.indexOf(QUOTE, at + 1)) {
      if (isEscaped(bytes, at, from)) continue;
      this.#inString = false;
      return at + 1;
    }
    return bytes.length + (isEscaped(bytes, bytes.length, from) ? 1 : 0);
  }

  /** To where a string begins or the bytes end. */
  #countFrom(bytes: Buffer, from: number): number {
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        this.#inString = true;
        return at + 1;
      }
      this.#count(byte);
    }
    return bytes.length;
  }

  #count(byte: number): void {
    if (byte === COMMA) this.values++;
    else if (byte === COLON) this.#addKey();
    else if ((byte | CURLY_BIT) === OPEN) this.#enter();
    // Invalid JSON may close more than it opens.
    else if ((byte | CURLY_BIT) === CLOSE && this.#level > 0) this.#level--;
  }

  #enter(): void {
    this.values++;
    this.levels = Math.max(this.levels, ++this.#level);
    if (this.#level <= MAX_LEVELS) this.#members[this.#level] = 0;
  }

  #addKey(): void {
    if (this.#level > MAX_LEVELS) return;
    const members = (this.#members[this.#level] ?? 0) + 1;
    this.#members[this.#level] = members;
    this.keys = Math.max(this.keys, members);
  }
}

/** Whether an odd number of backslashes stands before a byte; `from` is where the string, or what is there of it, begins. */
function isEscaped(bytes: Buffer, at: number, from: number): boolean {
  let first = at;
  while (first > from && bytes[first - 1] === BACKSLASH) first--;
  return (at - first) % 2 === 1;
}

// Not 413, which speaks of bytes; no client sends a 400 again as it is.
function tooComplex(why: string): ApiError {
  return invalidRequest(undefined, `The body ${why}.`, "body_too_complex");
}
