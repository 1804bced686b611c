import type {
  ChatCompletionContentPartImage,
  ChatCompletionCreateParams,
  ChatCompletionMessageParam,
} from "openai/resources/chat/completions";
import {
  type FunctionCallBody,
  type FunctionCallOutputBody,
  type InputImage,
  type ItemBody,
  joinText,
  type Part,
  type ReasoningBody,
} from "../../../domain/item.ts";
import type { ModelSettings, OutputFormat, ToolChoice, ToolSpec } from "../../../domain/run.ts";
import { parseJsonObject } from "../../../lib/json.ts";
import type { ModelRequest } from "../../provider.ts";
import type { EncodedRequest } from "../../transport/http-provider.ts";
import { describeCompaction } from "../shared/compaction-text.ts";
import { createJsonTexts } from "../shared/json-texts.ts";

/** The protocol's name. Reasoning is sent back only to the protocol and model that made it. */
export const PROTOCOL = "chat-completions";

/** Fields of the request by their names; the values come from validated settings. */
type Params = { [Name in keyof ChatCompletionCreateParams]?: unknown };

const PATH = "/chat/completions";
/** OpenAI itself, at its own host and at Azure's. */
const OPENAI_HOST = /^api\.openai\.com$|\.openai\.azure\.com$/;

/** What an encoder knows besides the request. */
interface RequestOptions {
  /** The upstream is OpenAI itself, which renamed a field. */
  openai: boolean;
  /** The JSON of tools, and of whole lists of them, that were sent before. */
  toolTexts: WeakMap<ToolSpec | readonly ToolSpec[], string>;
  /** Returns the JSON of a long text, and remembers it. */
  jsonText(text: string): string;
}

/** Creates the encoder of one upstream; it remembers the JSON of tools and long texts. */
export function createEncoder(baseUrl: string): (request: ModelRequest) => EncodedRequest {
  const options: RequestOptions = {
    openai: OPENAI_HOST.test(new URL(baseUrl).hostname),
    toolTexts: new WeakMap(),
    jsonText: createJsonTexts(),
  };
  return (request) => ({ path: PATH, body: encodeBody(request, options), stream: request.stream });
}

function encodeBody(request: ModelRequest, options: RequestOptions): string {
  const head = `{"model":${JSON.stringify(request.model)},"messages":[${encodeMessages(request, options)}]`;
  const tools =
    request.tools.length === 0 ? "" : `,"tools":[${encodeTools(request.tools, options.toolTexts)}]`;
  const rest = JSON.stringify(collectParams(request, options.openai)).slice(1);
  return rest === "}" ? `${head}${tools}}` : `${head}${tools},${rest}`;
}

/** Settings whose values are sent unchanged, and their names on the wire. */
const PLAIN_SETTINGS = [
  ["temperature", "temperature"],
  ["topP", "top_p"],
  ["stop", "stop"],
  ["presencePenalty", "presence_penalty"],
  ["frequencyPenalty", "frequency_penalty"],
  ["seed", "seed"],
  ["user", "user"],
  ["reasoningEffort", "reasoning_effort"],
] as const satisfies [keyof ModelSettings, keyof Params][];

function collectParams(request: ModelRequest, openai: boolean): Params {
  const { settings: given, toolChoice, tools } = request;
  const params: Params = {};
  for (const [ours, theirs] of PLAIN_SETTINGS) {
    if (given[ours] !== undefined) params[theirs] = given[ours];
  }
  if (given.maxOutputTokens !== undefined) {
    params[openai ? "max_completion_tokens" : "max_tokens"] = given.maxOutputTokens;
  }
  if (given.format !== undefined) params.response_format = toResponseFormat(given.format);
  if (openai) Object.assign(params, openaiParams(given));
  if (tools.length > 0) Object.assign(params, toolParams(toolChoice, given.parallelToolCalls));
  if (request.stream) Object.assign(params, { stream: true, stream_options: { include_usage: true } });
  return params;
}

