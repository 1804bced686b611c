import { invalidRequest } from "../../domain/error.ts";
import type { ToolProgress } from "./encode.ts";
import type { ChatMessage, ChatRequest } from "./schema.ts";

/** Request headers by lower-case name. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>;

/** What a client's own ways ask of us. */
export type ChatClient = "hermes" | "openwebui" | "nextchat" | "other";

/** Which frontend calls, by what it cannot help sending. */
export function detectClient(headers: Headers): ChatClient {
  if (headers["x-hermes-session-id"] !== undefined) return "hermes";
  for (const name in headers) if (name.startsWith("x-openwebui-")) return "openwebui";
  return text(headers["user-agent"]).includes("Next.js Middleware") ? "nextchat" : "other";
}

const PROGRESS: readonly ToolProgress[] = ["fields", "events", "openwebui", "off"];
const OF_CLIENT: Readonly<Partial<Record<ChatClient, ToolProgress>>> = {
  hermes: "events",
  openwebui: "openwebui",
};

/**
 * How tool progress shows: the request's header, else what the client understands, else the configured way.
 * `events`: whether named events may be sent to clients that did not ask for them.
 * @throws ApiError 400 for a header that names no way.
 */
export function progressFor(
  headers: Headers,
  config: { progress: ToolProgress; events: boolean },
): ToolProgress {
  const asked = text(headers["x-hermes-tool-progress"]).toLowerCase();
  const named = PROGRESS.find((progress) => progress === asked);
  if (named !== undefined) return named;
  if (asked !== "") {
    throw invalidRequest(
      "X-Hermes-Tool-Progress",
      `Invalid 'X-Hermes-Tool-Progress': use one of ${PROGRESS.join(", ")}.`,
    );
  }
  const progress = OF_CLIENT[detectClient(headers)] ?? config.progress;
  return progress === "events" && !config.events ? "off" : progress;
}

const MAX_KEY_CHARS = 256;

/**
 * The memory scope that a request names.
 * @throws ApiError 400 for one that is too long or holds control characters.
 */
export function sessionKey(headers: Headers): string | undefined {
  const key = headers["x-hermes-session-key"];
  if (key === undefined) return undefined;
  if (text(key).length > MAX_KEY_CHARS) throw invalidRequest("X-Hermes-Session-Key", "Session key too long");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(text(key)))
    throw invalidRequest("X-Hermes-Session-Key", "Invalid session key");
  return text(key);
}

/**
 * Whether a disconnect ends the run, from `X-Hermes-Disconnect`, else as configured.
 * @throws ApiError 400 for any other value.
 */
export function disconnectCancels(headers: Headers, configured: "cancel" | "continue"): boolean {
  const asked = text(headers["x-hermes-disconnect"]).toLowerCase();
  if (asked !== "" && asked !== "cancel" && asked !== "continue") {
    throw invalidRequest("X-Hermes-Disconnect", "Invalid 'X-Hermes-Disconnect': use cancel or continue.");
  }
  return (asked === "" ? configured : asked) === "cancel";
}

/** A frontend's own request, by its words. `stream`: what it must be, where that is known. */
interface BackgroundCall {
  stream?: boolean;
  /** The only message, or the last one. */
  alone?: boolean;
  role?: ChatMessage["role"];
  begins?: string;
  contains?: readonly string[];
}

/** Open WebUI without its task header, NextChat's titles and memory, LibreChat's titles, ChatBox' names. */
const BACKGROUND_CALLS: readonly BackgroundCall[] = [
  { stream: false, alone: true, role: "user", begins: "### Task:", contains: ["<chat_history>"] },
  {
    stream: false,
    role: "user",
    begins: "Please generate a four to five word title summarizing our conversation",
  },
  { role: "system", begins: "Summarize the discussion briefly in 200 words or less" },
  { contains: ["Provide a concise, 5-word-or-less title for the conversation"] },
  { contains: ["Analyze this conversation and provide:", "detected language"] },
  {
    alone: true,
    contains: ["Based on the chat history, give this conversation a name.", "Only give the name"],
  },
];

/** Requests with this little room for an answer are no conversation. */
const SMALL_TOKENS = 8;

/** Whether a frontend asks for itself (a title, tags, a probe); such a request needs no agent. */
export function isBackground(headers: Headers, request: ChatRequest, smallToo: boolean): boolean {
  if (text(headers["x-openwebui-task"]) !== "" || isProbe(request)) return true;
  const tokens = request.max_completion_tokens ?? request.max_tokens ?? Number.POSITIVE_INFINITY;
  if (smallToo && tokens <= SMALL_TOKENS) return true;
  const last = request.messages.at(-1);
  const content = last === undefined ? "" : textOf(last);
  return BACKGROUND_CALLS.some(
    (call) =>
      (call.stream === undefined || call.stream === (request.stream ?? false)) &&
      (call.role === undefined || call.role === last?.role) &&
      (!call.alone || request.messages.length === 1) &&
      content.startsWith(call.begins ?? "") &&
      (call.contains ?? []).every((words) => content.includes(words)),
  );
}

/** hermes-workspace looks whether anybody is there. */
function isProbe({ model, messages, max_tokens, stream }: ChatRequest): boolean {
  const [message] = messages;
  return (
    model === "test" && max_tokens === 1 && !stream && messages.length === 1 && message?.content === "hi"
  );
}

function textOf({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => ("text" in part ? part.text : "")).join("\n");
}

/** A header's value; of a repeated one the first. */
function text(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? "";
}
