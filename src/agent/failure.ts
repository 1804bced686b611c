import type { Failure } from "../domain/error.ts";
import { ApiError, internalError } from "../domain/error.ts";
import { type ErrorCode, errorKind } from "../domain/error-codes.ts";
import type { EventBody } from "../domain/event.ts";
import type { Usage } from "../domain/usage.ts";
import { ProviderError, type ProviderErrorKind } from "../providers/provider.ts";
import { RunStop } from "./stop.ts";

interface Mapping {
  code: ErrorCode;
  /** What the client reads before the upstream's own message, or alone if that would say nothing. */
  message: string;
}

/**
 * How each upstream failure is reported; the operator's own mistakes (a wrong key or model) are 502, not the client's
 * fault.
 */
const MAPPINGS: Readonly<Record<ProviderErrorKind, Mapping>> = {
  bad_request: {
    code: "upstream_rejected",
    message: "The model's server rejected the request",
  },
  context_length: {
    code: "context_length_exceeded",
    message: "The conversation is too long for the model",
  },
  auth: {
    code: "upstream_auth_failed",
    message: "The model's server refused our credentials; check its API key in the configuration",
  },
  not_found: {
    code: "upstream_model_not_found",
    message: "The model's server does not know the model; check LLM_MODEL and LLM_BASE_URL",
  },
  rate_limit: {
    code: "upstream_rate_limited",
    message: "The model's server limits our requests",
  },
  overloaded: {
    code: "upstream_overloaded",
    message: "The model's server is overloaded",
  },
  timeout: {
    code: "upstream_timeout",
    message: "The model's server took too long",
  },
  network: {
    code: "upstream_unreachable",
    message: "The model's server cannot be reached",
  },
  server: { code: "upstream_error", message: "The model's server failed" },
  malformed: {
    code: "upstream_malformed",
    message: "The model's server sent an answer that cannot be read",
  },
  truncated: {
    code: "upstream_truncated",
    message: "The model's answer was cut off",
  },
};

/** Returns what a client is told about an error; of an unknown error it is told nothing. */
export function toFailure(error: unknown): Failure {
  if (error instanceof ApiError) return error.failure;
  if (!(error instanceof ProviderError)) return internalError();
  const { message, ...mapping } = MAPPINGS[error.kind];
  const detail = redact(error.message);
  const isInvalid = errorKind(mapping) === "invalid";
  const retryAfterMs = error.retryAfterMs ?? (error.kind === "rate_limit" ? 1_000 : undefined);
  return {
    ...mapping,
    message: detail === "" ? `${message}.` : `${message}: ${detail}`,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    // A wrong key stays wrong; SDKs would still send the request twice more.
    ...(!error.retryable && !isInvalid && { shouldRetry: false }),
  };
}

/** Returns the terminal event of a run that threw an error or was stopped. */
export function toEnding(
  error: unknown,
  totals: { usage: Usage; steps: number },
): Extract<EventBody, { type: "run.failed" | "run.cancelled" }> {
  if (!(error instanceof RunStop)) return { type: "run.failed", error: toFailure(error), ...totals };
  const { failure, message } = error;
  return failure === undefined
    ? { type: "run.cancelled", reason: message, ...totals }
    : { type: "run.failed", error: failure, ...totals };
}

/** Matches keys, whole or partly masked: upstreams repeat parts of a refused key in their messages. */
const KEY =
  /\b(?:[a-z]{2,8}[-_])+[\w.-]*\*{2,}[\w*.-]*|\b(?:sk|rk|pk|gsk|xai|key|hermes)[-_][\w*.-]{6,}|\bBearer [\w*.~+/=-]{12,}/gi;

function redact(text: string): string {
  return text.replace(KEY, "[redacted]");
}
