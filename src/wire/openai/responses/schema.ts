import { z } from "zod";
import { list } from "../../shared/bounded.ts";
import {
  FunctionName,
  MAX_ITEMS,
  MAX_TOOLS,
  Metadata,
  ModelOptions,
  onlyNull,
  optional,
  QueryNumber,
  ReasoningEffort,
  Tokens,
  unsupported,
  Whole,
} from "../../shared/fields.ts";
import { functionFields } from "../../shared/functions.ts";
import { jsonSchemaFields } from "../../shared/output-format.ts";
import { pageSchema } from "../../shared/page.ts";
import { HistoryEntry, InputItem } from "./input.ts";
import { ENCRYPTED_REASONING } from "./sealed-reasoning.ts";

/**
 * The request of POST /v1/responses. Unknown fields are ignored; known ones have OpenAI's types and ranges.
 * @see https://platform.openai.com/docs/api-reference/responses/create
 */

/** A function that the client runs. */
const FunctionTool = z.object({
  type: z.literal("function"),
  ...functionFields,
});

/** Something else than a function: OpenAI's hosted tools, which need one of ours to stand for them. */
const HostedTool = z.looseObject({
  type: z
    .string()
    .refine((type) => type !== "function", "is function, but what it declares is none: it needs a name"),
});

const NamedFunction = z.object({ type: z.literal("function"), name: FunctionName });

/** One of OpenAI's hosted tools, by its type. */
const HostedChoice = z.looseObject({ type: z.string().regex(/^(?!(function|allowed_tools)$)/) });

const ToolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.discriminatedUnion("type", [
    NamedFunction,
    z.object({
      type: z.literal("allowed_tools"),
      mode: z.enum(["auto", "required"]),
      tools: list(z.union([NamedFunction, HostedChoice]), MAX_TOOLS).min(1),
    }),
  ]),
  HostedChoice,
]);

const Format = z.discriminatedUnion("type", [
  z.object({ type: z.literal("text") }),
  z.object({ type: z.literal("json_object") }),
  z.object({
    type: z.literal("json_schema"),
    ...jsonSchemaFields,
  }),
]);

const ResponseId = z.string().min(1, "must not be empty").max(256);

/** An id that was given out, or, as hermes has it, a name that the client makes up. */
const ConversationId = z.string().min(1, "must not be empty").max(256);

const Text = z.object({
  format: optional(Format),
  verbosity: optional(z.enum(["low", "medium", "high"])),
});

const Reasoning = z.object({
  effort: optional(ReasoningEffort),
  summary: optional(z.enum(["auto", "concise", "detailed"])),
});

const LOGPROBS = "message.output_text.logprobs";

/** What a response can be asked to hold besides; of tools that nobody has here, there is nothing to include. */
const Include = z
  .enum([
    ENCRYPTED_REASONING,
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    LOGPROBS,
  ])
  .refine((value) => value !== LOGPROBS, unsupported("log probabilities are not available"));

/** The body of a request for a response. */
export const ResponsesRequest = z
  .object({
    model: optional(z.string().max(256)),
    input: z.union([
      z.string().min(1, "must not be empty"),
      list(InputItem, MAX_ITEMS).min(1, "must have at least one item"),
    ]),
    /** hermes: what was said before, in place of a stored response. */
    conversation_history: optional(list(HistoryEntry, MAX_ITEMS)),
    instructions: optional(z.string()),
    previous_response_id: optional(ResponseId),
    store: optional(z.boolean()),
    background: optional(z.boolean()),
    conversation: optional(z.union([ConversationId, z.object({ id: ConversationId })])),
    stream: optional(z.boolean()),
    stream_options: optional(z.object({ include_obfuscation: optional(z.boolean()) })),
    prompt: onlyNull("stored prompts are not available; send the text as instructions"),
    metadata: optional(Metadata),
    temperature: optional(z.number().min(0).max(2)),
    top_p: optional(z.number().min(0).max(1)),
    presence_penalty: optional(z.number().min(-2).max(2)),
    frequency_penalty: optional(z.number().min(-2).max(2)),
    max_output_tokens: optional(Tokens),
    max_tool_calls: optional(Whole.min(1, "must be at least 1")),
    parallel_tool_calls: optional(z.boolean()),
    top_logprobs: optional(Whole.refine((n) => n === 0, unsupported("log probabilities are not available"))),
    text: optional(Text),
    tools: optional(list(z.union([FunctionTool, HostedTool]), MAX_TOOLS, `has more than ${MAX_TOOLS} tools`)),
    tool_choice: optional(ToolChoice),
    reasoning: optional(Reasoning),
    truncation: optional(z.enum(["auto", "disabled"])),
    include: optional(list(Include, 32)),
    safety_identifier: optional(z.string().max(512)),
    prompt_cache_key: optional(z.string().max(512)),
    service_tier: optional(z.string().max(64)),
    user: optional(z.string().max(512)),
    /** hermes: the provider to ask. */
    provider: optional(z.string().min(1).max(128)),
    model_options: ModelOptions,
  })
  .meta({ id: "ResponsesRequest", description: "What to answer, and how" });
export type ResponsesRequest = z.infer<typeof ResponsesRequest>;

/** The response object; its items and echoed fields are OpenAI's and pass as they are. */
export const ResponseObject = z
  .looseObject({
    id: z.string(),
    object: z.literal("response"),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status: z.enum(["completed", "incomplete", "failed", "cancelled", "queued", "in_progress"]),
    incomplete_details: z.object({ reason: z.string() }).nullable(),
    model: z.string(),
    previous_response_id: z.string().nullable(),
    output: z.array(z.looseObject({ id: z.string(), type: z.string() })),
    error: z.object({ type: z.string(), code: z.string(), message: z.string() }).nullable(),
    usage: z
      .object({
        input_tokens: z.int(),
        input_tokens_details: z.object({ cached_tokens: z.int() }),
        output_tokens: z.int(),
        output_tokens_details: z.object({ reasoning_tokens: z.int() }),
        total_tokens: z.int(),
      })
      .nullable(),
  })
  .meta({ id: "Response", description: "A run as OpenAI's Responses API shows it" });

export const DeletedResponse = z
  .object({ id: z.string(), object: z.literal("response"), deleted: z.literal(true) })
  .meta({ id: "DeletedResponse", description: "What is gone" });

/** How a stored response is read: whole, or as its stream after a frame that the client has. */
export const RetrieveQuery = z.object({
  stream: z
    .enum(["true", "false"])
    .default("false")
    .transform((text) => text === "true"),
  starting_after: QueryNumber(0, Number.MAX_SAFE_INTEGER).exactOptional(),
});
export type RetrieveQuery = z.infer<typeof RetrieveQuery>;

export const ResponseList = pageSchema(ResponseObject).meta({
  id: "ResponseList",
  description: "Stored responses by age",
});

export const InputItemList = pageSchema(z.looseObject({ id: z.string(), type: z.string() })).meta({
  id: "InputItemList",
  description: "Items of a response's own input",
});
