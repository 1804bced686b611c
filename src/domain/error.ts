import { z } from "zod";
import { firstChars, quoted, shown } from "../lib/text.ts";
import { type CodeOfKind, type ErrorCode, type ErrorKind, errorKind, isServerKind } from "./error-codes.ts";

/**
 * A failure as every surface prints it, in OpenAI's error object; its HTTP status and type follow from its code.
 * @see https://platform.openai.com/docs/guides/error-codes
 */
export const Failure = z.object({
  /** A code of the catalogue; a failure that an older build stored may have another one. */
  code: z.custom<ErrorCode>((code) => typeof code === "string"),
  /** Overrides the kind of the code: for a setting, an object that a body names, an unknown Transfer-Encoding. */
  kind: z.custom<ErrorKind>((kind) => typeof kind === "string").exactOptional(),
  message: z.string(),
  param: z.string().exactOptional(),
  /** How long the client should wait before it tries again, in ms. */
  retryAfterMs: z.number().exactOptional(),
  /** False tells SDKs not to repeat the request (`x-should-retry`). */
  shouldRetry: z.boolean().exactOptional(),
});
export type Failure = z.infer<typeof Failure>;

/** A safety limit: each message already shortens the text that a client sent. */
const MAX_MESSAGE_CHARS = 1_000;

/** An error that the client receives; the Fastify error handler sends it as OpenAI's error object. */
export class ApiError extends Error {
  readonly failure: Failure;
  /** True when the log already has the cause. */
  readonly isTold: boolean;

  constructor(failure: Failure, { isTold = false } = {}) {
    const message = firstChars(failure.message, MAX_MESSAGE_CHARS);
    super(message);
    this.name = "ApiError";
    this.failure = message === failure.message ? failure : { ...failure, message };
    this.isTold = isTold;
  }
}

/** Returns a 400 for an invalid request field; `param` is its path, for example `messages[2].content`. */
export function invalidRequest(
  param: string | undefined,
  message: string,
  code: ErrorCode = "invalid_value",
): ApiError {
  return new ApiError({
    code,
    // An object that is missing at its own URL is a 404; a request that names a missing object is invalid.
    ...(errorKind({ code }) !== "invalid" && { kind: "invalid" as const }),
    message,
    ...(param !== undefined && { param }),
  });
}

/** Returns the error for a missing previous response; hermes' own clients expect a 404, all others a 400. */
export function previousNotFound(id: string, kind: "invalid" | "missing"): ApiError {
  const { failure } = invalidRequest(
    "previous_response_id",
    `Previous response with id '${shown(id)}' not found.`,
    "previous_response_not_found",
  );
  return new ApiError({ ...failure, kind });
}

/** Returns a 401 for a missing or wrong API key. */
export function invalidApiKey(message: string): ApiError {
  return new ApiError({ code: "invalid_api_key", message });
}

/** Returns a 429 for an address that sent many wrong keys; a retry cannot help. */
export function tooManyWrongKeys(retryAfterMs: number): ApiError {
  const message =
    "Incorrect API key provided; too many wrong keys came from your address. Send the server's API_SERVER_KEY.";
  const code = "too_many_wrong_keys";
  return new ApiError({ code, message, retryAfterMs, shouldRetry: false });
}

/** Returns a 403 for a browser origin that is not on the allow-list. */
export function originNotAllowed(origin: string): ApiError {
  const message = `Origin ${quoted(origin)} is not allowed. Add it to API_SERVER_CORS_ORIGINS (comma-separated exact origins).`;
  return new ApiError({ code: "origin_not_allowed", message });
}

/** Returns a 403 for an action that needs the operator's key; `isGiven`: the request has a wrong one. */
export function operatorKeyNeeded(isGiven: boolean): ApiError {
  const message = isGiven
    ? "The X-Hermes-Operator-Key is wrong. Create a new key with hermes operator-key."
    : "Only the operator may answer approvals here (approvals.require_operator_key): send the operator's key as X-Hermes-Operator-Key.";
  const code = isGiven ? "invalid_operator_key" : "operator_key_required";
  return new ApiError({ code, message });
}

/** Returns a 404 for an id that does not exist or belongs to another owner; both give the same answer. */
export function notFound(code: CodeOfKind<"missing">, message: string): ApiError {
  return new ApiError({ code, message });
}

/** Returns a 404 for a session that the owner does not have. */
export function unknownSession(): ApiError {
  return notFound("session_not_found", "There is no such session.");
}

/** Returns a 404 for a conversation (OpenAI's name for a session); `param` is the field that names it, if any. */
export function unknownConversation(id: string, param?: string): ApiError {
  const { failure } = notFound("conversation_not_found", `Conversation with id ${quoted(id)} not found.`);
  return new ApiError({ ...failure, ...(param !== undefined && { param }) });
}

/** Returns a 409 for an idempotency key of a different request; a retry cannot help. */
export function keyConflict(): ApiError {
  const message =
    "This Idempotency-Key was used for a request with another body or other headers. Use a new key for a new request.";
  return conflict("idempotency_key_conflict", message, "Idempotency-Key");
}

