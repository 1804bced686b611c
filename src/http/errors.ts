import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import {
  ApiError,
  type Failure,
  httpRefusal,
  internalError,
  invalidRequest,
  isFault,
  isTold,
} from "../domain/error.ts";
import { type ErrorKind, errorKind, errorType } from "../domain/error-codes.ts";

/** OpenAI's error envelope; all four keys are always there. */
interface ErrorEnvelope {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** The HTTP status of each kind of failure; nothing below this folder knows one. */
const STATUS: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  missing: 404,
  not_allowed: 405,
  too_slow: 408,
  conflict: 409,
  too_large: 413,
  url_too_long: 414,
  unsupported: 415,
  expectation: 417,
  misdirected: 421,
  busy: 429,
  headers_too_large: 431,
  client_left: 499,
  internal: 500,
  not_implemented: 501,
  upstream: 502,
  unavailable: 503,
  timeout: 504,
  http_version: 505,
  full: 507,
};

/** Returns the HTTP status of a failure. */
export function httpStatus(failure: Pick<Failure, "code" | "kind">): number {
  return STATUS[errorKind(failure)];
}

/** Returns the envelope of a failure. */
export function envelope({ message, param, code }: Failure): ErrorEnvelope {
  return { error: { message, type: errorType(code), param: param ?? null, code } };
}

/**
 * Returns the headers that tell a client what to do after a failure.
 * @see openai.md section 1: SDKs follow `x-should-retry`, then `retry-after-ms`, then `retry-after`
 */
export function failureHeaders(failure: Failure): Record<string, string> {
  const headers: Record<string, string> = {};
  if (failure.retryAfterMs !== undefined) {
    headers["retry-after"] = String(Math.max(1, Math.ceil(failure.retryAfterMs / 1000)));
    headers["retry-after-ms"] = String(Math.ceil(failure.retryAfterMs));
  }
  if (failure.shouldRetry !== undefined) headers["x-should-retry"] = String(failure.shouldRetry);
  if (failure.code === "invalid_api_key") headers["www-authenticate"] = 'Bearer realm="hermes"';
  return headers;
}

/** The only error handler: prints every failure as the envelope. */
export function handleError(
  error: FastifyError | ApiError,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  sendFailure(reply, toAnsweredFailure(error, request));
}

/** Returns what a client is told about an error; internal errors are only logged. */
export function toAnsweredFailure(error: FastifyError | ApiError, request: FastifyRequest): Failure {
  const failure = error instanceof ApiError ? error.failure : failureOfHttp(error);
  if (isFault(failure) && !isTold(error))
    request.log.error({ err: error, requestId: request.id }, "internal error");
  return failure;
}

/** Answers with a failure. */
function sendFailure(reply: FastifyReply, failure: Failure): void {
  reply.code(httpStatus(failure)).headers(failureHeaders(failure)).send(envelope(failure));
}

/** The refusals of Fastify and its plugins, by error code. */
const REFUSALS: Readonly<Record<string, () => ApiError>> = {
  FST_ERR_CTP_INVALID_JSON_BODY: () =>
    invalidRequest(undefined, "Invalid JSON in request body", "invalid_json"),
  FST_ERR_CTP_EMPTY_JSON_BODY: () =>
    invalidRequest(undefined, "The request body is empty; send JSON.", "invalid_json"),
  FST_ERR_CTP_BODY_TOO_LARGE: () => httpRefusal("body_too_large", "The request body is larger than 10 MB."),
  FST_ERR_CTP_INVALID_MEDIA_TYPE: () =>
    httpRefusal(
      "unsupported_media_type",
      "Send the body as JSON, with the header Content-Type: application/json.",
    ),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () =>
    invalidRequest(undefined, "The body is not as long as Content-Length says.", "invalid_content_length"),
};

function failureOfHttp(error: FastifyError): Failure {
  const refusal = REFUSALS[error.code];
  if (refusal !== undefined) return refusal().failure;
  const status = error.statusCode ?? 500;
  if (status < 400 || status >= 500) return internalError();
  if (status === 414)
    return httpRefusal("path_too_long", "The path is too long: an id has at most 512 characters.").failure;
  return httpRefusal("invalid_request", "The request is not valid HTTP for this server.").failure;
}
