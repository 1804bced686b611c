import { describe, expect, test } from "vitest";
import { toFailure } from "../../../src/agent/failure.ts";
import { invalidRequest } from "../../../src/domain/error.ts";
import { errorType } from "../../../src/domain/error-codes.ts";
import { httpStatus } from "../../../src/http/errors.ts";
import { errorFromAnswer } from "../../../src/providers/errors.ts";
import { ProviderError, type ProviderErrorKind } from "../../../src/providers/provider.ts";

describe("what a client is told of an upstream's failure", () => {
  test.each<[ProviderErrorKind, number, string, string]>([
    ["bad_request", 400, "invalid_request_error", "upstream_rejected"],
    ["context_length", 400, "invalid_request_error", "context_length_exceeded"],
    ["auth", 502, "server_error", "upstream_auth_failed"],
    ["not_found", 502, "server_error", "upstream_model_not_found"],
    ["rate_limit", 429, "rate_limit_error", "upstream_rate_limited"],
    ["server", 502, "server_error", "upstream_error"],
    ["network", 502, "server_error", "upstream_unreachable"],
    ["truncated", 502, "server_error", "upstream_truncated"],
    ["malformed", 502, "server_error", "upstream_malformed"],
    ["overloaded", 503, "server_error", "upstream_overloaded"],
    ["timeout", 504, "server_error", "upstream_timeout"],
  ])("%s: %i %s %s", (kind, status, type, code) => {
    const failure = toFailure(new ProviderError(kind, "its own words"));
    expect([httpStatus(failure), errorType(failure.code), failure.code]).toEqual([status, type, code]);
    expect(failure.message).toMatch(/: its own words$/);
  });

  test.each([
    [400, 400],
    [401, 502],
    [403, 502],
    [404, 502],
    [408, 504],
    [422, 400],
    [429, 429],
    [500, 502],
    [502, 502],
    [503, 503],
    [504, 504],
    [529, 503],
  ])("upstream status %i: %i", (theirs, ours) => {
    expect(httpStatus(toFailure(errorFromAnswer(theirs, {}, "")))).toBe(ours);
  });
});

describe("when to come back", () => {
  test("when to come back as the upstream says", () => {
    expect(toFailure(errorFromAnswer(429, { "retry-after": "7" }, ""))).toMatchObject({
      retryAfterMs: 7_000,
    });
    expect(toFailure(errorFromAnswer(503, { "retry-after": "7" }, ""))).toMatchObject({
      retryAfterMs: 7_000,
    });
  });

  test("when to come back in a second when a limit says nothing, and not said of other failures", () => {
    expect(toFailure(new ProviderError("rate_limit", "x")).retryAfterMs).toBe(1_000);
    expect(toFailure(new ProviderError("server", "x"))).not.toHaveProperty("retryAfterMs");
  });

  test("never, when another try cannot help", () => {
    expect(toFailure(new ProviderError("auth", "x")).shouldRetry).toBe(false);
    expect(toFailure(new ProviderError("not_found", "x")).shouldRetry).toBe(false);
    expect(toFailure(new ProviderError("rate_limit", "No credit.", { retryable: false })).shouldRetry).toBe(
      false,
    );
    expect(toFailure(new ProviderError("server", "x"))).not.toHaveProperty("shouldRetry");
    // SDKs never repeat a 400.
    expect(toFailure(new ProviderError("bad_request", "x"))).not.toHaveProperty("shouldRetry");
  });
});

describe("what is kept back", () => {
  test.each([
    ["Incorrect API key provided: sk-proj-abcdef123456.", "Incorrect API key provided: [redacted]"],
    ["Incorrect API key provided: sk-ab***************cdef.", "Incorrect API key provided: [redacted]"],
    ["Invalid token: Bearer abcdef0123456789", "Invalid token: [redacted]"],
    ["key hermes-0123456789abcdef refused", "key [redacted] refused"],
    ["No bearer token was sent; the key is missing.", "No bearer token was sent; the key is missing."],
    ["The monkey-wrench model is gone.", "The monkey-wrench model is gone."],
  ])("%s", (words, expected) => {
    expect(toFailure(new ProviderError("auth", words)).message).toContain(expected);
  });

  test("an unknown error tells nothing of itself", () => {
    const failure = toFailure(new TypeError("cannot read /home/me/.env"));
    expect(failure.code).toBe("internal_error");
    expect(failure.message).not.toContain("/home/me");
  });

  test("no words are needed", () => {
    expect(toFailure(new ProviderError("auth", "")).message).toMatch(/configuration\.$/);
  });
});

test("what a client was told already stays as it is", () => {
  const error = invalidRequest("model", "no");
  expect(toFailure(error)).toBe(error.failure);
});
