import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { describe, expect, it } from "vitest";
import {
  type ApiError,
  draining,
  internalError,
  invalidApiKey,
  invalidRequest,
  toolLoop,
  tooManyRequests,
} from "../../../src/domain/error.ts";
import { envelope, failureHeaders, handleError } from "../../../src/http/errors.ts";

/** What a client gets for an error, and what the log gets. */
function answer(error: FastifyError | ApiError) {
  const sent = {
    status: 0,
    headers: {} as Record<string, string>,
    body: undefined as unknown,
    logged: [] as unknown[],
  };
  const reply = {
    code(status: number) {
      sent.status = status;
      return reply;
    },
    headers(headers: Record<string, string>) {
      sent.headers = headers;
      return reply;
    },
    send(body: unknown) {
      sent.body = body;
    },
  };
  const request = { id: "req_1", log: { error: (line: unknown) => sent.logged.push(line) } };
  handleError(error, request as unknown as FastifyRequest, reply as unknown as FastifyReply);
  return sent;
}

const http = (code: string, statusCode?: number): FastifyError =>
  Object.assign(new Error("internal words"), {
    code,
    name: "FastifyError",
    ...(statusCode && { statusCode }),
  });

describe("the envelope", () => {
  it("the envelope has all four keys, in OpenAI's order", () => {
    expect(JSON.stringify(envelope(invalidRequest(undefined, "No.").failure))).toBe(
      '{"error":{"message":"No.","type":"invalid_request_error","param":null,"code":"invalid_value"}}',
    );
    expect(envelope(invalidRequest("stop", "No.").failure).error.param).toBe("stop");
  });

  it.each([
    ["FST_ERR_CTP_INVALID_JSON_BODY", 400, "invalid_json"],
    ["FST_ERR_CTP_EMPTY_JSON_BODY", 400, "invalid_json"],
    ["FST_ERR_CTP_BODY_TOO_LARGE", 413, "body_too_large"],
    ["FST_ERR_CTP_INVALID_MEDIA_TYPE", 415, "unsupported_media_type"],
    ["FST_ERR_CTP_INVALID_CONTENT_LENGTH", 400, "invalid_content_length"],
  ])("%s of Fastify is a %i %s", (code, status, expected) => {
    const { body, status: given } = answer(http(code, status));
    expect([given, body]).toMatchObject([
      status,
      { error: { code: expected, type: "invalid_request_error" } },
    ]);
    expect(JSON.stringify(body)).not.toContain("internal words");
  });

  it("another refusal of Fastify is a 400 with none of its words", () => {
    const { status, body } = answer(http("FST_ERR_SOMETHING", 417));
    expect([status, body]).toMatchObject([400, { error: { code: "invalid_request" } }]);
    expect(JSON.stringify(body)).not.toContain("internal words");
  });

  it("a fault of ours is a 500 that tells nothing, and a line in the log that tells all", () => {
    const fault = Object.assign(new TypeError("cannot read the secret"), { code: "ERR_X" }) as FastifyError;
    const { status, body, logged } = answer(fault);
    expect([status, body]).toEqual([500, envelope(internalError())]);
    expect(JSON.stringify(body)).not.toContain("secret");
    expect(logged).toEqual([{ err: fault, requestId: "req_1" }]);
  });

  it("what a client did wrong is not logged as a fault", () => {
    expect(answer(invalidRequest("stop", "No.")).logged).toEqual([]);
    expect(answer(http("FST_ERR_CTP_BODY_TOO_LARGE", 413)).logged).toEqual([]);
  });
});

describe("headers of a failure", () => {
  it("a wait is told in whole seconds, at least one, and in ms", () => {
    expect(failureHeaders(tooManyRequests("Later.", 1).failure)).toMatchObject({
      "retry-after": "1",
      "retry-after-ms": "1",
    });
    expect(failureHeaders(tooManyRequests("Later.", 2_500.4).failure)).toMatchObject({
      "retry-after": "3",
      "retry-after-ms": "2501",
    });
    expect(failureHeaders(draining().failure)["retry-after"]).toBe("1");
  });

  it("SDKs are told not to repeat what must not be", () => {
    expect(failureHeaders(toolLoop("terminal", 5))).toEqual({ "x-should-retry": "false" });
  });

  it("a 401 names the scheme, and other failures need nothing", () => {
    expect(failureHeaders(invalidApiKey("No.").failure)).toEqual({
      "www-authenticate": 'Bearer realm="hermes"',
    });
    expect(failureHeaders(invalidRequest("stop", "No.").failure)).toEqual({});
  });
});
