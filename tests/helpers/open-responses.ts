import { z } from "zod";
import { framesOf } from "./frames.ts";
import { type Live, send } from "./live-app.ts";

/**
 * What the Open Responses suite demands of every answer, written from its published rules.
 * @see https://www.openresponses.org
 */

const int = z.int();
const text = z.string();
const itemStatus = z.enum(["in_progress", "completed", "incomplete"]);

const OutputText = z.object({
  type: z.literal("output_text"),
  text,
  annotations: z.array(z.unknown()),
  logprobs: z.array(z.unknown()),
});
const Part = z.discriminatedUnion("type", [
  OutputText,
  z.object({ type: z.literal("refusal"), refusal: text }),
  z.object({ type: z.literal("input_text"), text }),
]);
const SummaryPart = z.object({ type: z.literal("summary_text"), text });

/** The kinds of items that the suite knows; a server's own `mcp_call` is none of them. */
const Item = z.discriminatedUnion("type", [
  z.object({ type: z.literal("message"), id: text, status: itemStatus, role: text, content: z.array(Part) }),
  z.object({
    type: z.literal("function_call"),
    id: text,
    call_id: text,
    name: text,
    arguments: text,
    status: itemStatus,
  }),
  z.object({
    type: z.literal("function_call_output"),
    id: text,
    call_id: text,
    output: z.union([text, z.array(z.unknown())]),
    status: itemStatus,
  }),
  z.object({ type: z.literal("reasoning"), id: text, summary: z.array(SummaryPart) }),
  z.object({ type: z.literal("compaction"), id: text, encrypted_content: text }),
]);

const Tool = z.object({
  type: z.literal("function"),
  name: text,
  description: text.nullable(),
  parameters: z.record(text, z.unknown()).nullable(),
  strict: z.boolean().nullable(),
});

const Usage = z.object({
  input_tokens: int,
  output_tokens: int,
  total_tokens: int,
  input_tokens_details: z.object({ cached_tokens: int }),
  output_tokens_details: z.object({ reasoning_tokens: int }),
});

