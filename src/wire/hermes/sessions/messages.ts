import { numberOfPart } from "../../../domain/id.ts";
import type { FunctionCallItem, Item, Part } from "../../../domain/item.ts";
import { chatMessages, messageId } from "../../../domain/messages.ts";

/** A message as hermes clients read it. */
interface HermesMessage {
  role: "user" | "assistant" | "system" | "tool";
  /** Text; parts as a chat has them where there are images; null for calls without words. */
  content: string | object[] | null;
  /** Unix seconds. */
  timestamp: number;
  tool_calls?: object[];
  tool_call_id?: string;
  tool_name?: string;
  finish_reason?: "stop" | "tool_calls" | "length";
  reasoning?: string;
  reasoning_content?: string;
  /** `hidden`: stands for what was summed up. */
  display_kind?: "hidden";
}

/** A message of a session, with its number there. */
export interface SessionMessage extends HermesMessage {
  id: number;
  session_id: string;
}

/** A run of a session, as its messages are made of it. */
interface TurnItems {
  items: readonly Item[];
  /** When each item was done, epoch ms, by its id. */
  times: ReadonlyMap<string, number>;
}

/** The messages of one turn. */
export function toHermesMessages({ items, times }: TurnItems): HermesMessage[] {
  return chatMessages(items).map((message) => printMessage(message, times));
}

/** The messages of one run of a session, with their numbers, without those that were taken out of it. */
export function sessionMessages(
  { items, times, place }: TurnItems & { place: number },
  { session, hidden }: { session: string; hidden: ReadonlySet<string> },
): SessionMessage[] {
  return chatMessages(items.filter(({ id }) => !hidden.has(id))).map((message) => ({
    id: messageId({ run: place, item: numberOfPart(message[0]?.id ?? "") ?? 0 }),
    session_id: session,
    ...printMessage(message, times),
  }));
}

function printMessage(message: readonly Item[], times: ReadonlyMap<string, number>): HermesMessage {
  const [first] = message;
  const timestamp = (times.get(message.at(-1)?.id ?? "") ?? 0) / 1000;
  if (first?.type === "function_call_output") {
    const { call_id, name, output } = first;
    const tool = { ...(name !== "" && { tool_name: name }), tool_call_id: call_id };
    return { role: "tool", content: toHermesContent(output), timestamp, ...tool };
  }
  if (first?.type === "compaction") return { role: "user", content: "", timestamp, display_kind: "hidden" };
  if (first?.type === "message" && first.role !== "assistant")
    return {
      role: first.role === "user" ? "user" : "system",
      content: toHermesContent(first.content),
      timestamp,
    };
  return { ...stepMessage(message), timestamp };
}

/** What a model said in one step. */
function stepMessage(step: readonly Item[]): Omit<HermesMessage, "timestamp"> {
  const parts = step.flatMap((item) => (item.type === "message" ? item.content : []));
  const calls = step.filter((item) => item.type === "function_call");
  const thoughts = step.flatMap((item) => (item.type === "reasoning" ? item.summary : []));
  const reasoning = thoughts.map(({ text }) => text).join("\n\n");
  const isCut = step.some(({ status }) => status === "incomplete");
  return {
    role: "assistant",
    content: parts.length === 0 && calls.length > 0 ? null : toHermesContent(parts),
    ...(calls.length > 0 && { tool_calls: calls.map(printedCall) }),
    ...(reasoning !== "" && { reasoning, reasoning_content: reasoning }),
    finish_reason: isCut ? "length" : calls.length > 0 ? "tool_calls" : "stop",
  };
}

function printedCall({ call_id, name, arguments: text }: FunctionCallItem) {
  return { id: call_id, type: "function", function: { name, arguments: text } };
}

function toHermesContent(content: string | readonly Part[]): string | object[] {
  if (typeof content === "string") return content;
  if (content.some(({ type }) => type === "input_image")) return content.map(printedPart);
  return content.map(partText).join("\n");
}

function partText(part: Part): string {
  if (part.type === "input_image") return "";
  return part.type === "refusal" ? part.refusal : part.text;
}

function printedPart(part: Part): object {
  if (part.type !== "input_image") return { type: "text", text: partText(part) };
  const { image_url: url, detail } = part;
  return { type: "image_url", image_url: { url, ...(detail !== undefined && { detail }) } };
}
