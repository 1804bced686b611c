import { type Gate, isGate } from "./gate.ts";

/** One Server-Sent Event. */
export interface Frame {
  event?: string;
  data: string;
}

/** An event, or a place where the stream waits. */
export type StreamItem = Frame | Gate;

/** How a stream is written; every form here is legal except `finalNewline: false`, which loses the last event. */
export interface SseFormat {
  /** Line ends, used in turn. Default LF. */
  eol?: readonly ("\n" | "\r\n" | "\r")[];
  /** A byte order mark before the first line. */
  bom?: boolean;
  /** A comment before each event, as OpenRouter and many proxies send to keep a connection alive. */
  comments?: boolean;
  /** False: the body stops after the last character of the last line. */
  finalNewline?: boolean;
  /** False: `data:x` in place of `data: x`. */
  space?: boolean;
}

/** A body with the places that matter for sending it; offsets in bytes. */
export interface Body {
  bytes: Buffer;
  /** Where each event ends, ascending. */
  events: readonly number[];
  gates: readonly { at: number; gate: Gate }[];
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const COMMENT = ": FAKE PROCESSING";

/** The bytes of a stream. */
export function encodeStream(items: readonly StreamItem[], format: SseFormat = {}): Body {
  const write = lineWriter(format.eol ?? ["\n"]);
  const chunks: Buffer[] = format.bom === true ? [BOM] : [];
  const ends: number[] = [];
  const gates: { at: number; gate: Gate }[] = [];
  let size = chunks.length * BOM.length;
  for (const item of items) {
    if (isGate(item)) {
      gates.push({ at: size, gate: item });
      continue;
    }
    const chunk = Buffer.from(linesOf(item, format).map(write).join(""));
    chunks.push(chunk);
    size += chunk.length;
    ends.push(size);
  }
  const whole = Buffer.concat(chunks);
  const bytes = format.finalNewline === false ? withoutLastLineEnd(whole) : whole;
  const inside = (offset: number) => Math.min(offset, bytes.length);
  return {
    bytes,
    events: ends.map(inside),
    gates: gates.map(({ at, gate }) => ({ at: inside(at), gate })),
  };
}

function lineWriter(ends: readonly string[]): (line: string) => string {
  let used = 0;
  let before = "";
  return (line) => {
    const end = ends[used++ % ends.length] ?? "\n";
    // An empty line that ends in LF after a CR would be no line at all, but the second half of a CRLF.
    const safe = before === "\r" && line === "" && end === "\n" ? "\r\n" : end;
    before = safe;
    return line + safe;
  };
}

function linesOf(frame: Frame, format: SseFormat): string[] {
  const colon = format.space === false ? ":" : ": ";
  const lines = format.comments === true ? [COMMENT, ""] : [];
  if (frame.event !== undefined) lines.push(`event${colon}${frame.event}`);
  for (const line of frame.data.split("\n")) lines.push(`data${colon}${line}`);
  return [...lines, ""];
}

function withoutLastLineEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && (bytes[end - 1] === 0x0a || bytes[end - 1] === 0x0d)) end--;
  return bytes.subarray(0, end);
}
