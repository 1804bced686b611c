import { framesOf } from "../helpers/frames.ts";
import { type Live, send } from "../helpers/live-app.ts";

/** What a client makes of a response, streamed or not. */
export interface Heard {
  /** Its id, where it has one. */
  id: string | undefined;
  /** All text that it was told. */
  text: string;
  /** `completed`, `incomplete` or `failed`; `none` when it was told no end. */
  end: string;
  /** The code of its error. */
  code: string | undefined;
  /** HTTP's. */
  status: number;
  retryAfter: string | null;
  /** Its comments: what came when there was nothing to say. */
  comments: number;
}

/** Asks for a response by a stream and hears it to its end. */
export async function hear(live: Live, body: object): Promise<Heard> {
  const response = await send(live, "/v1/responses", { stream: true, ...body });
  const bytes = await response.text();
  const retryAfter = response.headers.get("retry-after");
  const heard: Heard = {
    id: undefined,
    text: "",
    end: "none",
    code: undefined,
    status: response.status,
    retryAfter,
    comments: 0,
  };
  if (!response.ok) return { ...heard, end: "failed", code: JSON.parse(bytes).error?.code };
  for (const { data, comment } of framesOf(bytes)) {
    if (comment !== undefined) heard.comments++;
    if (data?.startsWith("{")) read(JSON.parse(data), heard);
  }
  return heard;
}

interface StreamEvent {
  type: string;
  delta?: string;
  response?: { id: string; error?: { code: string } | null };
  code?: string;
}

function read({ type, delta, response, code }: StreamEvent, heard: Heard): void {
  heard.id ??= response?.id;
  if (type === "response.output_text.delta") heard.text += delta;
  const [, end] = /^response\.(completed|incomplete|failed)$/.exec(type) ?? [];
  if (end === undefined) return;
  heard.end = end;
  heard.code = response?.error?.code ?? code;
}

/** Does something for each entry, so many at a time. */
export async function forEach<Entry>(
  entries: readonly Entry[],
  atOnce: number,
  run: (entry: Entry) => Promise<void>,
): Promise<void> {
  const queue = [...entries].reverse();
  const worker = async () => {
    for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) await run(entry);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** 0, 1, 2 … */
export function range(length: number): number[] {
  return Array.from({ length }, (_, n) => n);
}

/** The number that a test's request carries through to the upstream, as `#17#`. */
export function numberOf(body: Buffer): number {
  return Number(/#(\d+)#/.exec(body.toString())?.[1] ?? -1);
}
