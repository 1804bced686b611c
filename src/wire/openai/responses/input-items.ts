import type { Item, Part } from "../../../domain/item.ts";

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

/** A part of a message or a tool's output as it is listed again. */
export function listedPart(part: Part): Readonly<Record<string, unknown>> {
  if (part.type === "input_image") return { ...part, detail: part.detail ?? "auto" };
  return part.type === "output_text" ? { ...part, annotations: [], logprobs: [] } : part;
}
