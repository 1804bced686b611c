import { DEADLINE_MS, withDeadline } from "../fake-upstream/deadline.ts";
import { TEST_KEY } from "./test-app.ts";

/** An event stream that is read while it comes. */
export interface LiveStream {
  /** What came so far. */
  readonly text: string;
  /** What a pattern finds, as soon as it does. @throws Error with all that came when the stream ends before. */
  sees(pattern: RegExp): Promise<RegExpExecArray>;
  /** Everything, when the stream has ended or was cut. */
  ended: Promise<string>;
  /** Closes the connection. */
  leave(): void;
}

/** Asks for a stream, by POST when there is a body. @throws Error when the answer is no stream. */
export async function openStream(
  url: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<LiveStream> {
  const abort = new AbortController();
  const response = await fetch(url, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: abort.signal,
  });
  if (!response.headers.get("content-type")?.startsWith("text/event-stream"))
    throw new Error(`no stream: ${response.status} ${await response.text()}`);
  return read(response, abort);
}

function read(response: Response, abort: AbortController): LiveStream {
  let text = "";
  let isOver = false;
  const waiting = new Set<() => void>();
  const heard = () => {
    for (const look of waiting) look();
  };
  const ended = (async () => {
    const decoder = new TextDecoder();
    try {
      for await (const chunk of response.body ?? []) {
        text += decoder.decode(chunk, { stream: true });
        heard();
      }
    } catch {
      // Cut off, by either side: what came is what there is.
    }
    isOver = true;
    heard();
    return text;
  })();
  const sees = (pattern: RegExp) => {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = () => {
      const match = pattern.exec(text);
      if (match !== null) found.resolve(match);
      else if (isOver) found.reject(new Error(`${pattern} did not come:\n${text}`));
    };
    waiting.add(look);
    look();
    return withDeadline(found.promise, DEADLINE_MS, () => `${pattern} did not come:\n${text}`);
  };
  return {
    get text() {
      return text;
    },
    sees,
    ended,
    leave: () => abort.abort(),
  };
}
