import { read, readSync } from "node:fs";
import { promisify } from "node:util";
import { ToolError } from "../define.ts";
import type { LineOptions } from "../workspace.ts";
import type { OpenFile } from "./confinement.ts";

const CHUNK_BYTES = 64 * 1024;

const readAsync = promisify(read);

/**
 * The lines of a text file from the handle's position on, one batch per read, in constant memory: a line that is
 * too long is cut and says by how much. Line ends (LF or CRLF) and a byte order mark are left out; bytes that are
 * no UTF-8 become U+FFFD. The file stays open. What fits into one chunk is read on the spot: the thread pool would
 * take ten times as long.
 * @throws ToolError when the file has a NUL byte: it is no text.
 */
export async function* readLines({ fd, size }: OpenFile, options: LineOptions): AsyncGenerator<string[]> {
  const decoder = new TextDecoder();
  const isSmall = size < CHUNK_BYTES;
  const buffer = Buffer.allocUnsafe(isSmall ? size + 1 : CHUNK_BYTES);
  const open = new OpenLine(options.maxChars);
  for (;;) {
    options.signal.throwIfAborted();
    const bytesRead = isSmall
      ? readSync(fd, buffer, 0, buffer.length, null)
      : (await readAsync(fd, buffer, 0, buffer.length, null)).bytesRead;
    const chunk = buffer.subarray(0, bytesRead);
    if (chunk.includes(0)) throw new ToolError("it is a binary file, not text.");
    const parts = decoder.decode(chunk, { stream: bytesRead > 0 }).split("\n");
    const rest = parts.pop() ?? "";
    const lines = parts.map((part) => open.end(part));
    open.add(rest);
    if (lines.length > 0) yield lines;
    if (bytesRead === 0) break;
  }
  if (!open.isEmpty) yield [open.end("")];
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
