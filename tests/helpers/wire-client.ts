import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from "node:http";

/** An answer as it came, with nothing made of it. */
export interface WireAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  /** What each read brought. */
  chunks: readonly Buffer[];
  bytes: Buffer;
  /** False when the connection closed before the answer's end. */
  complete: boolean;
}

/** A request under way. */
export interface WireCall {
  /** Resolves with the answer, whole or not. @throws Error when the connection closes before the headers. */
  answer: Promise<WireAnswer>;
  /** Resolves when the headers and that many bytes of the body have come. */
  received(bytes: number): Promise<void>;
  /** Closes the connection. */
  abort(): void;
}

/** Sends a request by node:http on a connection of its own; an object is sent as a JSON body by POST. */
export function openWire(url: string, body?: object, headers: Record<string, string> = {}): WireCall {
  const answer = Promise.withResolvers<WireAnswer>();
  const chunks: Buffer[] = [];
  const waiting: { bytes: number; resolve: () => void }[] = [];
  let begun = false;
  const wake = () => {
    const size = sizeOf(chunks);
    for (const { bytes, resolve } of waiting) if (begun && size >= bytes) resolve();
  };
  const method = body === undefined ? "GET" : "POST";
  const request = httpRequest(url, { agent: false, method, headers }, (response) => {
    begun = true;
    wake();
    response.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      wake();
    });
    // A cut answer is a result here; its error says nothing that `complete` does not.
    response.on("error", () => {});
    response.on("close", () => answer.resolve(answerOf(response, chunks)));
  });
  request.on("error", (error) => begun || answer.reject(error));
  // Whoever aborts a call need not ask for its answer; it must not fail as an unhandled rejection then.
  answer.promise.catch(() => {});
  request.end(body === undefined ? undefined : JSON.stringify(body));
  return {
    answer: answer.promise,
    received: (bytes) =>
      new Promise((resolve) => {
        waiting.push({ bytes, resolve });
        wake();
      }),
    abort: () => request.destroy(),
  };
}

/** The answer to one request. */
export function readWire(
  url: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<WireAnswer> {
  return openWire(url, body, headers).answer;
}

function sizeOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((size, chunk) => size + chunk.length, 0);
}

function answerOf(response: IncomingMessage, chunks: readonly Buffer[]): WireAnswer {
  const { statusCode: status = 0, headers, complete } = response;
  return { status, headers, chunks, bytes: Buffer.concat(chunks), complete };
}