/** Returns a 421 for a Host header that names neither this machine nor an allowed host (DNS rebinding). */
export function misdirectedHost(host: string): ApiError {
  const message = `Host ${quoted(host)} is not served here. Add it to API_SERVER_ALLOWED_HOSTS if it should be.`;
  return new ApiError({ code: "host_not_allowed", message });
}

/** Returns any other error that HTTP rules require (405, 413, 415, 431 …). */
export function httpRefusal(code: ErrorCode, message: string): ApiError {
  return new ApiError({ code, message });
}

/** Returns a 429 for a limit of this server; the client should retry after `retryAfterMs`. */
export function tooManyRequests(message: string, retryAfterMs = 1_000): ApiError {
  const code = "rate_limit_exceeded";
  return new ApiError({ code, message, retryAfterMs });
}

/** Returns a 503: the server is shutting down and accepts no new work. */
export function draining(): ApiError {
  const message = "The server is shutting down; send the request again in a moment.";
  return new ApiError({ code: "gateway_draining", message, retryAfterMs: 1_000 });
}

/** Returns the failure of a run that exceeded its wall-clock limit. */
export function runTimeout(limitMs: number): Failure {
  const message = `The run exceeded its time limit of ${Math.round(limitMs / 1000)} s (agent.max_run_seconds, or a stricter limit of its own).`;
  return { code: "run_timeout", message };
}

/** Returns the failure of a run whose model repeats one call with one result. */
export function toolLoop(name: string, times: number): Failure {
  const message = `The model called ${name} ${times} times in a row with the same arguments and the same result.`;
  return { code: "tool_loop", message, shouldRetry: false };
}

/** Returns the failure of a run that the server's shutdown ended. */
export function serverShutdown(): Failure {
  const message = "The server shut down before the answer was complete.";
  return { code: "server_shutdown", message };
}

/** Returns the failure of a foreground run whose process died. */
export function serverRestarted(): Failure {
  const message = "The server was restarted before the answer was complete.";
  return { code: "server_restarted", message };
}

/** Returns the failure of a run that used all its attempts. */
export function runInterrupted(attempts: number): Failure {
  const message = `The server was restarted ${attempts} times before the run ended; the run is not repeated.`;
  return { code: "server_restarted", message, shouldRetry: false };
}

/** Returns the failure of a run whose result could not be stored. */
export function storageFailed(full: boolean): Failure {
  const message = full
    ? "The disk is full: the result could not be stored."
    : "The server's database cannot be used at the moment; nothing was stored.";
  const code = full ? "storage_full" : "storage_unavailable";
  return { code, message, retryAfterMs: 2_000 };
}

/** Returns a 409: another copy of the database is being made or read. */
export function backupGoesOn(): ApiError {
  const message = "Another backup is being made or read; try again when it has ended.";
  return new ApiError({
    code: "backup_in_progress",
    message,
    shouldRetry: false,
  });
}

/** Returns a 507: a copy would use disk space that the server itself needs. */
export function noSpaceForBackup(neededBytes: number): ApiError {
  const message = `A backup needs ${Math.ceil(neededBytes / 2 ** 20)} MB of free space on the server's disk for a while.`;
  return new ApiError({
    code: "insufficient_storage",
    message,
    shouldRetry: false,
  });
}

/** Tells whether an error is temporary and a retry can succeed: a limit, a shutdown, a full disk. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && ["busy", "unavailable", "full"].includes(errorKind(error.failure));
}

/** Tells whether the server or the model's server caused the failure, not the client. */
export function isServerFailure(failure: Failure): boolean {
  return isServerKind(errorKind(failure));
}

/** Tells whether the failure is an internal fault, whose cause is in the server's log. */
export function isFault({ code }: Failure): boolean {
  return code === "internal_error" || code.startsWith("storage_");
}

/** Tells whether the log already has the cause of an exception. */
export function isTold(error: unknown): boolean {
  return error instanceof Error && "isTold" in error && error.isTold === true;
}

/** Returns a 409: the current state does not allow the request; a retry alone cannot help. */
export function conflict(code: CodeOfKind<"conflict">, message: string, param?: string): ApiError {
  const terms = { code, message, shouldRetry: false };
  return new ApiError({ ...terms, ...(param !== undefined && { param }) });
}

/** Returns a 409: a session with this id exists. */
export function idTaken(): ApiError {
  return conflict("session_exists", "A session with this id already exists.", "id");
}

/** Returns a 400: another session of the owner has this title. */
export function titleTaken(): ApiError {
  return invalidRequest("title", "Another session already has this title.", "invalid_title");
}

/** Returns a 409: the session is busy with another run, and the request does not want to wait. */
export function sessionBusy(): ApiError {
  const message =
    "Another run of this session is in progress. Wait for it, or use on_conflict enqueue or interrupt.";
  return conflict("session_busy", message, "on_conflict");
}

/** Returns a 409: the run is not running, so it accepts no steering text. */
export function notSteerable(): ApiError {
  const message =
    "The run is not accepting steering input: it has not started or has already ended. Start another run with the text.";
  return conflict("run_not_accepting_steer", message);
}

/** Returns what a client sees of an internal fault; the exception itself goes only to the log. */
export function internalError(): Failure {
  const message =
    "The server had an internal error. Its log has the details, under the x-request-id or run id of this answer.";
  return { code: "internal_error", message };
}
