import { invalidRequest } from "../../../domain/error.ts";
import type { ItemBody, ReasoningBody } from "../../../domain/item.ts";
import { quoted } from "../../../lib/text.ts";
import { filesIn, type SentPart } from "../../shared/files/parts.ts";
import { decodeParts, type ReadParts } from "../../shared/parts.ts";
import type { HistoryEntry, InputItem } from "./input.ts";
import { callItemId } from "./output.ts";
import type { ResponsesRequest } from "./schema.ts";

/** What was read for items that a client sends. */
export interface InputTerms {
  /** Items that `item_reference` names, by their ids. */
  referenced: ReadonlyMap<string, ItemBody>;
  /** Opens what this server sealed; undefined for anything else. Absent: nothing is opened. */
  unseal?(sealed: string): ReasoningBody | undefined;
  /** The field of the request that holds them; default `input`. */
  param?: string;
  /** What was read of the request's files. */
  files?: ReadParts | undefined;
}

/**
 * The items of a request's input as the transcript keeps them.
 * @throws ApiError 400 for a reference to an item that is not there.
 */
export function inputItems(input: ResponsesRequest["input"], terms: InputTerms): ItemBody[] {
  if (typeof input === "string") {
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  }
  const names = new Map<string, string>();
  return input.flatMap((item, index) => decodeInputItem(item, { ...terms, index, names }));
}

/** The ids that `item_reference` items name. */
export function referencedIds(input: ResponsesRequest["input"]): string[] {
  if (typeof input === "string") return [];
  return input.flatMap((item) => (item.type === "item_reference" ? [item.id] : []));
}

/** hermes: the conversation so far, where the request brings it along. */
export function historyItems(
  { conversation_history: history }: ResponsesRequest,
  { files }: Pick<InputTerms, "files">,
): ItemBody[] {
  return (history ?? []).flatMap((entry) => messageItem(entry, files));
}

function messageItem({ role, content }: HistoryEntry, files: ReadParts | undefined): ItemBody[] {
  const parts = decodeParts(content, role === "assistant" ? "output_text" : "input_text", files);
  return parts.length === 0 ? [] : [{ type: "message", role, content: parts }];
}

/** Finds the files of a request. */
export function requestFiles({ input, conversation_history: history }: ResponsesRequest): SentPart[] {
  const said = (history ?? []).flatMap(({ content }, index) =>
    filesIn(content, () => `conversation_history[${index}].content`),
  );
  return typeof input === "string" ? said : [...said, ...itemFiles(input, "input")];
}

/** Finds the files of items; `param` is the field that holds the items. */
export function itemFiles(items: readonly InputItem[], param: string): SentPart[] {
  return items.flatMap((item, index) => {
    if (item.type === "message") return filesIn(item.content, () => `${param}[${index}].content`);
    return item.type === "function_call_output" || item.type === "custom_tool_call_output"
      ? filesIn(item.output, () => `${param}[${index}].output`)
      : [];
  });
}

interface Place extends InputTerms {
  index: number;
  /** The names of the calls so far, by their ids. */
  names: Map<string, string>;
}

function decodeInputItem(item: InputItem, place: Place): ItemBody[] {
  const { names } = place;
  switch (item.type) {
    case "message":
      return messageItem(item, place.files);
    case "function_call":
      return [clientCall(item, item.arguments, names)];
    case "custom_tool_call":
      return [clientCall(item, JSON.stringify({ input: item.input }), names)];
    case "function_call_output":
    case "custom_tool_call_output":
      return [clientResult(item, place)];
    case "reasoning":
      return [
        place.unseal?.(item.encrypted_content ?? "") ?? { type: "reasoning", summary: item.summary ?? [] },
      ];
    case "compaction":
      return [{ type: "compaction", encrypted_content: item.encrypted_content }];
    case "mcp_call":
      return decodeServerCall(item);
    case "item_reference":
      return storedItems(item.id, place);
    default:
      // Another server's work, whose outcome is in the text that follows it; no model of ours can read its form.
      return [];
  }
}

type ClientCall = Extract<InputItem, { type: "function_call" | "custom_tool_call" }>;

type ClientResult = Extract<InputItem, { type: "function_call_output" | "custom_tool_call_output" }>;

function clientResult({ call_id, output: content }: ClientResult, { names, files }: Place): ItemBody {
  const output = typeof content === "string" ? content : decodeParts(content, "input_text", files);
  const name = names.get(call_id) ?? "";
  return { type: "function_call_output", call_id, name, output, executor: "client" };
}

function clientCall({ call_id, name }: ClientCall, text: string, names: Map<string, string>): ItemBody {
  names.set(call_id, name);
  return { type: "function_call", call_id, name, arguments: text, executor: "client" };
}

/** What an id stands for: an item, or for a call of the server's as it is printed, the call and its result. */
function storedItems(id: string, { index, referenced, param = "input" }: Place): ItemBody[] {
  const item = referenced.get(callItemId(id));
  if (item === undefined) {
    const message = `No stored item has the id ${quoted(id)}.`;
    throw invalidRequest(`${param}[${index}].id`, message, "item_not_found");
  }
  if (item.type !== "function_call" || item.executor === "client") return [item];
  const isResult = (other: ItemBody) =>
    other.type === "function_call_output" && other.call_id === item.call_id;
  return [item, ...[...referenced.values()].filter(isResult)];
}

/** A call that this server ran, and its result, as they were printed in one item. */
function decodeServerCall(item: Extract<InputItem, { type: "mcp_call" }>): ItemBody[] {
  const call = { call_id: item.id, name: item.name, executor: "server" } as const;
  const failed = item.error !== undefined && item.error !== null;
  const output = item.output ?? (failed ? String(item.error) : "");
  return [
    { type: "function_call", ...call, arguments: item.arguments },
    { type: "function_call_output", ...call, output, ...(failed && { is_error: true }) },
  ];
}
