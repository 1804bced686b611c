import { z } from "zod";
import { list } from "../../shared/bounded.ts";
import {
  FunctionName,
  MAX_ITEMS,
  MAX_TOOLS,
  Metadata,
  ModelOptions,
  optional,
  ReasoningEffort,
  Tokens,
  unsupported,
  Whole,
} from "../../shared/fields.ts";
import { functionFields } from "../../shared/functions.ts";
import { jsonSchemaFields } from "../../shared/output-format.ts";
import { ContentPart, MAX_PARTS } from "../../shared/parts.ts";

/**
 * The request of POST /v1/chat/completions. Unknown fields are ignored; known ones have OpenAI's types and ranges.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */

const Content = z.union([z.string(), list(ContentPart, MAX_PARTS)]);
const UserContent = z.union([z.string(), list(ContentPart, MAX_PARTS).min(1, "must have at least one part")]);

/** More calls than any model makes at once. */
const MAX_CALLS = 1_000;

const ToolCall = z.object({
  id: z.string().min(1),
  type: optional(z.literal("function")),
  function: z.object({ name: z.string(), arguments: z.string() }),
});

/** One message of the conversation. */
export const ChatMessage = z.discriminatedUnion("role", [
  z.object({ role: z.enum(["system", "developer"]), content: Content }),
  z.object({ role: z.literal("user"), content: UserContent }),
  z.object({
    role: z.literal("assistant"),
    content: optional(Content),
    tool_calls: optional(list(ToolCall, MAX_CALLS, `has more than ${MAX_CALLS} calls`)),
  }),
  z.object({ role: z.literal("tool"), content: Content, tool_call_id: z.string().min(1) }),
]);
export type ChatMessage = z.infer<typeof ChatMessage>;

const FunctionTool = z.object({
  type: z.literal("function"),
  function: z.object(functionFields),
});

const NamedFunction = z.object({ type: z.literal("function"), function: z.object({ name: FunctionName }) });

const ToolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.discriminatedUnion("type", [
    NamedFunction,
    z.object({
      type: z.literal("allowed_tools"),
      allowed_tools: z.object({
        mode: z.enum(["auto", "required"]),
        tools: list(NamedFunction, MAX_TOOLS).min(1),
      }),
    }),
  ]),
]);

const ResponseFormat = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    json_schema: z.object(jsonSchemaFields),
  }),
]);

/** 64 bits, as OpenAI has it: more than JavaScript's whole numbers. */
const Seed = z
  .number()
  .min(-(2 ** 63))
  .max(2 ** 63)
  .refine(Number.isInteger, "must be a whole number")
  .meta({ type: "integer" });

/** The body of a chat completion request. */
export const ChatRequest = z
  .object({
    model: optional(z.string().max(256)),
    messages: list(ChatMessage, MAX_ITEMS, `has more than ${MAX_ITEMS} messages`).min(
      1,
      "must have at least one message",
    ),
    stream: optional(z.boolean()),
    stream_options: optional(z.object({ include_usage: optional(z.boolean()) })),
    temperature: optional(z.number().min(0).max(2)),
    top_p: optional(z.number().min(0).max(1)),
    presence_penalty: optional(z.number().min(-2).max(2)),
    frequency_penalty: optional(z.number().min(-2).max(2)),
    stop: optional(z.union([z.string(), list(z.string(), 4, "has more than 4 sequences")])),
    seed: optional(Seed),
    max_tokens: optional(Tokens),
    max_completion_tokens: optional(Tokens),
    n: optional(Tokens.refine((n) => n <= 1, unsupported("an agent gives one answer; use n: 1"))),
    logprobs: optional(z.boolean().refine((on) => !on, unsupported("log probabilities are not available"))),
    top_logprobs: optional(Whole.refine((n) => n === 0, unsupported("log probabilities are not available"))),
    response_format: optional(ResponseFormat),
    reasoning_effort: optional(ReasoningEffort),
    tools: optional(list(FunctionTool, MAX_TOOLS, `has more than ${MAX_TOOLS} tools`)),
    tool_choice: optional(ToolChoice),
    parallel_tool_calls: optional(z.boolean()),
    service_tier: optional(z.string().max(64)),
    user: optional(z.string().max(512)),
    metadata: optional(Metadata),
    /** hermes: the provider to ask. */
    provider: optional(z.string().min(1).max(128)),
    model_options: ModelOptions,
  })
  .meta({ id: "ChatRequest", description: "A conversation and how to answer it" });
export type ChatRequest = z.infer<typeof ChatRequest>;

const Usage = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
});

/** What served the run and whether it came to its own end; ours. */
const Served = z.object({
  run_id: z.string(),
  model: z.string(),
  provider: z.string(),
  completed: z.boolean(),
});

/** The answer to a request that is not streamed. */
export const ChatCompletion = z
  .object({
    id: z.string(),
    object: z.literal("chat.completion"),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal("assistant"),
          content: z.string().nullable(),
          refusal: z.string().nullable(),
          reasoning_content: z.string().optional(),
          tool_calls: z
            .array(
              z.object({
                id: z.string(),
                type: z.literal("function"),
                function: z.object({ name: z.string(), arguments: z.string() }),
              }),
            )
            .optional(),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(["stop", "length", "tool_calls", "content_filter"]),
      }),
    ),
    usage: Usage,
    hermes: Served,
  })
  .meta({ id: "ChatCompletion", description: "The whole answer" });
