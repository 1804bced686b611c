import { z } from "zod";
import { readSummary } from "../../../domain/compaction.ts";
import { list } from "../../shared/bounded.ts";
import { FunctionName, optional } from "../../shared/fields.ts";
import { ContentPart, MAX_PARTS } from "../../shared/parts.ts";

/**
 * The items of a request's `input`: what clients write themselves, and what they send back of our own output.
 * @see https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
 */

const Content = z.union([z.string(), list(ContentPart, MAX_PARTS, `has more than ${MAX_PARTS} parts`)]);

const Id = optional(z.string().max(256));
const Status = optional(z.enum(["in_progress", "completed", "incomplete"]));

const MessageItem = z.object({
  type: z.literal("message"),
  role: z.enum(["user", "assistant", "system", "developer"]),
  content: Content,
  id: Id,
  status: Status,
  phase: optional(z.string()),
});

/** hermes: a message of the conversation so far. */
export const HistoryEntry = MessageItem.pick({ role: true, content: true });
export type HistoryEntry = z.infer<typeof HistoryEntry>;

const CallId = z.string().min(1, "must not be empty").max(256);

const FunctionCall = z.object({
  type: z.literal("function_call"),
  call_id: CallId,
  name: FunctionName,
  arguments: z.string(),
  id: Id,
  status: Status,
});

const FunctionCallOutput = z.object({
  type: z.literal("function_call_output"),
  call_id: CallId,
  output: Content,
  id: Id,
  status: Status,
});

const Reasoning = z.object({
  type: z.literal("reasoning"),
  id: Id,
  summary: optional(list(z.object({ type: z.literal("summary_text"), text: z.string() }), MAX_PARTS)),
  encrypted_content: optional(z.string()),
  status: Status,
});

const ItemReference = z.object({ type: z.literal("item_reference"), id: z.string().min(1).max(256) });

const Compaction = z.object({
  type: z.enum(["compaction"]),
  id: Id,
  encrypted_content: z
    .string()
    .refine((content) => readSummary(content) !== undefined, "is no compaction that this server made"),
});

/** Our own output, sent back. */
const McpCall = z.object({
  type: z.literal("mcp_call"),
  id: z.string().min(1).max(256),
  name: FunctionName,
  arguments: z.string(),
  output: optional(z.string()),
  error: optional(z.union([z.string(), z.looseObject({})])),
});

/** A tool of the client's that takes text instead of JSON. */
const CustomCall = z.object({
  type: z.literal("custom_tool_call"),
  call_id: CallId,
  name: FunctionName,
  input: z.string(),
  id: Id,
});

const CustomCallOutput = z.object({
  type: z.literal("custom_tool_call_output"),
  call_id: CallId,
  output: Content,
  id: Id,
});

/** What OpenAI's hosted tools leave in a conversation: taken as it comes, and left out of what the model reads. */
const ForeignItem = z.looseObject({
  type: z.enum([
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "computer_call",
    "computer_call_output",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "program",
    "program_output",
    "tool_search_call",
    "tool_search_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
  ]),
});

const TypedItem = z
  .discriminatedUnion("type", [
    MessageItem,
    FunctionCall,
    FunctionCallOutput,
    Reasoning,
    ItemReference,
    Compaction,
    McpCall,
    CustomCall,
    CustomCallOutput,
    ForeignItem,
  ])
  .meta({ id: "InputItem", description: "An item that a client sends" });

/** One item; a bare text is a user's message, and neither a message nor a bare id need say what it is. */
export const InputItem = z.preprocess((item) => {
  if (typeof item === "string") return { type: "message", role: "user", content: item };
  if (typeof item !== "object" || item === null || Array.isArray(item)) return item;
  const { type = null } = item as { type?: unknown };
  if (type !== null || !("role" in item || "id" in item)) return item;
  return { ...item, type: "role" in item ? "message" : "item_reference" };
}, TypedItem);
export type InputItem = z.infer<typeof TypedItem>;
