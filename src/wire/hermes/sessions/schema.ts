import { z } from "zod";
import type { ErrorCode } from "../../../domain/error-codes.ts";
import { bestIssue, sayIssue } from "../../../lib/issue.ts";
import { list } from "../../shared/bounded.ts";
import { ModelOptions, optional, QueryNumber } from "../../shared/fields.ts";
import { ContentPart, MAX_PARTS } from "../../shared/parts.ts";

/** Requests and answers of /api/sessions, in the words of hermes clients. @see hermes-api.md 1.12 */

/** A field with an error code of its own, whatever is wrong with it. */
function coded<Schema extends z.ZodType>(schema: Schema, code: ErrorCode) {
  return z.preprocess((value, context) => {
    const { error } = schema.safeParse(value);
    const [issue] = error?.issues ?? [];
    if (issue !== undefined)
      context.addIssue({ code: "custom", message: sayIssue(bestIssue(issue)), params: { code } });
    return value;
  }, schema);
}

export const MAX_TITLE_CHARS = 200;
const MAX_PROMPT_CHARS = 200_000;

const Title = coded(
  z.string().max(MAX_TITLE_CHARS, `has more than ${MAX_TITLE_CHARS} characters`),
  "invalid_title",
);
const Id = optional(coded(z.string(), "invalid_session_id"));
const Prompt = coded(
  z.string().max(MAX_PROMPT_CHARS, `has more than ${MAX_PROMPT_CHARS} characters`),
  "invalid_system_prompt",
);
const Instructions = optional(coded(z.string(), "invalid_system_message"));

const ModelChoice = {
  model: optional(z.string().max(256)),
  model_id: optional(z.string().max(256)),
  provider: optional(z.string().max(128)),
  provider_id: optional(z.string().max(128)),
  model_options: ModelOptions,
};

/** Which model is asked for. */
export const ModelFields = z.object(ModelChoice);
export type ModelFields = z.infer<typeof ModelFields>;

export const SessionRequest = optional(
  z.object({
    id: Id,
    session_id: Id,
    title: optional(Title),
    system_prompt: optional(Prompt),
    source: optional(z.string().max(64)),
    ...ModelChoice,
    require_model_lock: optional(z.boolean()),
  }),
);
export type SessionRequest = z.infer<typeof SessionRequest>;

/** Which of the fields it may have are there is told by name, so that none is left out in silence. */
export const SessionPatch = z.looseObject({}).meta({
  description: "title, end_reason, pinned, archived, hidden, unread; null takes title and end_reason away",
});
export type SessionPatch = z.infer<typeof SessionPatch>;

export const ForkRequest = optional(
  z.object({ id: Id, title: optional(Title), at: optional(z.int("must be the id of a message").min(0)) }),
);
export type ForkRequest = z.infer<typeof ForkRequest>;

const Content = z.union([z.string(), list(ContentPart, MAX_PARTS, `has more than ${MAX_PARTS} parts`)]);

const Name = optional(z.string().max(1_024));
const Data = optional(z.string());

/** A file beside what is said; the interfaces that send it have several names for each field. */
const Attachment = z.object({
  name: Name,
  fileName: Name,
  contentType: Name,
  mimeType: Name,
  mediaType: Name,
  /** A data URL, or base64. */
  dataUrl: Data,
  content: Data,
  data: Data,
  base64: Data,
});
export type Attachment = z.infer<typeof Attachment>;

export const SessionChatRequest = z
  .object({
    message: optional(Content),
    input: optional(Content),
    attachments: optional(list(Attachment, MAX_PARTS, `has more than ${MAX_PARTS} files`)),
    system_message: Instructions,
    instructions: Instructions,
    ...ModelChoice,
    require_model_lock: optional(z.boolean()),
  })
  .meta({ id: "SessionChatRequest", description: "What is said in a session" });
export type SessionChatRequest = z.infer<typeof SessionChatRequest>;

const page = (max: number, usual: number) => ({
  limit: coded(QueryNumber(1, max), "invalid_pagination").default(usual),
  offset: coded(QueryNumber(0, 1_000_000_000), "invalid_pagination").default(0),
});

const Flag = z
  .string()
  .max(16)
  .transform((text) => /^(1|true|yes|on)$/i.test(text.trim()));

const Words = z.string().max(512, "has more than 512 characters");

