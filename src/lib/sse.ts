/**
 * One Server-Sent Events frame. LF only, and made whole: readers lose an event whose frame is split over two writes.
 * `data` must not hold a line break (JSON text never does); `event` must be a plain name.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function sseFrame(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}

const RARE_LINE_ENDS = /[\u0085\u2028\u2029]/g;

/**
 * Frames whose JSON holds no character that some reader takes for the end of a line: the standard knows only CR and
 * LF, but Python's `splitlines` knows more. In JSON, which is all that our frames carry, they may stand escaped.
 */
export function withoutRareLineEnds(frames: string): string {
  return frames.replace(RARE_LINE_ENDS, (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The frame that ends an OpenAI stream. */
export const SSE_DONE = "data: [DONE]\n\n";

/** A frame that every parser skips; sent when there was nothing to say for a while. */
export const SSE_KEEPALIVE = ": keepalive\n\n";

/** A frame with a number that a reader can go on from (`Last-Event-ID`); as `sseFrame` otherwise. */
export function numberedFrame(data: string, id: number): string {
  return `id: ${id}\ndata: ${data}\n\n`;
}

/** A frame that every parser skips. */
export function sseComment(text: string): string {
  return `: ${text}\n\n`;
}
