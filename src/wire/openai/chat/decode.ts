import { invalidRequest } from "../../../domain/error.ts";
import { type ItemBody, type MessageBody, textMessage } from "../../../domain/item.ts";
import type { ModelSettings, OutputFormat, RunInput, ToolChoice, ToolSpec } from "../../../domain/run.ts";
import { RUN_POLICIES } from "../../../domain/run-policy.ts";
import { withoutNulls } from "../../../lib/json.ts";
import { filesIn, type SentPart } from "../../shared/files/parts.ts";
import { functionSpec } from "../../shared/functions.ts";
import { hermesEffort, hermesTier } from "../../shared/model-options.ts";
import { jsonSchemaFormat } from "../../shared/output-format.ts";
import { decodeParts, plainText, type ReadParts } from "../../shared/parts.ts";
import type { ChatMessage, ChatRequest } from "./schema.ts";

/** What a request says outside its body. */
export interface ChatTerms {
  /** The principal that asks. */
  owner: string;
  sessionId: string | undefined;
  /** `ignore`: the client's tools are left out, since it would not run them. */
  clientTools: "allow" | "ignore";
  /** The request is a frontend's own (a title, tags): the bare model answers it. */
  background: boolean;
  /** Whether people answer what the run asks. */
  attended?: boolean | undefined;
  idempotency?: RunInput["idempotency"] | undefined;
  /** What was read of the request's files. */
  files?: ReadParts | undefined;
}

/**
 * What a chat request asks the agent to do.
 * @throws ApiError 400 for messages that say nothing, and for a tool choice that speaks of no tool.
 */
export function decodeChat(request: ChatRequest, terms: ChatTerms): RunInput {
  const tools = terms.clientTools === "ignore" ? [] : toolSpecs(request);
  const { instructions, items } = decodeMessages(request.messages, terms.files);
  if (items.length === 0) throw invalidRequest("messages", "No user message found in 'messages'.");
  const { model, provider } = request;
  const background = terms.background;
  return {
    surface: "chat",
    policy: RUN_POLICIES.chat,
    owner: terms.owner,
    ask: { ...(model && { model }), ...(provider && { provider }) },
    mode: background ? "plain" : "agent",
    // A title is about a conversation, not part of it.
    ...(terms.sessionId !== undefined && !background && { sessionId: terms.sessionId }),
    ...(terms.idempotency !== undefined && { idempotency: terms.idempotency }),
    ...(terms.attended && { attended: true }),
    items,
    ...(instructions !== "" && { instructions }),
    tools,
    toolChoice: chatToolChoice(request, tools, terms.clientTools),
    settings: decodeChatSettings(request),
    deltas: request.stream ?? false,
  };
}

/** Finds the files of a request. */
export function chatFiles({ messages }: ChatRequest): SentPart[] {
  return messages.flatMap(({ content }, index) => filesIn(content, () => `messages[${index}].content`));
}

/**
 * System and developer messages become the frontend's own system text, wherever they stand, except those at the very
 * end: some frontends put their question into one, and a model needs a user to answer.
 */
function decodeMessages(
  messages: readonly ChatMessage[],
  files?: ReadParts,
): { instructions: string; items: ItemBody[] } {
  const end = messages.findLastIndex((message) => !isSystem(message)) + 1;
  const instructions: string[] = [];
  const items: ItemBody[] = [];
  const names = new Map<string, string>();
  const place = { names, files };
  for (const [index, message] of messages.entries()) {
    if (!isSystem(message)) items.push(...decodeMessage(message, place));
    else if (index < end) instructions.push(plainText(message.content, files));
    else items.push(textMessage("user", plainText(message.content, files)));
  }
  return { instructions: instructions.filter((text) => text !== "").join("\n\n"), items };
}

type SystemMessage = Extract<ChatMessage, { role: "system" | "developer" }>;
type SpokenMessage = Exclude<ChatMessage, SystemMessage>;

