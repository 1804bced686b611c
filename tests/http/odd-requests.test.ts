import { describe, expect, test } from "vitest";
import { checkAnswer } from "../contract/openapi.ts";
import { answersOf, openRaw, type RawAnswer, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const KEY = { authorization: `Bearer ${TEST_KEY}` };
const JSON_TYPE = { "content-type": "application/json" };
const BODY = JSON.stringify({ messages: [{ role: "user", content: "Hello?" }] });
const STREAM = BODY.replace("{", '{"stream":true,');

async function open() {
  const provider = scriptedProvider(() => say("Hi."));
  const app = await openTestApp({ provider });
  return { provider, raw: await openRaw(await app.listen()) };
}

/** A chat request as bytes. */
function chat(headers: Record<string, string | undefined> = {}, body = BODY): string {
  const head = { ...KEY, ...JSON_TYPE, "content-length": String(body.length), ...headers };
  return rawRequest(`POST ${CHAT} HTTP/1.1`, head, body);
}

function chunked(coding: string, version = "1.1"): string {
  const head = { ...KEY, ...JSON_TYPE, "transfer-encoding": coding };
  const body = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;
  return rawRequest(`POST ${CHAT} HTTP/${version}`, head, body);
}

/** What the error of an answer says, which must be as documented. */
function refusalIn(answer: RawAnswer | undefined) {
  if (answer === undefined) throw new Error("no answer");
  checkAnswer({ method: "GET", url: "/refused", ...answer });
  const { error } = JSON.parse(answer.text) as { error: { code: string; param: string | null } };
  return [answer.status, error.code, error.param];
}

/** The refusal of a request, after which the client sends no more, and what the model was asked. */
async function refusalOf(bytes: string) {
  const { raw, provider } = await open();
  raw.send(Buffer.from(bytes, "latin1"));
  await raw.until(/\r\n\r\n.*\}$/s);
  const [answer] = answersOf(raw.received());
  expect(provider.requests).toEqual([]);
  return refusalIn(answer);
}

describe("a header that may come once", () => {
  test.each([
    ["Host", rawRequest("GET /health HTTP/1.1\r\nHost: localhost", { host: "evil.example" })],
    ["Host", rawRequest("GET /health HTTP/1.1\r\nHost: evil.example", { host: "localhost" })],
    ["Host", rawRequest("GET /health HTTP/1.1\r\nHost: localhost", { host: "localhost" })],
    ["Authorization", `${chat().slice(0, -BODY.length - 2)}Authorization: Bearer other\r\n\r\n${BODY}`],
    ["Content-Type", `${chat().slice(0, -BODY.length - 2)}Content-Type: text/plain\r\n\r\n${BODY}`],
    ["Content-Encoding", chat({ "content-encoding": "identity\r\nContent-Encoding: gzip" })],
    ["Expect", chat({ expect: "100-continue\r\nExpect: 100-continue" })],
    ["Origin", chat({ origin: "http://a.example\r\nOrigin: http://127.0.0.1" })],
    ["Idempotency-Key", chat({ "idempotency-key": "a\r\nIdempotency-Key: b" })],
    ["X-Hermes-Operator-Key", chat({ "x-hermes-operator-key": "a\r\nX-Hermes-Operator-Key: b" })],
    ["X-Hermes-Session-Id", chat({ "x-hermes-session-id": "a\r\nX-Hermes-Session-Id: b" })],
  ])("%s sent twice is refused by a 400 that names it", async (name, bytes) => {
    const [status, code, param] = await refusalOf(bytes);
    expect([status, code, String(param).toLowerCase()]).toEqual([400, "repeated_header", name.toLowerCase()]);
  });

  test("headers that are lists may come more than once, as proxies send them", async () => {
    const { raw } = await open();
    const twice = { accept: "a/b\r\nAccept: c/d", "x-forwarded-for": "a\r\nX-Forwarded-For: b" };
    raw.send(chat({ ...twice, connection: "close" }));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200]);
  });
});

describe("an expectation", () => {
  test("an Expect other than 100-continue is refused in the envelope", async () => {
    expect(await refusalOf(chat({ expect: "200-ok" }))).toEqual([417, "expectation_failed", "Expect"]);
  });

  test.each([
    ["but has no key", { authorization: undefined }, 401],
    ["with a body beyond the limit", { "content-length": "11000000" }, 413],
    ["with another content type", { "content-type": "text/plain" }, 415],
    ["at a foreign Host", { host: "evil.example" }, 421],
  ])("a request that waits for 100 Continue %s gets the refusal at once", async (_name, headers, status) => {
    const { raw } = await open();
    raw.send(
      chat({ expect: "100-continue", ...headers }, "").replace(/content-length: 0/, "content-length: 5"),
    );
    expect(answersOf(await raw.closed).map((answer) => answer.status)).toEqual([status]);
  });
});

