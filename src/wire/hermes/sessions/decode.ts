import { invalidRequest } from "../../../domain/error.ts";
import type { ErrorCode } from "../../../domain/error-codes.ts";
import type { RunInput } from "../../../domain/run.ts";
import { RUN_POLICIES } from "../../../domain/run-policy.ts";
import type { ModelLock, SessionChanges } from "../../../domain/session.ts";
import { hermesEffort, hermesTier } from "../../shared/model-options.ts";
import { type ContentPart, decodeParts, type ReadParts } from "../../shared/parts.ts";
import type { Attachment, ModelFields, SessionChatRequest, SessionPatch } from "./schema.ts";
import { MAX_TITLE_CHARS } from "./schema.ts";

/** What a request says outside its body. */
interface SessionChatTerms {
  /** The principal that asks. */
  owner: string;
  session: string;
  /** Whether people answer what it asks. */
  attended: boolean;
  /** The files beside it, as `attachedFiles` gives them. */
  attached: readonly ContentPart[];
  idempotency: RunInput["idempotency"];
  /** What was read of the request's files. */
  files: ReadParts | undefined;
}

/**
 * What is said in a session asks the agent to do: in the background, so that no disconnect ends it.
 * @throws ApiError 400 for a message that says nothing.
 */
export function decodeSessionChat(request: SessionChatRequest, terms: SessionChatTerms): RunInput {
  const content = [
    ...decodeParts(readSpoken(request) ?? "", "input_text", terms.files),
    ...decodeParts(terms.attached, "input_text", terms.files),
  ];
  if (content.length === 0)
    throw invalidRequest("message", "Missing required parameter: 'message'.", "missing_message");
  const { model, provider, settings } = decodeModelLock(request) ?? {};
  const instructions = request.system_message ?? request.instructions;
  return {
    surface: "runs",
    policy: RUN_POLICIES.runs,
    owner: terms.owner,
    ask: {
      ...(model !== undefined && { model }),
      ...(provider !== undefined && { provider }),
      isChosen: true,
    },
    mode: "agent",
    sessionId: terms.session,
    newOnly: true,
    items: [{ type: "message", role: "user", content }],
    ...(instructions && { instructions }),
    tools: [],
    toolChoice: { mode: "auto" },
    settings: settings ?? {},
    deltas: true,
    background: true,
    ...(terms.attended && { attended: true }),
    ...(terms.idempotency !== undefined && { idempotency: terms.idempotency }),
  };
}

/** What is said, under either of its names. */
export function readSpoken({ message, input }: SessionChatRequest): SessionChatRequest["message"] {
  return message ?? input;
}

/**
 * The files that a request has beside what it says, to be read like those in a message.
 * @throws ApiError 400 for one without content.
 */
export function attachedFiles({ attachments }: SessionChatRequest): ContentPart[] {
  return (attachments ?? []).map((file, index) => {
    const filename = file.name ?? file.fileName;
    return { type: "input_file", file_data: attachmentData(file, index), ...(filename && { filename }) };
  });
}

function attachmentData(file: Attachment, index: number): string {
  if (file.dataUrl) return file.dataUrl;
  const data = file.content || file.data || file.base64;
  if (!data) throw invalidRequest(`attachments[${index}]`, "The attachment has no content.");
  const type = file.contentType || file.mimeType || file.mediaType;
  return type && !data.startsWith("data:") ? `data:${type};base64,${data}` : data;
}

/** The model that a request chooses; undefined when it chooses nothing of it. */
export function decodeModelLock(request: ModelFields): ModelLock | undefined {
  const model = request.model || request.model_id;
  const provider = request.provider || request.provider_id;
  const effort = hermesEffort(request.model_options);
  const tier = hermesTier(request.model_options);
  if (!model && !provider && effort === undefined && !tier) return undefined;
  return {
    ...(model && { model }),
    ...(provider && { provider }),
    ...((effort !== undefined || tier) && {
      settings: {
        ...(effort !== undefined && { reasoningEffort: effort }),
        ...(tier && { serviceTier: tier }),
      },
    }),
  };
}

/** Whether a choice names a model to lock a session to. */
export function namesModel(lock: ModelLock | undefined): lock is ModelLock {
  return lock?.model !== undefined || lock?.provider !== undefined;
}

const FLAGS = ["pinned", "archived", "hidden", "unread"] as const;
const KNOWN: readonly string[] = ["title", "end_reason", ...FLAGS];
const MAX_REASON_CHARS = 200;

/**
 * What a request changes of a session. Pinning one shows it.
 * @throws ApiError 400 for a field that cannot be changed, and for a value that cannot be.
 */
export function decodePatch(patch: SessionPatch): SessionChanges {
  const unknown = Object.keys(patch).find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    const message = `This field of a session cannot be changed; use ${KNOWN.join(", ")}.`;
    throw invalidRequest(unknown.slice(0, 64), message, "unsupported_session_field");
  }
  const title = decodeClearableText(patch, "title", { maxChars: MAX_TITLE_CHARS, code: "invalid_title" });
  const reason = { maxChars: MAX_REASON_CHARS, code: "invalid_session_field" } as const;
  const endReason = decodeClearableText(patch, "end_reason", reason);
  const flags = Object.fromEntries(FLAGS.flatMap((name) => decodeFlag(patch, name)));
  return {
    ...(title !== undefined && { title }),
    ...(endReason !== undefined && { endReason }),
    ...(flags["pinned"] === true && { hidden: false }),
    ...flags,
  };
}

/** A text that may be taken away: null and an empty one do. */
function decodeClearableText(
  patch: SessionPatch,
  name: string,
  { maxChars, code }: { maxChars: number; code: ErrorCode },
): string | null | undefined {
  const value = patch[name];
  if (value === undefined || value === null) return value;
  if (typeof value !== "string")
    throw invalidRequest(name, `Invalid '${name}': expected a string or null.`, code);
  if (value.length > maxChars)
    throw invalidRequest(name, `Invalid '${name}': has more than ${maxChars} characters.`, code);
  return value.trim() === "" ? null : value;
}

function decodeFlag(patch: SessionPatch, name: string): [string, boolean][] {
  const value = patch[name];
  if (value === undefined) return [];
  if (typeof value !== "boolean")
    throw invalidRequest(name, `Invalid '${name}': expected a boolean.`, "invalid_session_field");
  return [[name, value]];
}
