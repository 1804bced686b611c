import type { IncomingHttpHeaders } from "node:http";
import { isJsonObject, type JsonObject, parseJsonObject } from "../lib/json.ts";
import { firstLine } from "../lib/text.ts";
import { ProviderError, type ProviderErrorKind } from "./provider.ts";

/**
 * The words in which servers say that the conversation is too long: OpenAI, Anthropic, Bedrock, Gemini, xAI, vLLM,
 * llama.cpp, Ollama, LM Studio.
 */
const CONTEXT_OVERFLOW =
  /context[ _-]?(length|window|size|limit)|maximum (context|prompt length)|prompt (is )?too long|prompt exceeds|too many tokens|exceeds? the (available )?context|input (is )?too long|token count \S* ?exceeds|exceed_context_size/i;

/** An account without credit: waiting does not help. */
const OUT_OF_CREDIT = /insufficient_quota|billing|credit/i;

const MAX_MESSAGE_CHARS = 500;

/** Converts an upstream's HTTP answer to an error. */
export function errorFromAnswer(status: number, headers: IncomingHttpHeaders, body: string): ProviderError {
  const detail = readDetail(parseJsonObject(body));
  const kind = classifyStatus(status, detail);
  const message = detail.message === "" ? `HTTP ${status}` : detail.message;
  const retryAfterMs = readRetryAfter(headers);
  const isHopeless = headers["x-should-retry"] === "false" || isOutOfCredit(kind, detail);
  return new ProviderError(kind, message, {
    ...(isHopeless && { retryable: false }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}

/** Converts the error object of a stream or of an answer with status 200 to an error. */
export function errorFromObject(error: unknown): ProviderError {
  const detail = readDetail({ error });
  const status = Number(detail.code);
  const kind = status >= 400 && status < 600 ? classifyStatus(status, detail) : classifyWords(detail);
  const message = detail.message === "" ? "The upstream reported an error." : detail.message;
  return new ProviderError(kind, message, isOutOfCredit(kind, detail) ? { retryable: false } : {});
}

function isOutOfCredit(kind: ProviderErrorKind, { code, type }: ErrorDetail): boolean {
  return kind === "rate_limit" && OUT_OF_CREDIT.test(`${code} ${type}`);
}

const KIND_BY_STATUS: ReadonlyMap<number, ProviderErrorKind> = new Map([
  [401, "auth"],
  // The account cannot pay. As with a wrong key, only the operator can help.
  [402, "auth"],
  [403, "auth"],
  [404, "not_found"],
  [408, "timeout"],
  [429, "rate_limit"],
  [503, "overloaded"],
  [504, "timeout"],
  [529, "overloaded"],
]);

/** The statuses with which servers report that the conversation is too long. */
const OVERFLOW_STATUSES: ReadonlySet<number> = new Set([400, 413, 422, 500]);

function classifyStatus(status: number, detail: ErrorDetail): ProviderErrorKind {
  if (OVERFLOW_STATUSES.has(status) && saysOverflow(detail)) return "context_length";
  const kind = KIND_BY_STATUS.get(status);
  if (kind !== undefined) return kind;
  if (status >= 500) return "server";
  return status >= 400 ? "bad_request" : "malformed";
}

/** Error names of Anthropic and OpenAI. An overflow is often called an invalid request, so that name is tried last. */
const KIND_BY_WORDS: readonly [RegExp, ProviderErrorKind][] = [
  [/overloaded/i, "overloaded"],
  [/rate_?limit|insufficient_quota/i, "rate_limit"],
  [/timeout/i, "timeout"],
  [/authentication|permission|api_key|billing/i, "auth"],
  [/not_found/i, "not_found"],
];

function classifyWords(detail: ErrorDetail): ProviderErrorKind {
  const words = `${detail.code} ${detail.type}`;
  const named = KIND_BY_WORDS.find(([pattern]) => pattern.test(words))?.[1];
  if (named !== undefined) return named;
  if (saysOverflow(detail)) return "context_length";
  return /invalid_request|bad_?request|too_large/i.test(words) ? "bad_request" : "server";
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
function readDetail(body: JsonObject | undefined): ErrorDetail {
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
 * Returns how long the upstream asks clients to wait, in ms: `retry-after-ms`, else `retry-after` in seconds or as an
 * HTTP date.
 * @see https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
 */
export function readRetryAfter(headers: IncomingHttpHeaders, now: number = Date.now()): number | undefined {
  const exact = headers["retry-after-ms"];
  const exactMs = exact === undefined ? undefined : readNumber(String(exact));
  if (exactMs !== undefined) return exactMs;
  const value = headers["retry-after"];
  if (value === undefined) return undefined;
  const seconds = readNumber(value);
  if (seconds !== undefined) return seconds * 1000;
  // Date.parse accepts almost anything, even "5 minutes", so the value must begin with a weekday.
  const date = /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function readNumber(value: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : undefined;
}
