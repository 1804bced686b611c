import { z } from "zod";
import { firstChars, quoted, shown } from "../lib/text.ts";
import { type CodeOfKind, type ErrorCode, type ErrorKind, errorKind, isServerKind } from "./error-codes.ts";

/**
 * A failure as every surface prints it, in OpenAI's error object; its HTTP status and type follow from its code.
 * @see https://platform.openai.com/docs/guides/error-codes
 */
export const Failure = z.object({
  /** One of the catalogue; a database may hold one that an older build had. */
  code: z.custom<ErrorCode>((code) => typeof code === "string"),
  /** Where it is another than its code's: for a setting, a thing that a body names, an unknown Transfer-Encoding. */
  kind: z.custom<ErrorKind>((kind) => typeof kind === "string").exactOptional(),
  message: z.string(),
  param: z.string().exactOptional(),
  /** How long the client should wait before it tries again, in ms. */
  retryAfterMs: z.number().exactOptional(),
  /** False tells SDKs not to repeat the request (`x-should-retry`). */
  shouldRetry: z.boolean().exactOptional(),
});
export type Failure = z.infer<typeof Failure>;

/** Longer than anything that is told of; who builds a message cuts what a client sent, so this is for what was missed. */
const MAX_MESSAGE_CHARS = 1_000;

/** Thrown for anything a client must be told; the one Fastify error handler prints it as OpenAI's envelope. */
export class ApiError extends Error {
  readonly failure: Failure;
  /** The log has its cause already: it comes of an error that was logged, or of a state that was. */
  readonly isTold: boolean;

  constructor(failure: Failure, { isTold = false } = {}) {
    const message = firstChars(failure.message, MAX_MESSAGE_CHARS);
    super(message);
    this.name = "ApiError";
    this.failure = message === failure.message ? failure : { ...failure, message };
    this.isTold = isTold;
  }
}

/** 400: a request field that cannot be accepted; `param` is its path, for example `messages[2].content`. */
export function invalidRequest(
  param: string | undefined,
  message: string,
  code: ErrorCode = "invalid_value",
): ApiError {
  return new ApiError({
    code,
    // What is not found by its own address is missing; named in a request, it makes that request invalid.
    ...(errorKind({ code }) !== "invalid" && { kind: "invalid" as const }),
    message,
    ...(param !== undefined && { param }),
  });
}

/** The response that a request goes on from is not there; hermes' own clients expect a 404, all others a 400. */
export function previousNotFound(id: string, kind: "invalid" | "missing"): ApiError {
  const { failure } = invalidRequest(
    "previous_response_id",
    `Previous response with id '${shown(id)}' not found.`,
    "previous_response_not_found",
  );
  return new ApiError({ ...failure, kind });
}

/** 401: no credential, or one that no key matches. */
export function invalidApiKey(message: string): ApiError {
  return new ApiError({ code: "invalid_api_key", message });
}

/** 429: many wrong keys came from where this one comes from; repeating it cannot help. */
export function tooManyWrongKeys(retryAfterMs: number): ApiError {
  const message =
    "Incorrect API key provided, as many before it from your address. Send the server's API_SERVER_KEY.";
  const code = "too_many_wrong_keys";
  return new ApiError({ code, message, retryAfterMs, shouldRetry: false });
}

/** 403: a browser origin that is not on the allow-list. */
export function originNotAllowed(origin: string): ApiError {
  const message = `Origin ${quoted(origin)} is not allowed. Add it to API_SERVER_CORS_ORIGINS (comma-separated exact origins).`;
  return new ApiError({ code: "origin_not_allowed", message });
}

/** 403: only the operator may do that, with a key of its own; `isGiven`: the request brought another one. */
export function operatorKeyNeeded(isGiven: boolean): ApiError {
  const message = isGiven
    ? "The X-Hermes-Operator-Key is not the operator's. hermes operator-key makes a new one."
    : "Approvals are answered by the operator alone here (approvals.require_operator_key): send the operator's key as X-Hermes-Operator-Key.";
  const code = isGiven ? "invalid_operator_key" : "operator_key_required";
  return new ApiError({ code, message });
}

/** 404: an id that does not exist or is somebody else's; the two are never told apart. */
export function notFound(code: CodeOfKind<"missing">, message: string): ApiError {
  return new ApiError({ code, message });
}

/** 404: a session that its owner does not have. */
export function unknownSession(): ApiError {
  return notFound("session_not_found", "There is no such session.");
}

/** 404: OpenAI's name for a session; `param` is the field that names it, if one does. */
export function unknownConversation(id: string, param?: string): ApiError {
  const { failure } = notFound("conversation_not_found", `Conversation with id ${quoted(id)} not found.`);
  return new ApiError({ ...failure, ...(param !== undefined && { param }) });
}

/** 409: an idempotency key that stands for another request; repeating it cannot help. */
export function keyConflict(): ApiError {
  const message =
    "This Idempotency-Key was used for a request with another body or other headers. Use a new key for a new request.";
  return conflict("idempotency_key_conflict", message, "Idempotency-Key");
}