/** Every response object, whole or inside an event: all 31 keys, none of them left out. */
export const ResponseResource = z.object({
  id: text,
  object: z.literal("response"),
  created_at: int,
  completed_at: int.nullable(),
  status: z.enum(["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]),
  incomplete_details: z.object({ reason: text }).nullable(),
  model: text,
  previous_response_id: text.nullable(),
  instructions: text.nullable(),
  output: z.array(Item),
  error: z.object({ code: text, message: text }).nullable(),
  tools: z.array(Tool),
  tool_choice: z.union([z.enum(["none", "auto", "required"]), z.looseObject({ type: text })]),
  truncation: z.enum(["auto", "disabled"]),
  parallel_tool_calls: z.boolean(),
  text: z.object({ format: z.looseObject({ type: z.enum(["text", "json_object", "json_schema"]) }) }),
  top_p: z.number(),
  presence_penalty: z.number(),
  frequency_penalty: z.number(),
  top_logprobs: int,
  temperature: z.number(),
  reasoning: z
    .object({
      effort: z.enum(["none", "low", "medium", "high", "xhigh"]).nullable(),
      summary: z.enum(["auto", "concise", "detailed"]).nullable(),
    })
    .nullable(),
  usage: Usage.nullable(),
  max_output_tokens: int.nullable(),
  max_tool_calls: int.nullable(),
  store: z.boolean(),
  background: z.boolean(),
  service_tier: text,
  metadata: z.record(text, text),
  safety_identifier: text.nullable(),
  prompt_cache_key: text.nullable(),
});
export type ResponseResource = z.infer<typeof ResponseResource>;

const sequence_number = int.min(0);
const inItem = { sequence_number, item_id: text, output_index: int };
const inContent = { ...inItem, content_index: int };
const inSummary = { ...inItem, summary_index: int };
const logprobs = z.array(z.unknown());

const event = <Type extends string, Shape extends z.ZodRawShape>(type: Type, shape: Shape) =>
  z.object({ type: z.literal(type), ...shape });
const whole = <Type extends string>(type: Type) =>
  event(type, { sequence_number, response: ResponseResource });
const withItem = <Type extends string>(type: Type) =>
  event(type, { sequence_number, output_index: int, item: Item });

/** The 24 kinds of events. */
export const StreamEvent = z.discriminatedUnion("type", [
  whole("response.created"),
  whole("response.queued"),
  whole("response.in_progress"),
  whole("response.completed"),
  whole("response.incomplete"),
  whole("response.failed"),
  withItem("response.output_item.added"),
  withItem("response.output_item.done"),
  event("response.content_part.added", { ...inContent, part: Part }),
  event("response.content_part.done", { ...inContent, part: Part }),
  event("response.output_text.delta", { ...inContent, delta: text, logprobs }),
  event("response.output_text.done", { ...inContent, text, logprobs }),
  event("response.output_text.annotation.added", {
    ...inContent,
    annotation_index: int,
    annotation: z.unknown(),
  }),
  event("response.refusal.delta", { ...inContent, delta: text }),
  event("response.refusal.done", { ...inContent, refusal: text }),
  event("response.reasoning.delta", { ...inContent, delta: text }),
  event("response.reasoning.done", { ...inContent, text }),
  event("response.reasoning_summary_part.added", { ...inSummary, part: SummaryPart }),
  event("response.reasoning_summary_part.done", { ...inSummary, part: SummaryPart }),
  event("response.reasoning_summary_text.delta", { ...inSummary, delta: text }),
  event("response.reasoning_summary_text.done", { ...inSummary, text }),
  event("response.function_call_arguments.delta", { ...inItem, delta: text }),
  event("response.function_call_arguments.done", { ...inItem, arguments: text }),
  event("error", { sequence_number, error: z.object({ type: text, code: text.nullable(), message: text }) }),
]);
export type StreamEvent = z.infer<typeof StreamEvent>;

/** What an answer to a request for a compaction must hold. */
export const Compaction = z.object({
  object: z.literal("response.compaction"),
  id: text,
  created_at: int,
  output: z.array(Item),
  usage: Usage,
});

/** Asks for a whole response. @throws Error when it is not 200 or not of the form. */
export async function create(live: Live, body: object): Promise<ResponseResource> {
  const answer = await send(live, "/v1/responses", { model: "hermes-agent", ...body });
  if (answer.status !== 200) throw new Error(`${answer.status} ${await answer.text()}`);
  return ResponseResource.parse(await answer.json());
}

/** Asks for a stream. @throws Error when it breaks a rule of streams, or one of its events its form. */
export async function stream(live: Live, body: object): Promise<StreamEvent[]> {
  const answer = await send(live, "/v1/responses", { model: "hermes-agent", stream: true, ...body });
  if (answer.status !== 200 || answer.body === null)
    throw new Error(`${answer.status} ${await answer.text()}`);
  let all = "";
  for await (const chunk of answer.body) {
    const part = Buffer.from(chunk).toString();
    // The suite's reader forgets an event that does not end in the chunk in which it began.
    if (!part.endsWith("\n\n")) throw new Error(`an event is cut: ${JSON.stringify(part.slice(-80))}`);
    all += part;
  }
  if (all.includes("\r")) throw new Error("a line ends with CR");
  if (!all.endsWith("data: [DONE]\n\n")) throw new Error("no [DONE] at the end");
  const frames = framesOf(all).filter(({ data }) => data !== undefined && data !== "[DONE]");
  const named = frames.map((frame) => ({ name: frame.event, data: JSON.parse(frame.data ?? "") }));
  const wrong = named.find(({ name, data }) => name !== data.type);
  if (wrong !== undefined) throw new Error(`${wrong.name} is not ${wrong.data.type}`);
  return checked(named.map(({ data }) => data));
}

/** Events in their form, numbered from 0 on, with one end. @throws Error when they are not. */
export function checked(events: readonly unknown[]): StreamEvent[] {
  const read = events.map((one) => StreamEvent.parse(one));
  const numbers = read.map((one) => one.sequence_number);
  if (numbers.some((number, index) => number !== index)) throw new Error(`numbered ${numbers}`);
  finalOf(read);
  return read;
}

/** The response that a stream ends with. @throws Error when it ends otherwise. */
export function finalOf(events: readonly StreamEvent[]): ResponseResource {
  const ends = events.filter((one) =>
    ["response.completed", "response.incomplete", "response.failed"].includes(one.type),
  );
  const last = events.at(-1);
  if (ends.length !== 1 || last === undefined || !("response" in last) || ends[0] !== last)
    throw new Error(`ends: ${ends.map(({ type }) => type)}`);
  return last.response;
}