describe("what this server does not speak", () => {
  test.each([
    ["HTTP/2.0 without negotiation", rawRequest("GET /health HTTP/2.0"), 505, "http_version_not_supported"],
    ["HTTP/0.9", "GET /health\r\n\r\n", 400, "invalid_request"],
    ["HTTP/0.9 by name", rawRequest("GET /health HTTP/0.9"), 400, "invalid_request"],
    ["a compressed transfer", chunked("gzip, chunked"), 501, "unsupported_transfer_encoding"],
    ["a transfer that is only compressed", chunked("gzip"), 501, "unsupported_transfer_encoding"],
    ["an unknown transfer", chunked("xchunked"), 501, "unsupported_transfer_encoding"],
    ["chunks in HTTP/1.0", chunked("chunked", "1.0"), 400, "unsupported_transfer_encoding"],
    ["a tunnel", rawRequest("CONNECT evil.example:443 HTTP/1.1"), 405, "method_not_allowed"],
    ["a URL of 200 KB", rawRequest(`GET /${"a".repeat(200_000)} HTTP/1.1`), 414, "url_too_long"],
  ])("%s is refused, and the connection closed", async (_name, bytes, status, code) => {
    const { raw } = await open();
    raw.send(bytes);
    const [answer, ...more] = answersOf(await raw.closed);
    expect(refusalIn(answer).slice(0, 2)).toEqual([status, code]);
    expect(answer?.headers["connection"]).toBe("close");
    expect(more).toEqual([]);
  });

  test.each([
    "chunked",
    "Chunked",
    "\tchunked ",
  ])("a body in the transfer coding %j is read", async (coding) => {
    const { raw } = await open();
    raw.send(chunked(coding));
    await raw.until('"finish_reason":"stop"');
  });

  test.each([
    ["a method in lower case", rawRequest("get /health HTTP/1.1"), 400],
    ["TRACE", rawRequest("TRACE /health HTTP/1.1"), 405],
    ["a bad escape in the path", rawRequest("GET /v1/runs/%zz HTTP/1.1", KEY), 400],
    ["a NUL in an id", rawRequest("GET /v1/runs/%00 HTTP/1.1", KEY), 404],
    ["a signed length", chat({ "content-length": "+5" }), 400],
    ["a list of lengths", chat({ "content-length": "5, 5" }), 400],
    ["a folded header", rawRequest("GET /health HTTP/1.1\r\nx: a\r\n b", {}), 400],
    ["a space before the colon", rawRequest("GET /health HTTP/1.1", { "x ": "1" }), 400],
    ["a handshake without its key", handshake({ "sec-websocket-key": undefined }), 400],
    ["a handshake of another version", handshake({ "sec-websocket-version": "99" }), 400],
  ])("%s is refused in the envelope", async (_name, bytes, status) => {
    expect((await refusalOf(bytes))[0]).toBe(status);
  });
});

function handshake(headers: Record<string, string | undefined>): string {
  const head = {
    connection: "upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
  };
  return rawRequest("GET /v1/responses HTTP/1.1", { ...KEY, ...head, ...headers });
}

describe("what follows a request on its connection", () => {
  test.each([
    ["a whole answer", BODY],
    ["a stream", STREAM],
  ])("bytes that are no HTTP are refused after %s to the request before them", async (_name, body) => {
    const { raw } = await open();
    raw.send(`${chat({}, body)}no HTTP at all\r\n\r\n`);
    const answers = answersOf(await raw.closed);
    expect(answers.map(({ status }) => status)).toEqual([200, 400]);
    expect(answers[0]?.text).toContain("Hi.");
  });

  test("a request after one that closes the connection is not begun", async () => {
    const { raw, provider } = await open();
    raw.send(chat({ connection: "close" }) + chat());
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200]);
    expect(provider.requests).toHaveLength(1);
  });

  test("a request after one whose JSON was invalid is answered", async () => {
    const { raw, provider } = await open();
    raw.send(chat({}, '{"messages":') + chat({ connection: "close" }));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([400, 200]);
    expect(provider.requests).toHaveLength(1);
  });

  test("a request after a refusal that ends the connection is not begun", async () => {
    const { raw, provider } = await open();
    const head = { ...KEY, "content-type": "text/plain", "transfer-encoding": "chunked" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, head, "5\r\nhello\r\n0\r\n\r\n") + chat());
    const answers = answersOf(await raw.closed);
    expect(answers.map(({ status, headers }) => [status, headers["connection"]])).toEqual([[415, "close"]]);
    expect(provider.requests).toEqual([]);
  });
});
