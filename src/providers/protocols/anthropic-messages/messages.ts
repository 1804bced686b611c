import { hash } from "node:crypto";
import type {
  ContentBlockParam,
  MessageParam,
  RedactedThinkingBlockParam,
  TextBlockParam,
  ThinkingBlockParam,
  ToolResultBlockParam,
  ToolUseBlockParam,
} from "@anthropic-ai/sdk/resources/messages/messages";
import {
  type FunctionCallBody,
  type FunctionCallOutputBody,
  type ItemBody,
  type MessageBody,
  type Part,
  type ReasoningBody,
  textOf,
} from "../../../domain/item.ts";
import { parseJsonObject } from "../../../lib/json.ts";
import { compactionText } from "../shared/compaction-text.ts";
import { imageBlock } from "./image.ts";

/** The wire format's name; thinking is sent back only to the protocol and model that made it. */
export const PROTOCOL = "anthropic-messages";

/** A message in the making. Results come first on the wire, whatever came between a call and its result. */
interface Draft {
  role: "user" | "assistant";
  results: ToolResultBlockParam[];
  blocks: ContentBlockParam[];
}

type Thinking = ThinkingBlockParam | RedactedThinkingBlockParam;

/** The service wants a user to begin and, where it takes no prefilled answers, to have the last word. */
const BEGINNING = "(The conversation begins with your own words.)";
const NOTHING_SAID = "(An empty message.)";
const GO_ON = "(Go on.)";

/**
 * A transcript in the strict form that the service demands: user and assistant take turns, a user begins and ends,
 * results stand first in the message after their calls, no text is blank, every id is unique.
 */
export function toMessages(items: readonly ItemBody[], model: string): MessageParam[] {
  const conversation = new Conversation(model);
  for (const item of items) conversation.add(item);
  return conversation.messages();
}

class Conversation {
  readonly #model: string;
  readonly #drafts: Draft[] = [];
  /** Thinking that goes before the next block of its message, or nowhere: a message must not end with it. */
  #thinking: Thinking[] = [];
  readonly #ids = new CallIds();

  constructor(model: string) {
    this.#model = model;
  }

  messages(): MessageParam[] {
    const drafts = this.#drafts;
    if (drafts[0]?.role !== "user") drafts.unshift(spoken(drafts.length === 0 ? NOTHING_SAID : BEGINNING));
    if (drafts.at(-1)?.role !== "user") drafts.push(spoken(GO_ON));
    return drafts.map(({ role, results, blocks }) => ({ role, content: [...results, ...blocks] }));
  }

  add(item: ItemBody): void {
    switch (item.type) {
      case "message":
        this.#addMessage(item);
        return;
      case "reasoning":
        this.#thinking.push(...thinkingOf(item, this.#model));
        return;
      case "function_call":
        this.#assistant(toolUse(item, this.#ids.begin(item.call_id)));
        return;
      case "function_call_output":
        this.#draft("user").results.push(toolResult(item, this.#ids.current(item.call_id)));
        return;
      case "compaction":
        this.#user(...text(compactionText(item)));
    }
  }

  #addMessage({ role, content }: MessageBody): void {
    if (role === "assistant") this.#assistant(...content.flatMap(assistantBlock));
    else if (role === "user") this.#user(...content.flatMap(userBlock));
    // Only the first words of all are the system's on this wire.
    else this.#user(...text(`<system>\n${textOf(content)}\n</system>`));
  }

  #user(...blocks: ContentBlockParam[]): void {
    if (blocks.length > 0) this.#draft("user").blocks.push(...blocks);
  }

  #assistant(...blocks: ContentBlockParam[]): void {
    if (blocks.length === 0) return;
    const thinking = this.#thinking;
    this.#thinking = [];
    this.#draft("assistant").blocks.push(...thinking, ...blocks);
  }

  #draft(role: Draft["role"]): Draft {
    this.#thinking = [];
    const last = this.#drafts.at(-1);
    if (last?.role === role) return last;
    const draft: Draft = { role, results: [], blocks: [] };
    this.#drafts.push(draft);
    return draft;
  }
}

function spoken(words: string): Draft {
  return { role: "user", results: [], blocks: text(words) };
}

/** The service refuses blank text. */
function text(words: string): TextBlockParam[] {
  return words.trim() === "" ? [] : [{ type: "text", text: words }];
}

function userBlock(part: Part): ContentBlockParam[] {
  return part.type === "input_image" ? [imageBlock(part.image_url)] : wordsOf(part);
}

/** A model speaks no images here. */
function assistantBlock(part: Part): ContentBlockParam[] {
  return part.type === "input_image" ? [] : wordsOf(part);
}

function wordsOf(part: Exclude<Part, { type: "input_image" }>): TextBlockParam[] {
  return text(part.type === "refusal" ? part.refusal : part.text);
}

function toolUse({ name, arguments: json }: FunctionCallBody, id: string): ToolUseBlockParam {
  // An object is demanded even where the model wrote nonsense; the result that follows says so.
  return { type: "tool_use", id, name, input: parseJsonObject(json) ?? {} };
}

function toolResult(result: FunctionCallOutputBody, id: string): ToolResultBlockParam {
  const { output, is_error } = result;
  const parts = typeof output === "string" ? text(output) : output.flatMap(resultBlock);
  return {
    type: "tool_result",
    tool_use_id: id,
    ...(parts.length > 0 && { content: parts }),
    ...(is_error === true && { is_error }),
  };
}

function resultBlock(part: Part): Exclude<ToolResultBlockParam["content"], string | undefined> {
  return part.type === "input_image" ? [imageBlock(part.image_url)] : wordsOf(part);
}

/** Thinking goes back unchanged, and only with the seal of the model that is asked. */
function thinkingOf({ maker, summary }: ReasoningBody, model: string): Thinking[] {
  if (maker?.protocol !== PROTOCOL || maker.model !== model) return [];
  const { signature, encrypted_content: data } = maker;
  if (data !== undefined) return [{ type: "redacted_thinking", data }];
  const thinking = summary.map((part) => part.text).join("");
  return signature === undefined || signature === "" ? [] : [{ type: "thinking", thinking, signature }];
}

/** What the service takes as an id. */
const VALID_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/** Ids of calls on the wire: clients invent their own, in any form, and use them again from one turn to the next. */
class CallIds {
  readonly #current = new Map<string, string>();
  readonly #used = new Set<string>();

  /** The id of a call that stands here. */
  begin(id: string): string {
    const base = VALID_ID.test(id) ? id : `call_${hash("sha256", id).slice(0, 24)}`;
    let wire = base;
    for (let n = 2; this.#used.has(wire); n++) wire = `${base}_${n}`;
    this.#used.add(wire);
    this.#current.set(id, wire);
    return wire;
  }

  /** The id of the latest call with that id. */
  current(id: string): string {
    return this.#current.get(id) ?? this.begin(id);
  }
}
