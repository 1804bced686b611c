import { invalidRequest } from "../../domain/error.ts";
import type { RunId } from "../../domain/id.ts";
import type { ItemBody } from "../../domain/item.ts";
import type { ModelSettings, OutputFormat, RunInput, ToolChoice, ToolSpec } from "../../domain/run.ts";
import { sessionOf } from "../conversations/id.ts";
import { hermesEffort } from "../model-options.ts";
import { readParts } from "../parts.ts";
import type { InputItem } from "./input.ts";
import { callItemId, type ToolItems } from "./output.ts";
import type { ResponsesRequest } from "./schema.ts";

/** What a request says outside its body, and what it refers to. */
export interface ResponsesTerms {
  /** The principal that asks. */
  owner: string;
  /** The run that it goes on from. */
  previous: RunId | undefined;
  /** How the server's calls show. */
  toolItems: ToolItems;
  /** `ignore`: the client's tools are left out, since it would not run them. */
  clientTools: "allow" | "ignore";
  /** Items that `item_reference` names, by their ids. */
  referenced: ReadonlyMap<string, ItemBody>;
}

/**
 * What a request for a response asks the agent to do.
 * @throws ApiError 400 for items, tools and choices that cannot be.
 */
export function decodeResponses(request: ResponsesRequest, terms: ResponsesTerms): RunInput {
  const tools = functionTools(request, terms.clientTools);
  const { model, provider, instructions } = request;
  const conversation = conversationOf(request);
  return {
    surface: "responses",
    owner: terms.owner,
    ask: { ...(model && { model }), ...(provider && { provider }) },
    mode: "agent",
    ...(terms.previous !== undefined && { previous: terms.previous }),
    ...(conversation !== undefined && {
      sessionId: sessionOf(conversation, terms.owner),
      newOnly: true,
    }),
    items: inputItems(request.input, { referenced: terms.referenced, param: "input" }),
    ...(instructions && { instructions }),
    tools,
    toolChoice: toolChoice(request, tools, terms.clientTools),
    settings: settingsOf(request),
    ...background(request),
    store: request.store ?? true,
    echo: {
      ...echoOf(request),
      ...(conversation !== undefined && { conversation: { id: conversation } }),
      ...(terms.toolItems !== "mcp_call" && { tool_items: terms.toolItems }),
    },
  };
}

/** A background response may be followed at any time, so its deltas are wanted from the start. */
function background({
  background,
  store,
  stream,
}: ResponsesRequest): Pick<RunInput, "background" | "deltas"> {
  if (background !== true) return { deltas: stream ?? false };
  if (store === false) {
    throw invalidRequest("store", "A background response is read by its id later: it must be stored.");
  }
  return { background, deltas: true };
}

/** Both say what came before, and could say it differently. */
function conversationOf({ conversation, previous_response_id: previous }: ResponsesRequest) {
  if (conversation === undefined || conversation === null) return undefined;
  if (previous !== undefined && previous !== null)
    throw invalidRequest("conversation", "Cannot use both 'conversation' and 'previous_response_id'.");
  return typeof conversation === "string" ? conversation : conversation.id;
}

/** The ids that `item_reference` items name. */
export function referencedIds(input: ResponsesRequest["input"]): string[] {
  if (typeof input === "string") return [];
  return input.flatMap((item) => (item.type === "item_reference" ? [item.id] : []));
}

/** Where items come from. */
export interface ItemsSource {
  /** Items that `item_reference` names, by their ids. */
  referenced: ReadonlyMap<string, ItemBody>;
  /** The field of the request that holds them. */
  param: string;
}

/**
 * The items that a client sends.
 * @throws ApiError 400 for a reference to an item that is not there.
 */
export function inputItems(input: ResponsesRequest["input"], source: ItemsSource): ItemBody[] {
  if (typeof input === "string") {
    return [{ type: "message", role: "user", content: [{ type: "input_text", text: input }] }];
  }
  const names = new Map<string, string>();
  return input.flatMap((item, index) => itemsOf(item, { ...source, index, names }));
}

interface Place extends ItemsSource {
  index: number;
  /** The names of the calls so far, by their ids. */
  names: Map<string, string>;
}

function itemsOf(item: InputItem, { index, names, referenced, param }: Place): ItemBody[] {
  switch (item.type) {
    case "message": {
      const { role } = item;
      const content = readParts(item.content, role === "assistant" ? "output_text" : "input_text");
      return content.length === 0 ? [] : [{ type: "message", role, content }];
    }
    case "function_call": {
      const { call_id, name, arguments: text } = item;
      names.set(call_id, name);
      return [{ type: "function_call", call_id, name, arguments: text, executor: "client" }];
    }
    case "function_call_output": {
      const { call_id, output: content } = item;
      const output = typeof content === "string" ? content : readParts(content, "input_text");
      const name = names.get(call_id) ?? "";
      return [{ type: "function_call_output", call_id, name, output, executor: "client" }];
    }
    case "reasoning":
      return [{ type: "reasoning", summary: item.summary ?? [] }];
    case "compaction":
      return [{ type: "compaction", encrypted_content: item.encrypted_content }];
    case "mcp_call":
      return ownCall(item);
    case "item_reference": {
      const found = storedItems(item.id, referenced);
      if (found.length > 0) return found;
      const message = `No stored item has the id ${JSON.stringify(item.id)}.`;
      throw invalidRequest(`${param}[${index}].id`, message, "item_not_found");
    }
  }
}

/** What an id stands for: an item, or for a call of the server's as it is printed, the call and its result. */
function storedItems(id: string, stored: ReadonlyMap<string, ItemBody>): ItemBody[] {
  const item = stored.get(callItemId(id));
  if (item?.type !== "function_call" || item.executor === "client") return item === undefined ? [] : [item];
  const isResult = (other: ItemBody) =>
    other.type === "function_call_output" && other.call_id === item.call_id;
  return [item, ...[...stored.values()].filter(isResult)];
}

