import { type Headers, headerText } from "../../shared/client.ts";
import type { ChatMessage, ChatRequest } from "./schema.ts";

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
  if (headerText(headers, "x-openwebui-task") !== "" || isProbe(request)) return true;
  const tokens = request.max_completion_tokens ?? request.max_tokens ?? Number.POSITIVE_INFINITY;
  if (smallToo && tokens <= SMALL_TOKENS) return true;
  const last = request.messages.at(-1);
  const content = last === undefined ? "" : promptText(last);
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

function promptText({ content }: ChatMessage): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part) => ("text" in part ? part.text : "")).join("\n");
}
