import type { IncomingHttpHeaders } from "node:http";
import { isJsonObject, type JsonObject, parseJsonObject } from "../lib/json.ts";
import { firstLine } from "../lib/text.ts";
import { ProviderError, type ProviderErrorKind } from "./provider.ts";

/** How different servers say that the conversation no longer fits: OpenAI, Anthropic, vLLM, llama.cpp, Ollama, LM Studio. */
const CONTEXT_OVERFLOW =
  /context[ _-]?(length|window|size)|maximum context|prompt is too long|too many tokens|exceeds? the (available )?context|input (is )?too long|exceed_context_size/i;

const MAX_MESSAGE_CHARS = 500;

/** The error that an upstream's HTTP answer stands for. */
export function errorFromAnswer(status: number, headers: IncomingHttpHeaders, body: string): ProviderError {
  const detail = errorDetail(parseJsonObject(body));
  const kind = kindOfStatus(status, detail);
  const text = detail.message === "" ? `HTTP ${status}` : detail.message;
  const retryAfterMs = retryAfter(headers);
  return new ProviderError(kind, text, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** The error that an error object inside a stream stands for; such objects carry no HTTP status of their own. */
export function errorFromObject(error: unknown): ProviderError {
  const detail = errorDetail({ error });
  const status = Number(detail.code);
  const kind = status >= 400 && status < 600 ? kindOfStatus(status, detail) : kindOfWords(detail);
  return new ProviderError(kind, detail.message === "" ? "The upstream reported an error." : detail.message);
}

const KIND_OF_STATUS: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [401, "auth"],
  [403, "auth"],
  [404, "not_found"],
  [408, "timeout"],
  [429, "rate_limit"],
  [503, "overloaded"],
  [504, "timeout"],
  [529, "overloaded"],
]);

/** Statuses with which servers report a context overflow. */
const OVERFLOW_STATUSES: ReadonlySet<number> = new Set([400, 413, 422, 500]);

function kindOfStatus(status: number, detail: ErrorDetail): ProviderErrorKind {
  if (OVERFLOW_STATUSES.has(status) && saysOverflow(detail)) return "context_length";
  const kind = KIND_OF_STATUS.get(status);
  if (kind !== undefined) return kind;
  if (status >= 500) return "server";
  return status >= 400 ? "bad_request" : "malformed";
}

const KIND_OF_WORDS: readonly [RegExp, ProviderErrorKind][] = [
  [/overloaded/i, "overloaded"],
  [/rate_?limit/i, "rate_limit"],
  [/timeout/i, "timeout"],
  [/invalid_request/i, "bad_request"],
];

function kindOfWords(detail: ErrorDetail): ProviderErrorKind {
  if (saysOverflow(detail)) return "context_length";
  return KIND_OF_WORDS.find(([words]) => words.test(`${detail.code} ${detail.type}`))?.[1] ?? "server";
}

function saysOverflow(detail: ErrorDetail): boolean {
  return CONTEXT_OVERFLOW.test(`${detail.code} ${detail.type} ${detail.message}`);
}

interface ErrorDetail {
  message: string;
  code: string;
  type: string;
}

/** Reads `{error: {message, code, type}}`, `{error: "text"}`, `{message}` and `{detail}`. */
function errorDetail(body: JsonObject | undefined): ErrorDetail {
  const error = isJsonObject(body?.["error"]) ? body["error"] : body;
  const message = [error?.["message"], body?.["error"], body?.["detail"]].find(
    (text) => typeof text === "string",
  );
  return {
    message: firstLine(typeof message === "string" ? message : "", MAX_MESSAGE_CHARS),
    code: String(error?.["code"] ?? ""),
    type: String(error?.["type"] ?? ""),
  };
}

/**
 * How long the upstream asks to wait, in ms: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function retryAfter(headers: IncomingHttpHeaders, now: number = Date.now()): number | undefined {
  const exact = Number(headers["retry-after-ms"] ?? Number.NaN);
  if (exact >= 0) return exact;
  const value = headers["retry-after"];
  if (value === undefined || value === "") return undefined;
  const seconds = Number(value);
  if (seconds >= 0) return seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