/** A call that this server ran, and its result, as they were printed in one item. */
function ownCall(item: Extract<InputItem, { type: "mcp_call" }>): ItemBody[] {
  const call = { call_id: item.id, name: item.name, executor: "server" } as const;
  const failed = item.error !== undefined && item.error !== null;
  const output = item.output ?? (failed ? String(item.error) : "");
  return [
    { type: "function_call", ...call, arguments: item.arguments },
    { type: "function_call_output", ...call, output, ...(failed && { is_error: true }) },
  ];
}

function functionTools({ tools }: ResponsesRequest, client: ResponsesTerms["clientTools"]): ToolSpec[] {
  const specs: ToolSpec[] = [];
  for (const [index, tool] of (tools ?? []).entries()) {
    if (!isFunction(tool)) {
      throw invalidRequest(
        `tools[${index}].type`,
        `The tool type ${JSON.stringify(tool.type)} is not available here; declare functions, or let the agent use its own tools.`,
        "unsupported_tool",
      );
    }
    const { name, description, parameters, strict } = tool;
    if (specs.some((spec) => spec.name === name)) {
      throw invalidRequest(`tools[${index}].name`, `The tool "${name}" is declared twice.`);
    }
    specs.push({
      name,
      ...(description && { description }),
      parameters: parameters ?? { type: "object", properties: {} },
      ...(strict !== null && strict !== undefined && { strict }),
    });
  }
  return client === "ignore" ? [] : specs;
}

type Tool = NonNullable<ResponsesRequest["tools"]>[number];
type Function = Extract<Tool, { parameters?: unknown; name: string }>;

function isFunction(tool: Tool): tool is Function {
  return tool.type === "function";
}

/** A required, named or allowed choice speaks of the client's tools; without any there is nothing to choose. */
function toolChoice(
  { tool_choice: choice }: ResponsesRequest,
  tools: readonly ToolSpec[],
  client: ResponsesTerms["clientTools"],
): ToolChoice {
  if (choice === undefined || choice === null || choice === "auto") return { mode: "auto" };
  if (choice === "none") return { mode: "none" };
  if (client === "ignore") return { mode: "auto" };
  if (tools.length === 0) {
    throw invalidRequest("tool_choice", "'tool_choice' names or requires a tool, but 'tools' declares none.");
  }
  if (choice === "required") return { mode: "required" };
  const names = choice.type === "function" ? [choice.name] : choice.tools.map(({ name }) => name);
  const unknown = names.find((name) => !tools.some((tool) => tool.name === name));
  if (unknown !== undefined)
    throw invalidRequest("tool_choice", `'tools' declares no tool named "${unknown}".`);
  return { mode: choice.type === "function" ? "required" : choice.mode, names };
}

function settingsOf(request: ResponsesRequest): ModelSettings {
  const { model_options: options } = request;
  const given: { [Key in keyof ModelSettings]: ModelSettings[Key] | null | undefined } = {
    temperature: request.temperature,
    topP: request.top_p,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    maxOutputTokens: request.max_output_tokens,
    format: outputFormat(request),
    reasoningEffort: request.reasoning?.effort ?? hermesEffort(options),
    parallelToolCalls: request.parallel_tool_calls,
    serviceTier: request.service_tier ?? options?.service_tier ?? (options?.fast ? "priority" : undefined),
    user: request.user ?? request.safety_identifier,
    metadata: request.metadata,
  };
  return Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== null && value !== undefined),
  );
}

function outputFormat({ text }: ResponsesRequest): OutputFormat | undefined {
  const format = text?.format;
  if (format === null || format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  const { name, description, schema, strict } = format;
  return {
    type: "json_schema",
    name,
    ...(description && { description }),
    schema: schema ?? {},
    ...(strict !== null && strict !== undefined && { strict }),
  };
}

/** Fields that a response says again as they were asked for. */
const ECHOED = [
  "instructions",
  "truncation",
  "parallel_tool_calls",
  "top_p",
  "presence_penalty",
  "frequency_penalty",
  "temperature",
  "max_output_tokens",
  "store",
  "background",
  "metadata",
  "safety_identifier",
  "prompt_cache_key",
  "user",
  "tool_choice",
] as const satisfies readonly (keyof ResponsesRequest)[];

/** Only what differs from the defaults: it is stored with every run. */
function echoOf(request: ResponsesRequest): Record<string, unknown> {
  const echo: Record<string, unknown> = {};
  for (const field of ECHOED)
    if (request[field] !== undefined && request[field] !== null) echo[field] = request[field];
  const { tools, text, reasoning } = request;
  if (tools !== undefined && tools !== null && tools.length > 0) echo["tools"] = tools.map(echoedTool);
  if (text !== undefined && text !== null) echo["text"] = echoedText(text);
  if (reasoning !== undefined && reasoning !== null) {
    echo["reasoning"] = { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null };
  }
  return echo;
}

function echoedTool(tool: Tool): Tool {
  if (!isFunction(tool)) return tool;
  const { type, name, description = null, parameters = null, strict = null } = tool;
  return { type, name, description, parameters, strict };
}

function echoedText({ format, verbosity }: NonNullable<ResponsesRequest["text"]>): Record<string, unknown> {
  const shown = format ?? { type: "text" as const };
  const asked =
    shown.type === "json_schema"
      ? { ...shown, description: shown.description ?? null, strict: shown.strict ?? false }
      : shown;
  return { format: asked, ...(verbosity && { verbosity }) };
}