/** 421: a Host header that names neither this machine nor an allowed host (DNS rebinding). */
export function misdirectedHost(host: string): ApiError {
  const message = `Host ${quoted(host)} is not served here. Add it to API_SERVER_ALLOWED_HOSTS if it should be.`;
  return new ApiError({ code: "host_not_allowed", message });
}

/** Any other refusal by HTTP rules (405, 413, 415, 431 …). */
export function httpRefusal(code: ErrorCode, message: string): ApiError {
  return new ApiError({ code, message });
}

/** 429: a limit of this server was reached; the client should come back after `retryAfterMs`. */
export function tooManyRequests(message: string, retryAfterMs = 1_000): ApiError {
  const code = "rate_limit_exceeded";
  return new ApiError({ code, message, retryAfterMs });
}

/** 503: the server is shutting down and takes no new work. */
export function draining(): ApiError {
  const message = "The server is shutting down; send the request again in a moment.";
  return new ApiError({ code: "gateway_draining", message, retryAfterMs: 1_000 });
}

/** What a run ends with when it outlived its wall-clock limit. */
export function runTimeout(limitMs: number): Failure {
  const message = `The run took longer than its limit of ${Math.round(limitMs / 1000)} s (agent.max_run_seconds, or a closer one of its own).`;
  return { code: "run_timeout", message };
}

/** What a run ends with when the model repeats one call with one result and does not stop. */
export function toolLoop(name: string, times: number): Failure {
  const message = `The model called ${name} ${times} times in a row with the same arguments and the same result.`;
  return { code: "tool_loop", message, shouldRetry: false };
}

/** What a run ends with when the server stops before the run does. */
export function serverShutdown(): Failure {
  const message = "The server shut down before the answer was complete.";
  return { code: "server_shutdown", message };
}

/** What a foreground run ends with when the process that served it died. */
export function serverRestarted(): Failure {
  const message = "The server was restarted before the answer was complete.";
  return { code: "server_restarted", message };
}

/** What a run ends with that was begun again too often. */
export function runInterrupted(attempts: number): Failure {
  const message = `The server was restarted before the run was over, ${attempts} times; it is not tried again.`;
  return { code: "server_restarted", message, shouldRetry: false };
}

/** What a run ends with when its result could not be stored. */
export function storageFailed(full: boolean): Failure {
  const message = full
    ? "The disk is full: the result could not be stored."
    : "The server's database cannot be used at the moment; nothing was stored.";
  const code = full ? "storage_full" : "storage_unavailable";
  return { code, message, retryAfterMs: 2_000 };
}

/** 409: one copy of the database is made or read at a time. */
export function backupGoesOn(): ApiError {
  const message = "Another backup is being made or read; ask again when it is over.";
  return new ApiError({
    code: "backup_in_progress",
    message,
    shouldRetry: false,
  });
}

/** 507: a copy would fill the disk that the server itself needs. */
export function noSpaceForBackup(neededBytes: number): ApiError {
  const message = `A backup needs ${Math.ceil(neededBytes / 2 ** 20)} MB of free space on the server's disk for a while.`;
  return new ApiError({
    code: "insufficient_storage",
    message,
    shouldRetry: false,
  });
}

/** Whether an error may pass by itself, so that the same can be tried again: a limit, a shutdown, a full disk. */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && ["busy", "unavailable", "full"].includes(errorKind(error.failure));
}

/** Whether the server or the model's server failed, and not the client. */
export function isServerFailure(failure: Failure): boolean {
  return isServerKind(errorKind(failure));
}

/** Whether a failure is the server's own: then its log has the cause. */
export function isFault({ code }: Failure): boolean {
  return code === "internal_error" || code.startsWith("storage_");
}

/** Whether the log has the cause of an exception already. */
export function isTold(error: unknown): boolean {
  return error instanceof Error && "isTold" in error && error.isTold === true;
}

/** 409: what cannot be as things are; repeating the request alone cannot help. */
export function conflict(code: CodeOfKind<"conflict">, message: string, param?: string): ApiError {
  const terms = { code, message, shouldRetry: false };
  return new ApiError({ ...terms, ...(param !== undefined && { param }) });
}

/** 409: a session of that id exists. */
export function idTaken(): ApiError {
  return conflict("session_exists", "There is a session of this id already.", "id");
}

/** 400: each title is one session's. */
export function titleTaken(): ApiError {
  return invalidRequest("title", "Another session has this title already.", "invalid_title");
}

/** 409: a session does one run at a time, and the request does not want to wait. */
export function sessionBusy(): ApiError {
  const message =
    "Another run of this session is going on. Wait for it, or use on_conflict enqueue or interrupt.";
  return conflict("session_busy", message, "on_conflict");
}

/** 409: a run that is not at work cannot be told anything. */
export function notSteerable(): ApiError {
  const message =
    "The run is not accepting steering input: it has not started or has already ended. Start another run with the text.";
  return conflict("run_not_accepting_steer", message);
}

/** What a client sees of a fault of ours: nothing of the exception itself, which goes to the log only. */
export function internalError(): Failure {
  const message =
    "The server had an internal error. Its log has the details, under the x-request-id or run id of this answer.";
  return { code: "internal_error", message };
}
