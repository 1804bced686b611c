import type {
  ContentBlockParam,
  MessageCreateParams,
  MessageParam,
  OutputConfig,
  Tool,
  ToolChoice as WireToolChoice,
} from "@anthropic-ai/sdk/resources/messages/messages";
import type { ItemBody } from "../../../domain/item.ts";
import type { ModelSettings, OutputFormat, ToolChoice, ToolSpec } from "../../../domain/run.ts";
import type { ModelRequest } from "../../provider.ts";
import type { EncodedRequest } from "../../transport/http-provider.ts";
import { createJsonTexts } from "../shared/json-texts.ts";
import { toMessages } from "./messages.ts";
import { closeSchema } from "./schema.ts";
import { chooseReasoning, type ModelTraits, readTraits } from "./traits.ts";

/** Fields of the request by their names; the values come from validated settings. */
type Params = Partial<MessageCreateParams>;

const PATH = "/messages";

/** The JSON of what was sent before. */
interface JsonMemory {
  tools: WeakMap<ToolSpec, string>;
  strictTools: WeakMap<ToolSpec, string>;
  /** Returns the JSON of a long text, and remembers it. */
  jsonText(text: string): string;
}

/**
 * The service refuses to answer in one piece when that might take longer than ten minutes; it expects an hour for
 * 128,000 tokens.
 * @see https://platform.claude.com/docs/en/api/errors#long-requests
 */
const MAX_TOKENS_IN_ONE_PIECE = Math.floor(128_000 / 6);

/** Room for the thinking of the highest efforts. */
const MAX_TOKENS_HIGH_EFFORT = 64_000;

const EPHEMERAL = { type: "ephemeral" } as const;

/** Creates the encoder of one upstream; it remembers the JSON of tools and long texts. */
export function createEncoder(): (request: ModelRequest) => EncodedRequest {
  const memory: JsonMemory = {
    tools: new WeakMap(),
    strictTools: new WeakMap(),
    jsonText: createJsonTexts(),
  };
  return (request) => encode(request, memory);
}

function encode(request: ModelRequest, memory: JsonMemory): EncodedRequest {
  const traits = readTraits(request.model);
  const maxTokens = limitOutput(request.settings, traits);
  const stream = request.stream || maxTokens > MAX_TOKENS_IN_ONE_PIECE;
  const schema = toOutputSchema(request.settings.format, traits);
  const system = encodeSystemBlocks(request, schema, memory);
  const messages = toMessages(request.items, request.model);
  markLastTwo(messages);
  const tools = encodeToolList(request, traits, memory);
  const fields = [
    `"model":${JSON.stringify(request.model)},"max_tokens":${maxTokens}`,
    system.length === 0 ? "" : `"system":[${system.join(",")}]`,
    tools.length === 0 ? "" : `"tools":[${tools.join(",")}]`,
    JSON.stringify({
      ...collectParams(request, { traits, maxTokens, schema, messages }),
      ...(stream && { stream }),
    }).slice(1, -1),
    `"messages":${JSON.stringify(messages)}`,
  ];
  return { path: PATH, body: `{${fields.filter((field) => field !== "").join(",")}}`, stream };
}

function limitOutput({ maxOutputTokens, reasoningEffort }: ModelSettings, traits: ModelTraits): number {
  if (maxOutputTokens !== undefined) return maxOutputTokens;
  const high = reasoningEffort === "xhigh" || reasoningEffort === "max";
  return high && traits.thinking === "adaptive" ? MAX_TOKENS_HIGH_EFFORT : traits.maxTokens;
}

/** Puts a cache breakpoint after the core prompt, so that the cache finds it whatever the frontend's text is. */
function encodeSystemBlocks(
  { core, instructions, settings: { format } }: ModelRequest,
  schema: OutputConfig["format"],
  { jsonText }: JsonMemory,
): string[] {
  const blocks: string[] = [];
  if (core.trim() !== "")
    blocks.push(`{"type":"text","text":${jsonText(core)},"cache_control":${JSON.stringify(EPHEMERAL)}}`);
  const asked = format === undefined || schema !== undefined ? undefined : describeFormat(format);
  for (const text of [instructions, asked]) {
    if (text !== undefined && text.trim() !== "") blocks.push(JSON.stringify({ type: "text", text }));
  }
  return blocks;
}

/** Returns undefined where the service cannot enforce the format: then the system text asks for it. */
function toOutputSchema(format: OutputFormat | undefined, traits: ModelTraits): OutputConfig["format"] {
  if (format?.type !== "json_schema" || !traits.schemas) return undefined;
  const schema = closeSchema(format.schema);
  return schema === undefined ? undefined : { type: "json_schema", schema };
}

function describeFormat(format: OutputFormat): string {
  const rule = "Your final answer must be one JSON object and nothing else: no other words, no code fence.";
  if (format.type === "json_object") return rule;
  const description = format.description === undefined ? "" : ` It is: ${format.description}.`;
  return `${rule}${description} It must fit this JSON Schema:\n${JSON.stringify(format.schema)}`;
}

/**
 * Puts cache breakpoints on the last two messages: this step finds the conversation up to the step before in the cache,
 * and the next step finds it up to here.
 */