function isSystem(message: ChatMessage): message is SystemMessage {
  return message.role === "system" || message.role === "developer";
}

interface Place {
  /** The names of the calls so far, by their ids. */
  names: Map<string, string>;
  files: ReadParts | undefined;
}

function decodeMessage(message: SpokenMessage, { names, files }: Place): ItemBody[] {
  if (message.role === "user")
    return [{ type: "message", role: "user", content: decodeParts(message.content, "input_text", files) }];
  if (message.role === "tool") {
    const { tool_call_id: call_id, content } = message;
    const output = typeof content === "string" ? content : decodeParts(content, "input_text", files);
    return [
      { type: "function_call_output", call_id, name: names.get(call_id) ?? "", output, executor: "client" },
    ];
  }
  const items: ItemBody[] = [];
  const content = decodeParts(message.content ?? "", "output_text", files);
  if (content.length > 0) items.push({ type: "message", role: "assistant", content } satisfies MessageBody);
  for (const call of message.tool_calls ?? []) {
    const { name, arguments: text } = call.function;
    names.set(call.id, name);
    items.push({ type: "function_call", call_id: call.id, name, arguments: text, executor: "client" });
  }
  return items;
}

function toolSpecs(request: ChatRequest): ToolSpec[] {
  const specs = (request.tools ?? []).map((tool) => functionSpec(tool.function));
  const names = specs.map(({ name }) => name);
  const twice = names.findIndex((name, index) => names.indexOf(name) !== index);
  if (twice >= 0)
    throw invalidRequest(`tools[${twice}].function.name`, `The tool "${names[twice]}" is declared twice.`);
  return specs;
}

/** A required, named or allowed choice speaks of the client's tools; without any there is nothing to choose. */
function chatToolChoice(
  request: ChatRequest,
  tools: readonly ToolSpec[],
  clientTools: ChatTerms["clientTools"],
): ToolChoice {
  const choice = request.tool_choice ?? "auto";
  if (choice === "auto" || choice === "none") return { mode: choice };
  if (clientTools === "ignore") return { mode: "auto" };
  if (tools.length === 0) {
    throw invalidRequest("tool_choice", "'tool_choice' names or requires a tool, but 'tools' declares none.");
  }
  if (choice === "required") return { mode: "required" };
  const allowed =
    choice.type === "function"
      ? [choice.function.name]
      : choice.allowed_tools.tools.map((tool) => tool.function.name);
  const unknown = allowed.find((name) => !tools.some((tool) => tool.name === name));
  if (unknown !== undefined)
    throw invalidRequest("tool_choice", `'tools' declares no tool named "${unknown}".`);
  return { mode: choice.type === "function" ? "required" : choice.allowed_tools.mode, names: allowed };
}

function decodeChatSettings(request: ChatRequest): ModelSettings {
  const { stop, model_options: options } = request;
  const stops = typeof stop === "string" ? [stop] : (stop ?? []);
  const given: { [Key in keyof ModelSettings]: ModelSettings[Key] | null | undefined } = {
    temperature: request.temperature,
    topP: request.top_p,
    presencePenalty: request.presence_penalty,
    frequencyPenalty: request.frequency_penalty,
    seed: request.seed,
    maxOutputTokens: request.max_completion_tokens ?? request.max_tokens,
    stop: stops.length === 0 ? undefined : stops,
    format: chatOutputFormat(request),
    reasoningEffort: request.reasoning_effort ?? hermesEffort(options),
    parallelToolCalls: request.parallel_tool_calls,
    serviceTier: request.service_tier ?? hermesTier(options),
    user: request.user,
    metadata: request.metadata,
  };
  return withoutNulls(given);
}

function chatOutputFormat({ response_format: format }: ChatRequest): OutputFormat | undefined {
  if (format === null || format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  return jsonSchemaFormat(format.json_schema);
}
