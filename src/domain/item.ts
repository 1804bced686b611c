import { z } from "zod";
import type { ItemPrefix } from "./id.ts";

/**
 * Transcript items: the shapes of OpenAI's Responses items, plus what only we need to know of them (`place`,
 * `executor`, `origin`, `maker`, `display`). Field names that come from the Responses API keep its snake_case.
 *
 * @see https://platform.openai.com/docs/api-reference/responses/object
 */

/** Text that a user, a system or a tool wrote. */
export const InputText = z.object({ type: z.literal("input_text"), text: z.string() });
export type InputText = z.infer<typeof InputText>;

/** Text that a model wrote. */
const OutputText = z.object({ type: z.literal("output_text"), text: z.string() });

/** An image by http(s) URL or data URL. */
export const InputImage = z.object({
  type: z.literal("input_image"),
  image_url: z.string(),
  detail: z.enum(["auto", "low", "high", "original"]).exactOptional(),
});
export type InputImage = z.infer<typeof InputImage>;

/** A model's refusal to answer. */
const Refusal = z.object({ type: z.literal("refusal"), refusal: z.string() });

/** One part of a message or of a tool output. */
export const Part = z.discriminatedUnion("type", [InputText, OutputText, InputImage, Refusal]);
export type Part = z.infer<typeof Part>;

const Role = z.enum(["user", "assistant", "system", "developer"]);
type Role = z.infer<typeof Role>;

/** Who runs a tool call: this server, or the client that declared the tool. */
const Executor = z.enum(["server", "client"]);

const MessageShape = {
  type: z.literal("message"),
  role: Role,
  content: z.array(Part),
  /** `steer`: put in by a person while the run was going on. */
  origin: z.literal("steer").exactOptional(),
};

const FunctionCallShape = {
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  /** JSON text as the model wrote it; may be invalid JSON. */
  arguments: z.string(),
  executor: Executor,
};

const FunctionCallOutputShape = {
  type: z.literal("function_call_output"),
  call_id: z.string(),
  name: z.string(),
  output: z.union([z.string(), z.array(Part)]),
  executor: Executor,
  is_error: z.boolean().exactOptional(),
  /** How progress views show the call: a short preview of its arguments and a symbol. */
  display: z.object({ label: z.string(), emoji: z.string() }).exactOptional(),
};

const ReasoningShape = {
  type: z.literal("reasoning"),
  /** What may be shown to a reader, one string per section. */
  summary: z.array(z.object({ type: z.literal("summary_text"), text: z.string() })),
  /** The maker's opaque payload; sent back only to the same protocol and model. */
  maker: z
    .object({
      protocol: z.string(),
      model: z.string(),
      signature: z.string().exactOptional(),
      encrypted_content: z.string().exactOptional(),
    })
    .exactOptional(),
};

const CompactionShape = {
  type: z.literal("compaction"),
  /** Stands in for everything that came before it in its chain. */
  encrypted_content: z.string(),
};

const Identity = {
  id: z.string(),
  status: z.enum(["in_progress", "completed", "incomplete"]),
  /** `input`: given to the run; `output`: made by it; `internal`: for the model only, shown by no surface. */
  place: z.enum(["input", "output", "internal"]),
};

/** What an item says, without identity: what a client sends and what a provider reads. */
export const ItemBody = z.discriminatedUnion("type", [
  z.object(MessageShape),
  z.object(FunctionCallShape),
  z.object(FunctionCallOutputShape),
  z.object(ReasoningShape),
  z.object(CompactionShape),
]);
export type ItemBody = z.infer<typeof ItemBody>;

/** One entry of a run's transcript. */
export const Item = z.discriminatedUnion("type", [
  z.object({ ...Identity, ...MessageShape }),
  z.object({ ...Identity, ...FunctionCallShape }),
  z.object({ ...Identity, ...FunctionCallOutputShape }),
  z.object({ ...Identity, ...ReasoningShape }),
  z.object({ ...Identity, ...CompactionShape }),
]);
export type Item = z.infer<typeof Item>;

export type MessageBody = Extract<ItemBody, { type: "message" }>;
export type FunctionCallBody = Extract<ItemBody, { type: "function_call" }>;
export type FunctionCallOutputBody = Extract<ItemBody, { type: "function_call_output" }>;
export type ReasoningBody = Extract<ItemBody, { type: "reasoning" }>;
export type FunctionCallItem = Extract<Item, { type: "function_call" }>;
export type FunctionCallOutputItem = Extract<Item, { type: "function_call_output" }>;

/** A message of one text part. */
export function textMessage(role: Role, text: string): MessageBody {
  const type = role === "assistant" ? "output_text" : "input_text";
  return { type: "message", role, content: [{ type, text }] };
}

/** The plain text of parts, joined by line breaks as the reference does; images and refusals say nothing. */
export function joinText(content: string | readonly Part[]): string {
  if (typeof content === "string") return content;
  let text = "";
  for (const part of content) {
    if (part.type !== "input_text" && part.type !== "output_text") continue;
    text += text === "" ? part.text : `\n${part.text}`;
  }
  return text;
}

/** About how much items say: the characters of their texts, pictures and arguments. */
export function countChars(items: readonly ItemBody[]): number {
  let chars = 0;
  for (const item of items) {
    if (item.type === "message") chars += charsOfParts(item.content);
    else if (item.type === "function_call") chars += item.arguments.length;
    else if (item.type === "function_call_output") chars += charsOfParts(item.output);
    else if (item.type === "compaction") chars += item.encrypted_content.length;
  }
  return chars;
}

function charsOfParts(content: string | readonly Part[]): number {
  if (typeof content === "string") return content.length;
  let chars = 0;
  for (const part of content) {
    if (part.type === "input_image") chars += part.image_url.length;
    else chars += part.type === "refusal" ? part.refusal.length : part.text.length;
  }
  return chars;
}

const PREFIXES: Readonly<Record<ItemBody["type"], ItemPrefix>> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
  compaction: "cmp",
};

/** The prefix of an item's id. */
export function itemPrefix(item: { type: ItemBody["type"] }): ItemPrefix {
  return PREFIXES[item.type];
}

/** What a run answers: what its model said last. */
export function lastAnswer(items: readonly Item[]): string {
  const last = items.findLast((item) => item.type === "message" && item.place === "output");
  return last?.type === "message" ? joinText(last.content) : "";
}
