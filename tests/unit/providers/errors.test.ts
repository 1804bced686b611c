import { describe, expect, test } from "vitest";
import { errorFromAnswer, errorFromObject, readRetryAfter } from "../../../src/providers/errors.ts";
import type { ProviderErrorKind } from "../../../src/providers/provider.ts";

describe("the message of an error", () => {
  test.each([
    ['{"error":{"message":"a"}}', "a"],
    ['{"error":"b"}', "b"],
    ['{"message":"c"}', "c"],
    ['{"detail":"d"}', "d"],
    ['{"type":"error","error":{"type":"x","message":"e"}}', "e"],
    ['{"error":{"message":"first line\\nsecond line"}}', "first line"],
    ["<html>", "HTTP 400"],
    ["", "HTTP 400"],
    ["null", "HTTP 400"],
    ['{"error":{"message":17}}', "HTTP 400"],
  ])("the body %s gives the message %s", (body, message) => {
    expect(errorFromAnswer(400, {}, body).message).toBe(message);
  });

  test("a long error message is cut to 500 characters", () => {
    expect(errorFromAnswer(400, {}, JSON.stringify({ error: "x".repeat(9_999) })).message).toHaveLength(500);
  });

  test.each([
    undefined,
    null,
    7,
    "text",
    [],
    {},
  ])("the error object %j in a stream gives some message", (error) => {
    expect(errorFromObject(error).message).not.toBe("");
  });
});

describe("conversations that are too long", () => {
  test.each<[number, string]>([
    [400, "This model's maximum context length is 8192 tokens."],
    [400, "input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000"],
    [400, "prompt is too long: 208656 tokens > 200000 maximum"],
    [400, "Input is too long for requested model."],
    [400, "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."],
    [400, "This model's maximum prompt length is 131072 but the request contains 537812 tokens."],
    [400, "Prompt exceeds max length"],
    [500, "Context size has been exceeded."],
    [413, "Request too large: context window"],
  ])("conversations that are too long status %i with %j means that the conversation is too long", (status, message) => {
    expect(errorFromAnswer(status, {}, JSON.stringify({ error: { message } })).kind).toBe("context_length");
  });

  test.each<[number, string, ProviderErrorKind]>([
    [429, "Rate limit: too many tokens per minute", "rate_limit"],
    [400, "max_tokens: 100000 > 64000, which is the maximum allowed number of output tokens", "bad_request"],
    [400, "temperature is deprecated for this model", "bad_request"],
    [500, "Internal server error", "server"],
  ])("conversations that are too long status %i with %j does not mean that the conversation is too long, but %s", (status, message, kind) => {
    expect(errorFromAnswer(status, {}, JSON.stringify({ error: { message } })).kind).toBe(kind);
  });
});

describe("retryable errors", () => {
  test("an error is not retryable when the upstream says so", () => {
    expect(errorFromAnswer(500, { "x-should-retry": "false" }, "").retryable).toBe(false);
    expect(errorFromAnswer(500, { "x-should-retry": "true" }, "").retryable).toBe(true);
  });

  test("a rate limit is not retryable when the account has no credit", () => {
    expect(errorFromAnswer(429, {}, '{"error":{"code":"insufficient_quota"}}').retryable).toBe(false);
    expect(errorFromAnswer(429, {}, '{"error":{"type":"requests"}}').retryable).toBe(true);
  });
});

describe("the wait that an upstream asks for", () => {
  const now = Date.parse("Wed, 21 Oct 2026 07:28:00 GMT");

  test.each<[Record<string, string | string[]>, number | undefined]>([
    [{}, undefined],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": " 1.5 " }, 1_500],
    [{ "retry-after-ms": "250" }, 250],
    [{ "retry-after-ms": ["250"] }, 250],
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after-ms": "", "retry-after": "9" }, 9_000],
    [{ "retry-after-ms": "soon", "retry-after": "9" }, 9_000],
    [{ "retry-after": "Wed, 21 Oct 2026 07:28:05 GMT" }, 5_000],
    [{ "retry-after": "Wednesday, 21-Oct-26 07:28:05 GMT" }, 5_000],
    [{ "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, 0],
    [{ "retry-after": "" }, undefined],
    [{ "retry-after": "-3" }, undefined],
    [{ "retry-after": "Infinity" }, undefined],
    [{ "retry-after": "0x10" }, undefined],
    [{ "retry-after": "5 minutes" }, undefined],
    [{ "retry-after": "later" }, undefined],
  ])("the headers %j ask for a wait of %s ms", (headers, expected) => {
    expect(readRetryAfter(headers, now)).toBe(expected);
  });
});