/** Which sessions are asked for. */
export const SessionListQuery = z.object({
  ...page(200, 50),
  source: z.string().max(64).exactOptional(),
  title: z.string().max(MAX_TITLE_CHARS).exactOptional(),
  q: Words.exactOptional(),
  include_children: Flag.exactOptional(),
  include_hidden: Flag.exactOptional(),
});
export type SessionListQuery = z.infer<typeof SessionListQuery>;

export const SessionSearchQuery = z.object({ q: Words.min(1, "must not be empty"), ...page(200, 20) });
export type SessionSearchQuery = z.infer<typeof SessionSearchQuery>;

export const SessionMessagesQuery = z.object({
  ...page(500, 500),
  order: coded(z.enum(["oldest", "latest"]), "invalid_pagination").default("latest"),
});
export type SessionMessagesQuery = z.infer<typeof SessionMessagesQuery>;

const Seconds = z.number();

export const SessionObject = z
  .object({
    id: z.string(),
    source: z.string(),
    model: z.string().exactOptional(),
    title: z.string().exactOptional(),
    preview: z.string().exactOptional(),
    started_at: Seconds,
    last_active: Seconds,
    ended_at: Seconds.exactOptional(),
    end_reason: z.string().exactOptional(),
    parent_session_id: z.string().exactOptional(),
    _lineage_root_id: z.string().exactOptional(),
    message_count: z.int(),
    tool_call_count: z.int(),
    api_call_count: z.int(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    cache_read_tokens: z.int(),
    reasoning_tokens: z.int(),
    pinned: z.boolean(),
    archived: z.boolean(),
    hidden: z.boolean(),
    has_system_prompt: z.boolean(),
    has_model_config: z.boolean(),
  })
  .meta({ id: "Session", description: "A session as hermes clients read it; times are unix seconds" });
export type SessionObject = z.infer<typeof SessionObject>;

export const SessionAnswer = z
  .object({ object: z.literal("hermes.session"), session: SessionObject })
  .meta({ id: "SessionAnswer", description: "One session" });

export const ForkAnswer = SessionAnswer.extend({ forked_from: z.string() }).meta({
  id: "SessionForkAnswer",
  description: "A session that goes on from a point of another one",
});

export const SessionListAnswer = z
  .object({
    object: z.literal("list"),
    data: z.array(SessionObject),
    limit: z.int(),
    offset: z.int(),
    has_more: z.boolean(),
  })
  .meta({ id: "SessionList", description: "Sessions, the last active first" });

export const SessionSearchAnswer = z
  .object({ object: z.literal("list"), query: z.string(), count: z.int(), results: z.array(SessionObject) })
  .meta({ id: "SessionSearch", description: "Sessions whose title or first question holds the words" });

export const SessionDeleted = z
  .object({ id: z.string(), object: z.literal("hermes.session.deleted"), deleted: z.literal(true) })
  .meta({ id: "SessionDeleted", description: "What is gone" });

const Message = z
  .looseObject({
    id: z.int(),
    session_id: z.string(),
    role: z.enum(["user", "assistant", "system", "tool"]),
    content: z.union([z.string(), z.array(z.looseObject({})), z.null()]),
    timestamp: Seconds,
  })
  .meta({ id: "SessionMessage", description: "A message as hermes clients read it" });

export const SessionMessagesAnswer = z
  .object({
    object: z.literal("list"),
    session_id: z.string(),
    data: z.array(Message),
    pagination: z.object({
      limit: z.int(),
      offset: z.int(),
      order: z.enum(["oldest", "latest"]),
      returned: z.int(),
    }),
  })
  .meta({ id: "SessionMessages", description: "Messages of a session in their order" });

const Runtime = z.looseObject({ provider: z.string(), model: z.string(), route_source: z.string() });

export const SessionChatAnswer = z
  .looseObject({
    object: z.literal("hermes.session.chat.completion"),
    session_id: z.string(),
    run_id: z.string(),
    message: z.object({ role: z.literal("assistant"), content: z.string() }),
    usage: z.looseObject({}),
    runtime: Runtime,
  })
  .meta({ id: "SessionChatAnswer", description: "What the agent answered in a session" });

/** An event stream; what is in it no schema says. */
export const SessionStream = z.string();

export const ModelLockAnswer = z
  .object({
    object: z.literal("hermes.session.model_lock"),
    session_id: z.string(),
    runtime: Runtime,
  })
  .meta({ id: "SessionModelLock", description: "The model of a session's turns" });
