import { invalidRequest } from "../../../domain/error.ts";
import type { RunId } from "../../../domain/id.ts";
import type { ModelSettings, OutputFormat, RunInput } from "../../../domain/run.ts";
import { RUN_POLICIES } from "../../../domain/run-policy.ts";
import { withoutNulls } from "../../../lib/json.ts";
import { hermesEffort, hermesTier } from "../../shared/model-options.ts";
import { jsonSchemaFormat } from "../../shared/output-format.ts";
import { conversationSession } from "../conversations/id.ts";
import { buildEcho } from "./echo.ts";
import { historyItems, type InputTerms, inputItems } from "./items.ts";
import type { ToolItems } from "./output.ts";
import type { ResponsesRequest } from "./schema.ts";
import { ENCRYPTED_REASONING } from "./sealed-reasoning.ts";
import { clientTools, type ToolTerms, toolChoice } from "./tools.ts";

/** What a request says outside its body, and what it refers to. */
interface ResponsesTerms extends ToolTerms, InputTerms {
  /** The principal that asks. */
  owner: string;
  /** The run that it goes on from. */
  previous: RunId | undefined;
  /** How the server's calls show. */
  toolItems: ToolItems;
  /** Whether people answer what the run asks. */
  attended?: boolean | undefined;
  /** hermes: the session that a header names; a conversation or a previous response comes first. */
  sessionId?: string | undefined;
  idempotency?: RunInput["idempotency"] | undefined;
}

/**
 * What a request for a response asks the agent to do.
 * @throws ApiError 400 for items, tools and choices that cannot be.
 */
export function decodeResponses(request: ResponsesRequest, terms: ResponsesTerms): RunInput {
  const { model, provider, instructions, max_tool_calls: maxToolCalls } = request;
  const conversation = checkConversation(request);
  return {
    surface: "responses",
    policy: RUN_POLICIES.responses,
    owner: terms.owner,
    ask: { ...(model && { model }), ...(provider && { provider }) },
    mode: "agent",
    ...(terms.previous !== undefined && { previous: terms.previous }),
    ...(terms.idempotency !== undefined && { idempotency: terms.idempotency }),
    ...sessionTerms(conversation, terms),
    items: [...historyItems(request, terms), ...inputItems(request.input, terms)],
    ...(instructions && { instructions }),
    tools: clientTools(request, terms),
    toolChoice: toolChoice(request, terms),
    settings: decodeResponseSettings(request),
    ...background(request),
    ...attendance(request, terms),
    ...(typeof maxToolCalls === "number" && { maxToolCalls }),
    ...(request.truncation === "auto" && { truncation: "auto" as const }),
    store: request.store ?? true,
    echo: {
      ...buildEcho(request, terms),
      ...(conversation !== undefined && { conversation: { id: conversation } }),
      ...echoForm(request, terms),
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

/** A question and its answer are found by the run, and so is what was allowed. */
function attendance({ store }: ResponsesRequest, { attended }: ResponsesTerms): Pick<RunInput, "attended"> {
  if (attended !== true) return {};
  if (store === false)
    throw invalidRequest("store", "A response whose calls can be approved must be stored.");
  return { attended };
}

/** A conversation's client sends only what is new; a session's may send what it has already, too. */
function sessionTerms(
  conversation: string | undefined,
  { owner, previous, sessionId }: ResponsesTerms,
): Pick<RunInput, "sessionId" | "newOnly"> {
  if (conversation !== undefined)
    return { sessionId: conversationSession(conversation, owner), newOnly: true };
  return sessionId === undefined || previous !== undefined ? {} : { sessionId };
}

/** Both say what came before, and could say it differently. */
function checkConversation({ conversation, previous_response_id: previous }: ResponsesRequest) {
  if (conversation === undefined || conversation === null) return undefined;
  if (previous !== undefined && previous !== null)
    throw invalidRequest("conversation", "Cannot use both 'conversation' and 'previous_response_id'.");
  return typeof conversation === "string" ? conversation : conversation.id;
}

/** How the response is printed, now and when it is read again; where that is not as usual. */
function echoForm({ include }: ResponsesRequest, { toolItems }: ResponsesTerms): Record<string, unknown> {
  return {
    ...(toolItems !== "mcp_call" && { tool_items: toolItems }),
    ...(include?.includes(ENCRYPTED_REASONING) && { sealed: true }),
  };
}

function decodeResponseSettings(request: ResponsesRequest): ModelSettings {
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
    serviceTier: request.service_tier ?? hermesTier(options),
    user: request.user,
    safetyIdentifier: request.safety_identifier,
    promptCacheKey: request.prompt_cache_key,
    verbosity: request.text?.verbosity,
    metadata: request.metadata,
  };
  return withoutNulls(given);
}

function outputFormat({ text }: ResponsesRequest): OutputFormat | undefined {
  const format = text?.format;
  if (format === null || format === undefined || format.type === "text") return undefined;
  if (format.type === "json_object") return { type: "json_object" };
  return jsonSchemaFormat(format);
}
