/**
 * One Server-Sent Events frame. LF only, and made whole: readers lose an event whose frame is split over two writes.
 * `data` must not hold a line break (JSON text never does); `event` must be a plain name.
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export function sseFrame(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}

/** The frame that ends an OpenAI stream. */
export const SSE_DONE = "data: [DONE]\n\n";

/** A frame that every parser skips; sent when there was nothing to say for a while. */
export const SSE_KEEPALIVE = ": keepalive\n\n";
