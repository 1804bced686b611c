import { createHash } from "node:crypto";
import { invalidRequest } from "../../domain/error.ts";
import type { RunInput } from "../../domain/run.ts";
import { canonicalJson } from "../../lib/json.ts";
import type { Headers } from "./client.ts";

/**
 * The idempotency key of a request, with a hash of what it asks for. `terms`: what else than the body decides on the
 * answer.
 * @throws ApiError 400 for a key that is not 1 to 255 visible ASCII characters.
 * @see hermes-api.md 1.9
 */
export function readIdempotency(
  headers: Headers,
  body: unknown,
  terms: Readonly<Record<string, unknown>>,
): RunInput["idempotency"] {
  const key = headers["idempotency-key"];
  if (key === undefined) return undefined;
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    const message = "Invalid 'Idempotency-Key': use 1 to 255 visible ASCII characters.";
    throw invalidRequest("Idempotency-Key", message, "invalid_idempotency_key");
  }
  return { key, fingerprint: hashRequest({ body, terms }) };
}

function hashRequest(asked: unknown): string {
  try {
    return createHash("sha256").update(canonicalJson(asked)).digest("hex");
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalidRequest(undefined, "The body is nested too deeply for a request with an Idempotency-Key.");
  }
}
