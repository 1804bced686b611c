import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:net";
import { describe, expect, test } from "vitest";
import type { ProviderErrorKind } from "../../src/providers/provider.ts";
import { CONTEXT_LENGTH, htmlPage, QUOTA_EXCEEDED } from "../fake-upstream/faults.ts";
import type { RawReply, Reply } from "../fake-upstream/script.ts";
import { ask, connect, failure, KEY, KINDS, setUp } from "./provider-suite.ts";

const STATUSES: readonly [number, ProviderErrorKind, boolean][] = [
  [400, "bad_request", false],
  [401, "auth", false],
  [402, "auth", false],
  [403, "auth", false],
  [404, "not_found", false],
  [408, "timeout", true],
  [413, "bad_request", false],
  [422, "bad_request", false],
  [429, "rate_limit", true],
  [500, "server", true],
  [502, "server", true],
  [503, "overloaded", true],
  [504, "timeout", true],
  [529, "overloaded", true],
];

describe.each(KINDS)("errors of $protocol", (kind) => {
  describe.each([true, false])("stream: %s", (stream) => {
    const request = ask({ stream });

    test.each(
      STATUSES,
    )("the status %i is an error of kind %s, retryable: %s", async (status, expected, retryable) => {
      await using all = await setUp(kind, [{ status }]);
      const error = await failure(all.provider, request);
      expect(error).toMatchObject({ kind: expected, retryable });
      expect(error.message).not.toBe("");
      expect(error.events).toEqual([]);
    });

    test.each(
      Object.entries(CONTEXT_LENGTH),
    )("the error of %s for a conversation that is too long is recognised", async (_, reply) => {
      await using all = await setUp(kind, [reply]);
      expect(await failure(all.provider, request)).toMatchObject({
        kind: "context_length",
        retryable: false,
      });
    });

    test.each<[string, Record<string, string>, number]>([
      ["seconds", { "retry-after": "7" }, 7_000],
      ["milliseconds", { "retry-after-ms": "250", "retry-after": "9" }, 250],
      ["a date that has passed", { "retry-after": "Wed, 21 Oct 2015 07:28:00 GMT" }, 0],
    ])("a requested wait in %s is passed on", async (_, headers, retryAfterMs) => {
      await using all = await setUp(kind, [{ status: 429, headers }]);
      expect(await failure(all.provider, request)).toMatchObject({ kind: "rate_limit", retryAfterMs });
    });

    test("the error of an account without credit is not retryable", async () => {
      await using all = await setUp(kind, [QUOTA_EXCEEDED]);
      expect(await failure(all.provider, request)).toMatchObject({ kind: "rate_limit", retryable: false });
    });

    test.each<[number, ProviderErrorKind]>([
      [200, "malformed"],
      [302, "malformed"],
      [403, "auth"],
      [502, "server"],
    ])("a proxy's HTML page with status %i is an error of kind %s without its text", async (status, expected) => {
      await using all = await setUp(kind, [htmlPage(status)]);
      const error = await failure(all.provider, request);
      expect(error.kind).toBe(expected);
      expect(error.message).not.toContain("<");
    });

    test.each<[string, RawReply["body"]]>([
      ["nothing", ""],
      ["half an object", '{"choices": [{"mess'],
      ["a list", "[]"],
      ["a word", '"ok"'],
      ["null", "null"],
      ["an object of nothing", "{}"],
      ["wrong types", '{"choices": 7, "content": {"a": 1}}'],
      ["bytes", Buffer.from([0x7b, 0xff, 0x00, 0x7d])],
    ])("a body of %s is an error of kind malformed", async (_, body) => {
      await using all = await setUp(kind, [{ status: 200, body: body as string }]);
      expect(await failure(all.provider, request)).toMatchObject({ kind: "malformed", retryable: true });
    });

    test("an error object with status 200 is an error", async () => {
      await using all = await setUp(kind, [{ mode: "json", failure: true }]);
      expect(["server", "overloaded"]).toContain((await failure(all.provider, request)).kind);
    });

    test("an error message never contains the key", async () => {
      const error = { message: `Incorrect key ${KEY}.`, type: "authentication_error" };
      await using all = await setUp(kind, [{ status: 401, body: { error } }]);
      expect((await failure(all.provider, request)).message).toBe("Incorrect key [redacted].");
    });
  });

  describe("errors within a stream", () => {
    test("an error before the first delta gives no events", async () => {
      await using all = await setUp(kind, [{ failure: true }]);
      const error = await failure(all.provider);
      expect(error).toMatchObject({ kind: kind.wire === "chat" ? "server" : "overloaded", retryable: true });
      expect(error.events).toEqual([]);
    });

    test("an error after some text keeps the events of that text", async () => {
      await using all = await setUp(kind, [{ text: "one two", failure: true }]);
      const error = await failure(all.provider);
      expect(error.events.map((event) => (event.type === "delta" ? event.delta : ""))).toContain("one");
    });

    test.each<[Record<string, unknown>, ProviderErrorKind, boolean]>([
      [{ type: "overloaded_error", message: "Overloaded" }, "overloaded", true],
      [{ type: "api_error", message: "Internal server error" }, "server", true],
      [{ type: "rate_limit_error", message: "Too many tokens in this minute" }, "rate_limit", true],
      [{ type: "authentication_error", message: "invalid x-api-key" }, "auth", false],
      [{ type: "permission_error", message: "no" }, "auth", false],
      [{ type: "not_found_error", message: "model: x" }, "not_found", false],
      [{ type: "timeout_error", message: "Request timed out." }, "timeout", true],
      [{ type: "invalid_request_error", message: "messages: at least one" }, "bad_request", false],
      [{ type: "invalid_request_error", message: "prompt is too long: 2 > 1" }, "context_length", false],
      [{ type: "insufficient_quota", code: "insufficient_quota", message: "pay" }, "rate_limit", false],
      [{ code: 503, message: "no healthy upstream" }, "overloaded", true],
      [{ code: "context_length_exceeded", message: "x" }, "context_length", false],
      [{}, "server", true],
    ])("the error object %j is an error of kind %s, retryable: %s", async (error, expected, retryable) => {
      await using all = await setUp(kind, [{ text: "x", failure: { type: "error", error } }]);
      const { message, ...thrown } = await failure(all.provider);
      expect(thrown).toMatchObject({ kind: expected, retryable });
      expect(message).not.toBe("");
    });

    test("an error after the finish reason fails the call", async () => {
      const late: Reply = {
        text: "x",
        edits: [(items) => [...items.slice(0, -1), { data: '{"type":"error","error":{"message":"late"}}' }]],
      };
      await using all = await setUp(kind, [late]);
      expect((await failure(all.provider)).message).toBe("late");
    });
  });

  const head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
  test.each<[string, ProviderErrorKind, string]>([
    ["no HTTP", "malformed", "SSH-2.0-OpenSSH_9.6\r\n"],
    ["chunks without a length", "malformed", `${head}transfer-encoding: chunked\r\n\r\nzz\r\nhello`],
    ["fewer bytes than it says", "truncated", `${head}content-length: 50\r\nconnection: close\r\n\r\ndata:`],
    [
      "chunks that break off",
      "truncated",
      `${head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n5\r\ndata:\r\n`,
    ],
  ])("an answer of %s is an error of kind %s", async (_, expected, bytes) => {
    const { server, origin } = await listen(bytes);
    const provider = connect(kind, origin);
    expect(await failure(provider)).toMatchObject({ kind: expected });
    await provider.close();
    server.close();
  });

  test("an interim answer is ignored", async () => {
    const body = '{"error":{"message":"gone"}}';
    const early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    const answer = `HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const { server, origin } = await listen(early + answer + body);
    const provider = connect(kind, origin);
    expect(await failure(provider)).toMatchObject({ kind: "not_found", message: "gone" });
    await provider.close();
    server.close();
  });
});

test("a choice whose finish reason is an error fails the call", async () => {
  const error = { message: "Provider returned error", code: 502 };
  const choices = [{ index: 0, delta: {}, finish_reason: "error", error }];
  const [chat] = KINDS;
  await using all = await setUp(chat!, [
    {
      text: "x",
      finish: null,
      edits: [(items) => [...items.slice(0, 2), { data: JSON.stringify({ choices }) }]],
    },
    { text: "x", finish: "error" },
  ]);
  expect(await failure(all.provider)).toMatchObject({ kind: "server", message: "Provider returned error" });
  expect((await failure(all.provider)).kind).toBe("server");
});

/** A server that says the same to whoever connects, and closes. */
async function listen(bytes: string): Promise<{ server: Server; origin: string }> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(bytes));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
