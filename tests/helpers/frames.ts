/** One frame of an event stream: an event or a comment. */
export interface Frame {
  id?: string;
  event?: string;
  data?: string;
  comment?: string;
}

/** The frames of a whole event stream. @throws Error for anything that is not LF-ended frames of known fields. */
export function framesOf(text: string): Frame[] {
  if (text !== "" && !text.endsWith("\n\n"))
    throw new Error(`a frame is cut: ${JSON.stringify(text.slice(-80))}`);
  return text.split("\n\n").slice(0, -1).map(frameOf);
}

function frameOf(text: string): Frame {
  if (text.startsWith(": ")) return { comment: text.slice(2) };
  const frame: Frame = {};
  for (const line of text.split("\n")) {
    const [, field, value] = /^(id|event|data): (.*)$/.exec(line) ?? [];
    if (field === undefined) throw new Error(`no field of an event: ${JSON.stringify(line)}`);
    frame[field as "id" | "event" | "data"] = value ?? "";
  }
  return frame;
}

/** What a chunk, or an error, may hold. */
export interface Chunk {
  id: string;
  model: string;
  choices: { index: number; delta: Delta; finish_reason: string | null }[];
  usage?: { prompt_tokens: number; completion_tokens: number; total_tokens: number } | null;
  error?: { message: string; type: string; param: string | null; code: string | null };
  hermes?: Record<string, unknown>;
}

interface Delta {
  role?: string;
  content?: string;
  reasoning_content?: string;
  tool_calls?: { index: number; id?: string; function: { name?: string; arguments: string } }[];
}

/** What a stream's events hold, without comments and `[DONE]`. */
export function chunksOf(text: string): Chunk[] {
  return framesOf(text)
    .map(({ data }) => data)
    .filter((data) => data !== undefined && data !== "[DONE]")
    .map((data) => JSON.parse(data as string));
}

/** All text of the answer in a stream. */
export function contentOf(text: string): string {
  return chunksOf(text)
    .map((chunk) => chunk.choices?.[0]?.delta.content ?? "")
    .join("");
}
