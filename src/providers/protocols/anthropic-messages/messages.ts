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
  joinText,
  type MessageBody,
  type Part,
  type ReasoningBody,
} from "../../../domain/item.ts";
import { parseJsonObject } from "../../../lib/json.ts";
import { describeCompaction } from "../shared/compaction-text.ts";
import { toImageBlock } from "./image.ts";

/** The protocol's name. Thinking is sent back only to the protocol and model that made it. */
export const PROTOCOL = "anthropic-messages";

/** A message that is being built. On the wire its results come first, whatever came between a call and its result. */
interface Draft {
  role: "user" | "assistant";
  results: ToolResultBlockParam[];
  blocks: ContentBlockParam[];
}

type Thinking = ThinkingBlockParam | RedactedThinkingBlockParam;

/** The service demands that the first message is a user's and, where it takes no prefilled answers, the last one too. */
const BEGINNING = "(The conversation begins with your own words.)";
const NOTHING_SAID = "(An empty message.)";
const GO_ON = "(Go on.)";

/**
 * Converts a transcript to the strict form that the service demands: user and assistant take turns, a user begins and
 * ends, results come first in the message after their calls, no text is blank, every id is unique.
 */
export function toMessages(items: readonly ItemBody[], model: string): MessageParam[] {
  const conversation = new Conversation(model);
  for (const item of items) conversation.add(item);
  return conversation.messages();
}

class Conversation {
  readonly #model: string;
  readonly #drafts: Draft[] = [];
  /** Thinking that waits for the next block of its message; dropped without one, since no message may end with it. */
  #thinking: Thinking[] = [];
  readonly #ids = new CallIds();

  constructor(model: string) {
    this.#model = model;
  }

  messages(): MessageParam[] {
    const drafts = this.#drafts;
    if (drafts[0]?.role !== "user")
      drafts.unshift(createUserDraft(drafts.length === 0 ? NOTHING_SAID : BEGINNING));
    if (drafts.at(-1)?.role !== "user") drafts.push(createUserDraft(GO_ON));
    return drafts.map(({ role, results, blocks }) => ({ role, content: [...results, ...blocks] }));
  }

  add(item: ItemBody): void {
    switch (item.type) {
      case "message":
        this.#addMessage(item);
        return;
      case "reasoning":
        this.#thinking.push(...toThinking(item, this.#model));
        return;
      case "function_call":
        this.#assistant(toToolUse(item, this.#ids.begin(item.call_id)));
        return;
      case "function_call_output":
        this.#draft("user").results.push(toToolResult(item, this.#ids.current(item.call_id)));
        return;
      case "compaction":
        this.#user(...toTextBlocks(describeCompaction(item)));
    }
  }

  #addMessage({ role, content }: MessageBody): void {
    if (role === "assistant") this.#assistant(...content.flatMap(toAssistantBlock));
    else if (role === "user") this.#user(...content.flatMap(toUserBlock));
    // This protocol has system text only at the start of the request.
    else this.#user(...toTextBlocks(`<system>\n${joinText(content)}\n</system>`));
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

function createUserDraft(text: string): Draft {
  return { role: "user", results: [], blocks: toTextBlocks(text) };
}

/** Returns no block for blank text, which the service refuses. */
function toTextBlocks(text: string): TextBlockParam[] {
  return text.trim() === "" ? [] : [{ type: "text", text }];
}

function toUserBlock(part: Part): ContentBlockParam[] {
  return part.type === "input_image" ? [toImageBlock(part.image_url)] : toPartBlocks(part);
}

/** An assistant message has no images in this protocol. */
function toAssistantBlock(part: Part): ContentBlockParam[] {
  return part.type === "input_image" ? [] : toPartBlocks(part);
}

function toPartBlocks(part: Exclude<Part, { type: "input_image" }>): TextBlockParam[] {
  return toTextBlocks(part.type === "refusal" ? part.refusal : part.text);
}

function toToolUse({ name, arguments: json }: FunctionCallBody, id: string): ToolUseBlockParam {
  // The service demands an object even where the model wrote something else; the result that follows tells that.
  return { type: "tool_use", id, name, input: parseJsonObject(json) ?? {} };
}

function toToolResult(result: FunctionCallOutputBody, id: string): ToolResultBlockParam {
  const { output, is_error } = result;
  const parts = typeof output === "string" ? toTextBlocks(output) : output.flatMap(toResultBlock);
  return {
    type: "tool_result",
    tool_use_id: id,
    ...(parts.length > 0 && { content: parts }),
    ...(is_error === true && { is_error }),
  };
}

function toResultBlock(part: Part): Exclude<ToolResultBlockParam["content"], string | undefined> {
  return part.type === "input_image" ? [toImageBlock(part.image_url)] : toPartBlocks(part);
}

/** Thinking is sent back unchanged, and only with a signature of the model that is asked. */
function toThinking({ maker, summary }: ReasoningBody, model: string): Thinking[] {
  if (maker?.protocol !== PROTOCOL || maker.model !== model) return [];
  const { signature, encrypted_content: data } = maker;
  if (data !== undefined) return [{ type: "redacted_thinking", data }];
  const thinking = summary.map((part) => part.text).join("");
  return signature === undefined || signature === "" ? [] : [{ type: "thinking", thinking, signature }];
}

/** The ids that the service accepts. */
const VALID_ID = /^[a-zA-Z0-9_-]{1,64}$/;

/** The ids of calls on the wire. Clients choose ids in any form and use them again in later turns. */
class CallIds {
  readonly #current = new Map<string, string>();
  readonly #used = new Set<string>();

  /** Creates the id of the next call. */
  begin(id: string): string {
    const base = VALID_ID.test(id) ? id : `call_${hash("sha256", id).slice(0, 24)}`;
    let wire = base;
    for (let n = 2; this.#used.has(wire); n++) wire = `${base}_${n}`;
    this.#used.add(wire);
    this.#current.set(id, wire);
    return wire;
  }

  /** Returns the wire id of the latest call with that id. */
  current(id: string): string {
    return this.#current.get(id) ?? this.begin(id);
  }
}
