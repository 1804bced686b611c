import type {
  FunctionCallItem,
  FunctionCallOutputItem,
  Item,
  Part,
  ReasoningBody,
} from "../../../domain/item.ts";
import { listedPart } from "./input-items.ts";

/**
 * How the server's own tool calls stand in a response's output: `mcp_call`, which no SDK takes for a call of its own;
 * `function_call` with its output, for clients that know that they need not run it; or not at all.
 */
export type ToolItems = "mcp_call" | "function_call" | "none";

type Status = "in_progress" | "completed" | "incomplete";

/** One part of a message in the output. */
export type OutputPart =
  | { type: "output_text"; text: string; annotations: never[]; logprobs: never[] }
  | { type: "refusal"; refusal: string };

/**
 * An item of a response's output, as it is printed.
 * @see https://platform.openai.com/docs/api-reference/responses/object
 */
export type OutputItem =
  | { id: string; type: "message"; status: Status; role: "assistant"; content: OutputPart[] }
  | {
      id: string;
      type: "reasoning";
      status: Status;
      summary: { type: "summary_text"; text: string }[];
      encrypted_content?: string | null;
    }
  | { id: string; type: "function_call"; status: Status; call_id: string; name: string; arguments: string }
  | {
      id: string;
      type: "function_call_output";
      status: Status;
      call_id: string;
      output: Readonly<Record<string, unknown>>[];
    }
  | McpCall
  | { id: string; type: "compaction"; encrypted_content: string };

/** A call that this server ran. */
interface McpCall {
  id: string;
  type: "mcp_call";
  status: Status | "failed";
  server_label: string;
  name: string;
  arguments: string;
  output: string | null;
  error: string | null;
  approval_request_id: null;
}

const CALL_PREFIX = "fc_";
const OWN_CALL_PREFIX = "mcp_";

/** The id of the transcript's item behind one of the output. */
export function callItemId(id: string): string {
  return id.startsWith(OWN_CALL_PREFIX) ? CALL_PREFIX + id.slice(OWN_CALL_PREFIX.length) : id;
}

const SERVER_LABEL = "hermes";

/** Seals a reasoning item's payload for the client to keep. */
export type Encrypter = (item: ReasoningBody) => string | null;

/** An item as it is printed; a call of the server's own without its result. `encrypt`: where the client asked for it. */
export function outputItem(item: Item, tools: ToolItems, encrypt?: Encrypter): OutputItem | undefined {
  const { id, status } = item;
  switch (item.type) {
    case "message":
      return { id, type: "message", status, role: "assistant", content: item.content.flatMap(outputPart) };
    case "reasoning":
      return {
        id,
        type: "reasoning",
        status,
        summary: item.summary,
        ...(encrypt !== undefined && { encrypted_content: status === "in_progress" ? null : encrypt(item) }),
      };
    case "compaction":
      return { id, type: "compaction", encrypted_content: item.encrypted_content };
    case "function_call":
      return item.executor === "server" && tools !== "function_call"
        ? toServerCall(item, tools)
        : plainCall(item);
    case "function_call_output":
      if (tools !== "function_call" || item.executor !== "server") return undefined;
      return {
        id,
        type: "function_call_output",
        status,
        call_id: item.call_id,
        output: resultParts(item),
      };
  }
}

/** The server's call once it has a result. */
export function withResult(call: McpCall, result: FunctionCallOutputItem): McpCall {
  const text = resultText(result);
  if (result.status === "incomplete") return { ...call, status: "incomplete", output: text };
  return result.is_error === true
    ? { ...call, status: "failed", error: text }
    : { ...call, status: "completed", output: text };
}

function plainCall({ id, status, call_id, name, arguments: text }: FunctionCallItem): OutputItem {
  return { id, type: "function_call", status, call_id, name, arguments: text };
}

function toServerCall(item: FunctionCallItem, tools: ToolItems): McpCall | undefined {
  if (tools === "none") return undefined;
  return {
    id: item.id.replace(CALL_PREFIX, OWN_CALL_PREFIX),
    type: "mcp_call",
    // Done as a message of the model, not yet as a call.
    status: item.status === "completed" ? "in_progress" : item.status,
    server_label: SERVER_LABEL,
    name: item.name,
    arguments: item.arguments,
    output: null,
    error: null,
    approval_request_id: null,
  };
}

function outputPart(part: Part): OutputPart[] {
  if (part.type === "output_text" || part.type === "input_text") {
    return [{ type: "output_text", text: part.text, annotations: [], logprobs: [] }];
  }
  return part.type === "refusal" ? [{ type: "refusal", refusal: part.refusal }] : [];
}

function resultParts({ output }: FunctionCallOutputItem): Readonly<Record<string, unknown>>[] {
  return typeof output === "string" ? [{ type: "input_text", text: output }] : output.map(listedPart);
}

function resultText({ output }: FunctionCallOutputItem): string {
  if (typeof output === "string") return output;
  return output.map((part) => ("text" in part ? part.text : `[${part.type}]`)).join("\n");
}