function markLastTwo(messages: readonly MessageParam[]): void {
  for (const { content } of messages.slice(-2)) {
    const last = (content as ContentBlockParam[]).at(-1);
    // No message ends with a block that the service takes no breakpoint on.
    if (last !== undefined) Object.assign(last, { cache_control: EPHEMERAL });
  }
}

function encodeToolList({ tools, items }: ModelRequest, traits: ModelTraits, memory: JsonMemory): string[] {
  if (tools.length > 0) return tools.map((tool) => encodeToolOnce(tool, traits.schemas, memory));
  // The service refuses a transcript with calls when no tool is declared. `tool_choice` then forbids to call them.
  return [...listCalledTools(items)].map((name) =>
    JSON.stringify({ name, input_schema: { type: "object" } }),
  );
}

function listCalledTools(items: readonly ItemBody[]): Set<string> {
  return new Set(items.flatMap((item) => (item.type === "function_call" ? [item.name] : [])));
}

function encodeToolOnce(tool: ToolSpec, schemas: boolean, memory: JsonMemory): string {
  const strict = schemas && tool.strict === true;
  const texts = strict ? memory.strictTools : memory.tools;
  let text = texts.get(tool);
  if (text === undefined) {
    text = JSON.stringify(toWireTool(tool, strict));
    texts.set(tool, text);
  }
  return text;
}

function toWireTool({ name, description, parameters }: ToolSpec, strict: boolean): Tool {
  const closed = strict ? closeSchema(parameters) : undefined;
  // The service takes no alternatives at the top of a schema, but callers' schemas may have them.
  const { oneOf: _oneOf, anyOf: _anyOf, allOf: _allOf, ...schema } = closed ?? parameters;
  return {
    name,
    ...(description !== undefined && { description }),
    input_schema: { ...schema, type: "object" },
    ...(closed !== undefined && { strict: true }),
  };
}

interface ParamsBasis {
  traits: ModelTraits;
  maxTokens: number;
  schema: OutputConfig["format"];
  messages: readonly MessageParam[];
}

function collectParams(request: ModelRequest, basis: ParamsBasis): Params {
  const { settings: given } = request;
  const { traits, maxTokens, schema } = basis;
  const choice = toToolChoice(request);
  const isForced = choice?.type === "any" || choice?.type === "tool";
  const isMidway = continuesWithoutThinking(basis.messages);
  const { thinking, effort } = chooseReasoning(traits, {
    effort: given.reasoningEffort,
    isForced,
    isMidway,
    maxTokens,
  });
  const output: OutputConfig = {
    ...(effort !== undefined && { effort }),
    ...(schema !== undefined && { format: schema }),
  };
  const thinks = thinking?.type === "adaptive" || thinking?.type === "enabled";
  return {
    ...(traits.sampling && !thinks && samplingParams(given)),
    ...stopParams(given),
    ...(choice !== undefined && { tool_choice: choice }),
    ...(thinking !== undefined && { thinking }),
    ...(Object.keys(output).length > 0 && { output_config: output }),
    ...userParams(given),
    ...serviceTierParams(given),
  };
}

/** Whether the model continues after results of calls that it made without thinking. */
function continuesWithoutThinking(messages: readonly MessageParam[]): boolean {
  const [calls, results] = messages.slice(-2).map(({ content }) => content as ContentBlockParam[]);
  if (results?.[0]?.type !== "tool_result") return false;
  const first = calls?.[0]?.type;
  return first !== "thinking" && first !== "redacted_thinking";
}

/** Sends one of the two: newer models refuse both together. The temperature ends at 1 here. */
function samplingParams({ temperature, topP }: ModelSettings): Record<string, number> {
  if (temperature !== undefined) return { temperature: Math.min(temperature, 1) };
  return topP === undefined ? {} : { top_p: topP };
}

function userParams({ user, safetyIdentifier }: ModelSettings): Params {
  const id = user ?? safetyIdentifier;
  return id === undefined ? {} : { metadata: { user_id: id } };
}

/** Leaves out blank sequences, which the service refuses. */
function stopParams({ stop = [] }: ModelSettings): Params {
  const sequences = stop.filter((sequence) => sequence.trim() !== "");
  return sequences.length === 0 ? {} : { stop_sequences: sequences };
}

function serviceTierParams({ serviceTier: tier }: ModelSettings): Params {
  return tier === "auto" || tier === "standard_only" ? { service_tier: tier } : {};
}

function toToolChoice({
  tools,
  items,
  toolChoice: choice,
  settings: given,
}: ModelRequest): WireToolChoice | undefined {
  if (tools.length === 0) return listCalledTools(items).size === 0 ? undefined : { type: "none" };
  if (choice.mode === "none") return { type: "none" };
  const parallel = given.parallelToolCalls === false ? { disable_parallel_tool_use: true } : {};
  const name = findOnlyName(choice);
  if (choice.mode === "required") {
    return name === undefined ? { type: "any", ...parallel } : { type: "tool", name, ...parallel };
  }
  return given.parallelToolCalls === false ? { type: "auto", ...parallel } : undefined;
}

function findOnlyName({ names }: ToolChoice): string | undefined {
  return names?.length === 1 ? names[0] : undefined;
}
