import type { AgentEvent, CompletionReason, EventBody } from "../../src/domain/event.ts";
import { itemId, type RunId } from "../../src/domain/id.ts";
import type { Item } from "../../src/domain/item.ts";
import type { Run } from "../../src/domain/run.ts";
import type { Usage } from "../../src/domain/usage.ts";
import { ChatEncoder, type ChatForm } from "../../src/wire/openai/chat/encode.ts";

export const RUN_ID: RunId = `run_${"0123456789abcdef".repeat(2)}`;
export const COMPLETION_ID = `chatcmpl-${"0123456789abcdef".repeat(2)}`;

/** A run that was asked for under one name and served by another model. */
export const RUN: Run = {
  id: RUN_ID,
  owner: "owner",
  surface: "chat",
  createdAt: 1_800_000_000_999,
  model: { asked: "hermes-agent", provider: "fake", served: "fake-1" },
};

export const USAGE: Usage = { inputTokens: 10, outputTokens: 5, cachedTokens: 3, reasoningTokens: 2 };

/** Puts events into a log's order. */
export function logOf(bodies: readonly EventBody[]): AgentEvent[] {
  return bodies.map((body, index) => ({ runId: RUN_ID, seq: index + 1, at: 1_000, ...body }));
}

/** The end of a run that did not fail. */
export function completed(reason: CompletionReason = "stop"): EventBody {
  return { type: "run.completed", reason, usage: USAGE, steps: 1 };
}

type Outline<Type extends Item["type"]> = Omit<
  Extract<Item, { type: Type }>,
  "id" | "status" | "place" | "type"
>;

let lastItem = 0;

/** A finished item of the run's output. */
export function item<Type extends Item["type"]>(
  type: Type,
  outline: Outline<Type>,
  changes: Partial<Pick<Item, "status" | "place">> = {},
): Extract<Item, { type: Type }> {
  lastItem += 1;
  const identity = { id: itemId("msg", RUN_ID, lastItem), status: "completed", place: "output" };
  return { ...identity, ...changes, type, ...outline } as unknown as Extract<Item, { type: Type }>;
}

/** The item's events: its start, some deltas, its end. */
export function told(
  whole: Item,
  channel: Extract<EventBody, { type: "item.delta" }>["channel"] = "text",
  ...deltas: string[]
): EventBody[] {
  const empty = { message: { content: [] }, reasoning: { summary: [] }, function_call: { arguments: "" } };
  const start = { ...whole, ...empty[whole.type as keyof typeof empty], status: "in_progress" } as Item;
  return [
    { type: "item.added", item: start },
    ...deltas.map((delta): EventBody => ({ type: "item.delta", itemId: whole.id, channel, delta })),
    { type: "item.done", item: whole },
  ];
}

/** A message that is told piece by piece. */
export function speech(...deltas: string[]): EventBody[] {
  const content = [{ type: "output_text" as const, text: deltas.join("") }];
  return told(item("message", { role: "assistant", content }), "text", ...deltas);
}

/** A call of the server's own tool, with its result. */
export function serverCall(name = "terminal", isError = false): EventBody[] {
  const call_id = `call_${name}`;
  const call = item("function_call", { call_id, name, arguments: '{"command":"ls"}', executor: "server" });
  const display = { label: "ls -la", emoji: "💻" };
  const outline = { call_id, name, output: "a.txt", executor: "server" as const, display };
  const result = item("function_call_output", { ...outline, ...(isError && { is_error: true }) });
  return [...told(call, "arguments", '{"command":', '"ls"}'), ...told(result, "output", "a.t", "xt")];
}

const FORM: ChatForm = { run: RUN, includeUsage: false, progress: "fields", errorAsText: false };

/** Every frame that a stream of the events has, as sent. */
export function streamText(bodies: readonly EventBody[], form: Partial<ChatForm> = {}): string {
  const encoder = new ChatEncoder({ ...FORM, ...form });
  return (
    encoder.open() +
    logOf(bodies)
      .map((event) => encoder.push(event))
      .join("")
  );
}

/** The whole answer after the events. */
export function answerOf(bodies: readonly EventBody[], form: Partial<ChatForm> = {}) {
  const encoder = new ChatEncoder({ ...FORM, ...form });
  for (const event of logOf(bodies)) encoder.read(event);
  return encoder.answer();
}

/** A chunk, as far as tests look into it. */
export interface Chunk {
  id: string;
  object: string;
  created: number;
  model: string;
  choices: { index: number; delta: Delta; finish_reason: string | null }[];
  usage?: Record<string, unknown> | null;
  hermes?: Record<string, unknown>;
  event?: unknown;
  error?: Record<string, unknown>;
}

interface Delta {
  role?: string;
  content?: string;
  reasoning_content?: string;
  refusal?: string;
  tool_calls?: {
    index: number;
    id?: string;
    type?: string;
    function: { name?: string; arguments: string };
  }[];
}

/** One frame of a stream: its event's name, if any, and its data. */
export interface Frame {
  event: string | undefined;
  data: string;
}

/** The frames of a stream. @throws Error for anything that is not exactly one frame after the other. */
export function framesOf(text: string): Frame[] {
  if (!text.endsWith("\n\n") || text.includes("\r")) throw new Error("the last frame is not whole");
  return text
    .slice(0, -2)
    .split("\n\n")
    .map((frame) => {
      const match = /^(?:event: ([\w.]+)\n)?data: ([^\n]+)$/.exec(frame);
      if (match === null) throw new Error(`not a frame: ${frame}`);
      return { event: match[1], data: match[2] ?? "" };
    });
}

/** The chunks of a stream, in order, without `[DONE]`. */
export function chunksOf(text: string): Chunk[] {
  const frames = framesOf(text).filter(({ data }) => data !== "[DONE]");
  return frames.map(({ data }) => JSON.parse(data) as Chunk);
}
