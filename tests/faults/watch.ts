import { HEADERS } from "./server.ts";

/** One event of a stream, as a client keeps it. */
export interface Seen {
  /** What the client sends to read on after it. */
  cursor: number;
  /** The frame as it came. */
  text: string;
}

/** How events are read: where the stream is, and what of a frame is its number. */
export interface Surface {
  name: string;
  /** The request that reads on after an event; 0 and -1, whichever is before the first. */
  from(
    origin: string,
    id: string,
    cursor: number | undefined,
  ): { url: string; headers: Record<string, string> };
  cursorOf(frame: string): number | undefined;
}

/** Runs, by the header that browsers send. */
export const RUNS: Surface = {
  name: "`Last-Event-ID`",
  from: (origin, id, cursor) => ({
    url: `${origin}/v1/runs/${id}/events`,
    headers: cursor === undefined ? {} : { "last-event-id": String(cursor) },
  }),
  cursorOf: (frame) => numberIn(/^id: (\d+)$/m, frame),
};

/** Responses, by the parameter that OpenAI's SDKs send. */
export const RESPONSES: Surface = {
  name: "`starting_after`",
  from: (origin, id, cursor) => ({
    url: `${origin}/v1/responses/${id}?stream=true${cursor === undefined ? "" : `&starting_after=${cursor}`}`,
    headers: {},
  }),
  cursorOf: (frame) => numberIn(/"sequence_number":(\d+)/, frame),
};

function numberIn(pattern: RegExp, frame: string): number | undefined {
  const [, number] = pattern.exec(frame) ?? [];
  return number === undefined ? undefined : Number(number);
}

/** Reads so many events after a cursor, then leaves; all there are by default. What came before a cut counts. */
export async function watch(
  surface: Surface,
  { origin, id, after, count = Number.POSITIVE_INFINITY }: Cut,
): Promise<Seen[]> {
  const seen: Seen[] = [];
  if (count === 0) return seen;
  const { url, headers } = surface.from(origin, id, after);
  const abort = new AbortController();
  const response = await fetch(url, { headers: { ...HEADERS, ...headers }, signal: abort.signal });
  if (response.status !== 200) throw new Error(`${url} answers ${response.status} ${await response.text()}`);
  const decoder = new TextDecoder();
  let rest = "";
  try {
    for await (const chunk of response.body ?? []) {
      const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
      rest = frames.pop() ?? "";
      for (const text of frames) {
        const cursor = surface.cursorOf(text);
        if (cursor !== undefined && seen.length < count) seen.push({ cursor, text });
      }
      if (seen.length >= count) break;
    }
  } catch {
    // The server is gone: what came is what there is.
  }
  abort.abort();
  return seen;
}

/** What is read. */
interface Cut {
  origin: string;
  /** Of the run, as its surface names it. */
  id: string;
  after?: number | undefined;
  count?: number;
}