/** Settings that only OpenAI knows and that some other servers refuse. */
function openaiParams({ serviceTier, verbosity, safetyIdentifier, promptCacheKey }: ModelSettings): Params {
  return {
    ...(serviceTier !== undefined && { service_tier: serviceTier }),
    ...(verbosity !== undefined && { verbosity }),
    ...(safetyIdentifier !== undefined && { safety_identifier: safetyIdentifier }),
    ...(promptCacheKey !== undefined && { prompt_cache_key: promptCacheKey }),
  };
}

function toolParams(choice: ToolChoice, parallel: boolean | undefined): Params {
  const params: Params = {};
  const only = choice.names?.length === 1 ? choice.names[0] : undefined;
  if (choice.mode === "required" && only !== undefined) {
    params.tool_choice = { type: "function", function: { name: only } };
  } else if (choice.mode !== "auto") params.tool_choice = choice.mode;
  if (parallel !== undefined) params.parallel_tool_calls = parallel;
  return params;
}

function toResponseFormat(format: OutputFormat): ChatCompletionCreateParams["response_format"] {
  if (format.type === "json_object") return { type: "json_object" };
  const { type, ...schema } = format;
  return { type, json_schema: schema };
}

/** Most runs offer the same list in every step. It is several KB long, so it is joined once. */
function encodeTools(tools: readonly ToolSpec[], texts: RequestOptions["toolTexts"]): string {
  return remember(texts, tools, () => tools.map((tool) => encodeTool(tool, texts)).join(","));
}

function encodeTool(tool: ToolSpec, texts: RequestOptions["toolTexts"]): string {
  return remember(texts, tool, () => JSON.stringify({ type: "function", function: tool }));
}

function remember<Key extends object>(texts: WeakMap<Key, string>, key: Key, make: () => string): string {
  let text = texts.get(key);
  if (text === undefined) {
    text = make();
    texts.set(key, text);
  }
  return text;
}

function encodeMessages(request: ModelRequest, options: RequestOptions): string {
  const texts = encodeSystem(request, options);
  const items = request.items;
  const turn = findLastUserMessage(items);
  for (let i = 0; i < items.length; ) {
    const end = findEnd(items, i, isAssistant);
    const results = findEnd(items, i, isResult);
    if (end > i) texts.push(...toAssistantMessages(items.slice(i, end), request.model, i > turn).map(toJson));
    else if (results > i)
      texts.push(...toResultMessages(items.slice(i, results).filter(isResult)).map(toJson));
    else texts.push(toJson(toOtherMessage(items[i] as ItemBody)));
    i = Math.max(end, results, i + 1);
  }
  return join(texts);
}

/** Adds the texts instead of calling `Array.join`, which would copy each once more: sending makes one copy anyway. */
function join(texts: readonly string[]): string {
  let all = texts[0] ?? "";
  for (let i = 1; i < texts.length; i++) all += `,${texts[i]}`;
  return all;
}

const toJson = (message: ChatCompletionMessageParam): string => JSON.stringify(message);

/**
 * Writes one system message with the core prompt first. Many chat templates refuse a second one, and the joined text
 * still begins with the same bytes for the upstream's prompt cache.
 */
function encodeSystem({ core, instructions = "" }: ModelRequest, { jsonText }: RequestOptions): string[] {
  const bare = [core === "" ? "" : jsonText(core), instructions === "" ? "" : JSON.stringify(instructions)]
    .filter((json) => json !== "")
    .map((json) => json.slice(1, -1));
  const [text, more] = bare;
  if (text === undefined) return [];
  return [`{"role":"system","content":"${text}${more === undefined ? "" : `\\n\\n${more}`}"}`];
}

function findLastUserMessage(items: readonly ItemBody[]): number {
  return items.findLastIndex((item) => item.type === "message" && item.role === "user");
}

/**
 * Returns the index after the items from `from` on that belong together: reasoning, text and calls of one model step are
 * one message on the wire, and their results follow each other.
 */
