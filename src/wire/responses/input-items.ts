import { type ApiError, invalidRequest } from "../../domain/error.ts";
import type { Item, Part } from "../../domain/item.ts";

/** An input item as it is listed again. */
export type ListedItem = { id: string; type: string } & Readonly<Record<string, unknown>>;

/** The items of a response's own input, as OpenAI lists them. */
export function listedItem(item: Item): ListedItem {
  const { id, status } = item;
  switch (item.type) {
    case "message":
      return { id, type: "message", status, role: item.role, content: item.content.map(listedPart) };
    case "function_call":
      return {
        id,
        type: "function_call",
        status,
        call_id: item.call_id,
        name: item.name,
        arguments: item.arguments,
      };
    case "function_call_output": {
      const output = typeof item.output === "string" ? item.output : item.output.map(listedPart);
      return { id, type: "function_call_output", status, call_id: item.call_id, output };
    }
    case "reasoning":
      return { id, type: "reasoning", status, summary: item.summary };
    case "compaction":
      return { id, type: "compaction", encrypted_content: item.encrypted_content };
  }
}

function listedPart(part: Part): Readonly<Record<string, unknown>> {
  if (part.type === "input_image") return { ...part, detail: part.detail ?? "auto" };
  return part.type === "output_text" ? { ...part, annotations: [], logprobs: [] } : part;
}

/** Which part of a list is asked for. */
export interface ListQuery {
  order: "asc" | "desc";
  limit: number;
  /** The id of the last item that the client has. */
  after: string | undefined;
}

/**
 * The page of a whole list that is asked for.
 * @throws ApiError 400 for a cursor that is not in the list.
 */
export function pageOf<Entry extends { id: string }>(
  all: readonly Entry[],
  { order, limit, after }: ListQuery,
): Page<Entry> {
  const ordered = order === "asc" ? all : all.toReversed();
  const at = ordered.findIndex(({ id }) => id === after);
  if (after !== undefined && at === -1) throw unknownCursor(after);
  return listOf(ordered.slice(at + 1, at + 2 + limit), limit);
}

/** One page in OpenAI's form. */
export interface Page<Entry> {
  object: "list";
  data: Entry[];
  first_id: string | null;
  last_id: string | null;
  has_more: boolean;
}

/** A page of what was read: one entry more than asked for means that there are more. */
export function listOf<Entry extends { id: string }>(read: readonly Entry[], limit: number): Page<Entry> {
  const data = read.slice(0, limit);
  return {
    object: "list",
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: read.length > limit,
  };
}

/** 400: `after` names nothing in the list. */
export function unknownCursor(after: string): ApiError {
  return invalidRequest("after", `There is no ${JSON.stringify(after)} in this list.`);
}
