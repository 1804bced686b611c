const HEAD_SHARE = 0.6;

/** Collects output in constant memory: its first and its last bytes, and how many there were between. */
export class CappedOutput {
  readonly #head: Buffer;
  /** A ring: the next byte goes to `#next`, and what it overwrites is the oldest. */
  readonly #tail: Buffer;
  #headBytes = 0;
  #tailBytes = 0;
  #next = 0;

  /** Keeps at most `maxBytes` bytes. */
  constructor(maxBytes: number) {
    const head = Math.ceil(maxBytes * HEAD_SHARE);
    this.#head = Buffer.allocUnsafe(head);
    this.#tail = Buffer.allocUnsafe(maxBytes - head);
  }

  /** Takes a copy of what it needs of the chunk. */
  add(chunk: Uint8Array): void {
    const toHead = Math.min(chunk.length, this.#head.length - this.#headBytes);
    this.#head.set(chunk.subarray(0, toHead), this.#headBytes);
    this.#headBytes += toHead;
    this.#addToTail(chunk.subarray(toHead));
  }

  /** The text; when something is missing, a line between head and tail says how much. */
  text(): string {
    const head = this.#head.subarray(0, this.#headBytes);
    const kept = Math.min(this.#tailBytes, this.#tail.length);
    const start = this.#tailBytes > kept ? this.#next : 0;
    const tail = Buffer.concat([this.#tail.subarray(start, kept), this.#tail.subarray(0, start)]);
    const cut = this.#tailBytes - kept;
    if (cut === 0) return decode(Buffer.concat([head, tail]));
    return `${decodeStart(head)}\n[... ${cut} bytes left out ...]\n${decode(withoutBrokenStart(tail))}`;
  }

  #addToTail(chunk: Uint8Array): void {
    const size = this.#tail.length;
    this.#tailBytes += chunk.length;
    if (size === 0 || chunk.length === 0) return;
    const last = chunk.subarray(Math.max(0, chunk.length - size));
    const toEnd = Math.min(last.length, size - this.#next);
    this.#tail.set(last.subarray(0, toEnd), this.#next);
    this.#tail.set(last.subarray(toEnd), 0);
    this.#next = (this.#next + last.length) % size;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** Without the first bytes of a character whose rest is missing. */
function decodeStart(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true });
}

/** Without the last bytes of a character whose beginning is missing. */
function withoutBrokenStart(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < 3 && ((bytes[start] ?? 0) & 0b1100_0000) === 0b1000_0000) start++;
  return bytes.subarray(start);
}