function findEnd(items: readonly ItemBody[], from: number, belongs: (item: ItemBody) => boolean): number {
  let end = from;
  for (let item = items[end]; item !== undefined && belongs(item); item = items[end]) end++;
  return end;
}

function isAssistant(item: ItemBody): boolean {
  const { type } = item;
  return (
    type === "reasoning" || type === "function_call" || (type === "message" && item.role === "assistant")
  );
}

function isResult(item: ItemBody): item is FunctionCallOutputBody {
  return item.type === "function_call_output";
}

/** Returns no message when there is only reasoning. */
function toAssistantMessages(
  items: readonly ItemBody[],
  model: string,
  isCurrent: boolean,
): ChatCompletionMessageParam[] {
  const text = items
    .map((item) => (item.type === "message" ? toAssistantText(item.content) : ""))
    .filter(Boolean);
  const calls = items.filter((item): item is FunctionCallBody => item.type === "function_call");
  const message: ChatCompletionMessageParam & { reasoning_content?: string } = {
    role: "assistant",
    content: text.length === 0 && calls.length > 0 ? null : text.join("\n\n"),
  };
  if (calls.length === 0) return items.some(({ type }) => type === "message") ? [message] : [];
  message.tool_calls = calls.map((call) => ({
    id: call.call_id,
    type: "function",
    // Servers that fill templates with the arguments refuse the whole request when one call has no JSON object.
    function: { name: call.name, arguments: parseJsonObject(call.arguments) ? call.arguments : "{}" },
  }));
  // Thinking models need it back while their own tool calls are being answered, and refuse it later.
  const reasoning = isCurrent ? joinOwnReasoning(items, model) : "";
  if (reasoning !== "") message.reasoning_content = reasoning;
  return [message];
}

function joinOwnReasoning(items: readonly ItemBody[], model: string): string {
  return items
    .filter((item): item is ReasoningBody => item.type === "reasoning")
    .filter(({ maker }) => maker?.protocol === PROTOCOL && maker.model === model)
    .flatMap((item) => item.summary.map((part) => part.text))
    .join("\n\n");
}

function toAssistantText(content: readonly Part[]): string {
  return content.map((part) => (part.type === "refusal" ? part.refusal : joinText([part]))).join("");
}

/** A result is text here. The images of all results of a step follow in a message of their own. */
function toResultMessages(results: readonly FunctionCallOutputBody[]): ChatCompletionMessageParam[] {
  const messages: ChatCompletionMessageParam[] = results.map((result) => ({
    role: "tool",
    tool_call_id: result.call_id,
    content: joinText(result.output),
  }));
  const images = results.flatMap(({ output }) =>
    typeof output === "string" ? [] : output.filter((part) => part.type === "input_image"),
  );
  if (images.length === 0) return messages;
  const note = { type: "text" as const, text: "Images from the tool results above:" };
  return [...messages, { role: "user", content: [note, ...images.map(toImagePart)] }];
}

function toOtherMessage(item: ItemBody): ChatCompletionMessageParam {
  if (item.type === "message") {
    if (item.role !== "user") return { role: "system", content: joinText(item.content) };
    return { role: "user", content: toUserContent(item.content) };
  }
  return { role: "user", content: item.type === "compaction" ? describeCompaction(item) : "" };
}

type UserContent = Extract<ChatCompletionMessageParam, { role: "user" }>["content"];

/** Text alone is sent as a string, which every server takes; parts only where there are images. */
function toUserContent(content: readonly Part[]): UserContent {
  if (!content.some((part) => part.type === "input_image")) return joinText(content);
  return content.map((part) =>
    part.type === "input_image" ? toImagePart(part) : { type: "text", text: joinText([part]) },
  );
}

function toImagePart(image: InputImage): ChatCompletionContentPartImage {
  const { image_url: url, detail } = image;
  const known = detail === undefined || detail === "original" ? {} : { detail };
  return { type: "image_url", image_url: { url, ...known } };
}
