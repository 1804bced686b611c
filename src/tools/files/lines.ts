import { read, readSync } from "node:fs";
import { promisify } from "node:util";
import { ToolError } from "../define.ts";
import type { LineOptions } from "../workspace.ts";
import type { OpenFile } from "./confinement.ts";

const CHUNK_BYTES = 64 * 1024;

const readAsync = promisify(read);

/**
 * The lines of a text file from the handle's position on, one batch per read, in constant memory, as
 * {@link LineSplitter} gives them. The file stays open. What fits into one chunk is read on the spot: the thread pool
 * would take ten times as long.
 * @throws ToolError when the file has a NUL byte: it is no text.
 */
export async function* readLines({ fd, size }: OpenFile, options: LineOptions): AsyncGenerator<string[]> {
  const isSmall = size < CHUNK_BYTES;
  const buffer = Buffer.allocUnsafe(isSmall ? size + 1 : CHUNK_BYTES);
  const splitter = new LineSplitter(options.maxChars);
  for (let bytesRead = -1; bytesRead !== 0; ) {
    options.signal.throwIfAborted();
    bytesRead = isSmall
      ? readSync(fd, buffer, 0, buffer.length, null)
      : (await readAsync(fd, buffer, 0, buffer.length, null)).bytesRead;
    const lines = bytesRead > 0 ? splitter.push(buffer.subarray(0, bytesRead)) : splitter.end();
    if (lines.length > 0) yield lines;
  }
}

/**
 * Splits the bytes of a text into lines. A line that is too long is cut and says by how much. Line ends (LF or CRLF) and
 * a byte order mark are left out; bytes that are no UTF-8 become U+FFFD.
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #open: OpenLine;
  readonly #maxChars: number;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
    this.#open = new OpenLine(maxChars);
  }

  /**
   * The lines that end in the next chunk.
   * @throws ToolError when it holds a NUL byte: it is no text.
   */
  push(chunk: Uint8Array): string[] {
    if (chunk.includes(0)) throw new ToolError("it is a binary file, not text.");
    return this.#split(this.#decoder.decode(chunk, { stream: true }));
  }

  /**
   * All lines of a text that is one chunk, in place of `push` and `end`: most files are, and it takes a third of the time.
   * @throws ToolError when it holds a NUL byte: it is no text.
   */
  whole(text: Uint8Array): string[] {
    if (text.includes(0)) throw new ToolError("it is a binary file, not text.");
    const lines = this.#decoder.decode(text).split("\n");
    if (lines.at(-1) === "") lines.pop();
    for (let at = 0; at < lines.length; at++) {
      const line = lines[at] ?? "";
      if (line.length > this.#maxChars || line.endsWith("\r")) lines[at] = this.#open.end(line);
    }
    return lines;
  }

  /** What is left after the last chunk: a line without an end, or none. */
  end(): string[] {
    const lines = this.#split(this.#decoder.decode());
    return this.#open.isEmpty ? lines : [...lines, this.#open.end("")];
  }

  #split(text: string): string[] {
    const parts = text.split("\n");
    const rest = parts.pop() ?? "";
    const lines = parts.map((part) => this.#open.end(part));
    this.#open.add(rest);
    return lines;
  }
}

/** A line whose end has not been read yet, of which no more than is needed is kept. */
class OpenLine {
  #text = "";
  #chars = 0;
  readonly #maxChars: number;

  constructor(maxChars: number) {
    this.#maxChars = maxChars;
  }

  get isEmpty(): boolean {
    return this.#chars === 0;
  }

  add(text: string): void {
    const room = this.#maxChars + 1 - this.#text.length;
    if (room > 0) this.#text += text.slice(0, room);
    this.#chars += text.length;
  }

  end(text: string): string {
    this.add(text);
    const line = this.#chars === this.#text.length ? this.#text.replace(/\r$/, "") : this.#text;
    const cut = this.#chars - this.#maxChars;
    this.#text = "";
    this.#chars = 0;
    if (line.length <= this.#maxChars) return line;
    return `${line.slice(0, this.#maxChars)} [... ${cut} more characters in this line]`;
  }
}
