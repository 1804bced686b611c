import type { FastifyRequest } from "fastify";
import { ApiError, httpRefusal, invalidRequest } from "../domain/error.ts";

/**
 * Headers that mean something here, and can mean only one thing. Of two that differ, a proxy before this server may
 * follow the other one.
 */
const SINGLE = new Set([
  "host",
  "authorization",
  "content-type",
  "content-length",
  "content-encoding",
  "transfer-encoding",
  "expect",
  "origin",
  "idempotency-key",
  "last-event-id",
  "x-request-id",
]);

/** So can all headers of this server. */
const OWN = "x-hermes-";

/**
 * Refuses what Node's parser lets through although HTTP/1.1 does not, or this server cannot do it.
 * @see RFC 9112 sections 2.3, 3.2, 6.1; RFC 9110 sections 5.3, 10.1.1
 * @throws ApiError 505 for another version, 501 for a transfer coding, 417 for an expectation, 400 for a repeated header.
 */
export function checkMessage({ raw }: FastifyRequest): void {
  const { headers, rawHeaders, httpVersion } = raw;
  if (httpVersion !== "1.1" && httpVersion !== "1.0") throw unknownVersion(httpVersion);
  // Fewer names than lines: one came again. Other headers, as Accept and X-Forwarded-For, may.
  if (Object.keys(headers).length * 2 !== rawHeaders.length) refuseRepeated(rawHeaders);
  if (headers["transfer-encoding"] !== undefined) checkCoding(headers["transfer-encoding"], httpVersion);
  if (headers.expect !== undefined && !CONTINUE.test(headers.expect)) {
    const message = "The header Expect can only be 100-continue.";
    throw new ApiError({ ...httpRefusal("expectation_failed", message).failure, param: "Expect" });
  }
}

const CONTINUE = /^100-continue$/i;

function unknownVersion(version: string): ApiError {
  const message = `HTTP/${version} is not spoken here; use HTTP/1.1.`;
  // Before 1.0 there were no versions, nor status codes.
  return version === "0.9"
    ? invalidRequest(undefined, message, "invalid_request")
    : httpRefusal("http_version_not_supported", message);
}

function refuseRepeated(rawHeaders: readonly string[]): void {
  const seen = new Set<string>();
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    const key = name.toLowerCase();
    if (seen.has(key) && (SINGLE.has(key) || key.startsWith(OWN)))
      throw invalidRequest(name, `The header ${name} came more than once. Send it once.`, "repeated_header");
    seen.add(key);
  }
}

function checkCoding(coding: string, version: string): void {
  const [param, code] = ["Transfer-Encoding", "unsupported_transfer_encoding"] as const;
  // A proxy of that time would take the chunks for the body.
  if (version === "1.0") throw invalidRequest(param, "HTTP/1.0 has no Transfer-Encoding.", code);
  if (coding.toLowerCase() === "chunked") return;
  const message = "The only Transfer-Encoding is chunked; send the body as it is, not compressed.";
  throw new ApiError({ code, kind: "not_implemented", message, param });
}
