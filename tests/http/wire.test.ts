import type { Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { checkAnswer } from "../contract/openapi.ts";
import { answersOf, openRaw, type RawAnswer, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const KEY = { authorization: `Bearer ${TEST_KEY}` };
const JSON_TYPE = { "content-type": "application/json" };
const BODY = JSON.stringify({ messages: [{ role: "user", content: "Hello?" }] });

async function open() {
  const provider = scriptedProvider(() => say("Hi."));
  const app = await openTestApp({ provider });
  const { server } = app.app.http;
  const sockets: Socket[] = [];
  server.on("connection", (socket) => sockets.push(socket));
  const origin = await app.listen();
  return { provider, origin, server, sockets, raw: await openRaw(origin) };
}

function codeOf({ text }: RawAnswer): string {
  return (JSON.parse(text) as { error: { code: string } }).error.code;
}

/** The answers on a connection after which the server closed it, each as openapi.yaml says. */
async function talk(bytes: string | Buffer): Promise<RawAnswer[]> {
  const { raw } = await open();
  raw.send(bytes);
  const answers = answersOf(await raw.closed);
  for (const answer of answers) checkAnswer({ method: "GET", url: "/refused", ...answer });
  return answers;
}

describe("what is no HTTP", () => {
  test.each([
    ["words", "hello\r\n\r\n"],
    ["a TLS handshake", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n"],
    ["a method that is none", rawRequest("GRAB /health HTTP/1.1")],
    ["a version that is none", rawRequest("GET /health HTTP/9.9")],
    ["HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["a space in a header's name", rawRequest("GET /health HTTP/1.1", { "x y": "1" })],
    ["a line feed in a header", "GET /health HTTP/1.1\r\nhost: localhost\r\nx: a\n b: c\rd\r\n\r\n"],
    ["a NUL in a header", rawRequest("GET /health HTTP/1.1", { x: "a\u0000b" })],
    ["a length that is no number", rawRequest(`POST ${CHAT} HTTP/1.1`, { "content-length": "ten" })],
    ["a negative length", rawRequest(`POST ${CHAT} HTTP/1.1`, { "content-length": "-1" })],
    ["two lengths", rawRequest(`POST ${CHAT} HTTP/1.1\r\ncontent-length: 1`, { "content-length": "2" })],
    [
      "a length and chunks, by which requests are smuggled",
      rawRequest(
        `POST ${CHAT} HTTP/1.1`,
        { "content-length": "5", "transfer-encoding": "chunked" },
        "0\r\n\r\nGET /v1/models HTTP/1.1\r\n\r\n",
      ),
    ],
    [
      "a coding that hides chunks",
      rawRequest(`POST ${CHAT} HTTP/1.1`, { "transfer-encoding": "chunked, identity" }, "0\r\n\r\n"),
    ],
    [
      "a chunk's size that is none",
      rawRequest(
        `POST ${CHAT} HTTP/1.1`,
        { ...KEY, ...JSON_TYPE, "transfer-encoding": "chunked" },
        "xyz\r\n",
      ),
    ],
  ])("%s: refused once, and the connection is closed", async (_name, bytes) => {
    const answers = await talk(Buffer.from(bytes, "latin1"));
    expect(answers.map(({ status }) => status)).toEqual([400]);
    expect(answers[0]?.headers["connection"]).toBe("close");
  });

  test("headers that are too large are a 431", async () => {
    const answers = await talk(rawRequest("GET /health HTTP/1.1", { x: "y".repeat(20_000) }));
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([[431, "headers_too_large"]]);
  });

  test("a request without a Host is refused, where the version asks for one", async () => {
    const { raw } = await open();
    raw.send(rawRequest("GET /health HTTP/1.1", { host: undefined, connection: "close" }));
    const [answer] = answersOf(await raw.closed);
    expect([answer?.status, codeOf(answer as RawAnswer)]).toEqual([400, "missing_host"]);
  });

  test("a full URL as path is refused, whatever the Host says", async () => {
    const { raw } = await open();
    raw.send(rawRequest("GET http://evil.example/health HTTP/1.1", { connection: "close" }));
    const [answer] = answersOf(await raw.closed);
    expect([answer?.status, codeOf(answer as RawAnswer)]).toEqual([400, "invalid_url"]);
  });

  test("a path with dots is what it says, and not resolved", async () => {
    const { raw } = await open();
    raw.send(rawRequest("GET /v1/nothing/../models HTTP/1.1", { ...KEY, connection: "close" }));
    const [answer] = answersOf(await raw.closed);
    expect(answer?.status).toBe(404);
  });

  test("CONNECT and upgrades get no tunnel", async () => {
    const { raw, origin } = await open();
    raw.send(rawRequest("CONNECT evil.example:443 HTTP/1.1"));
    expect(await raw.closed).not.toContain(" 200 ");
    const other = await openRaw(origin);
    other.send(rawRequest("GET /health HTTP/1.1", { connection: "upgrade", upgrade: "websocket" }));
    expect(await other.until("}")).not.toContain("HTTP/1.1 101");
  });
});

describe("a request that comes too slowly", () => {
  test("a request that comes too slowly is bounded: 20 s for its head, 2 min in all", async () => {
    const { server } = await open();
    expect([server.headersTimeout, server.requestTimeout]).toEqual([20_000, 120_000]);
  });

  test.each([
    ["its head", "POST /v1/chat/completions HTTP/1.1\r\nhost: loc"],
    ["its body", rawRequest(`POST ${CHAT} HTTP/1.1`, { ...KEY, ...JSON_TYPE, "content-length": "500" }, "{")],
  ])("a request that comes too slowly is told so when the time for %s is over, and closed", async (_name, bytes) => {
    const { raw, server, sockets } = await open();
    raw.send(bytes);
    await vi.waitFor(() => expect(sockets[0]?.bytesRead).toBe(bytes.length), { interval: 5 });
    // As Node does it, which looks only every 30 s.
    server.emit("clientError", Object.assign(new Error(), { code: "ERR_HTTP_REQUEST_TIMEOUT" }), sockets[0]);
    const answers = answersOf(await raw.closed);
    for (const answer of answers) checkAnswer({ method: "GET", url: "/refused", ...answer });
    expect(answers.map((answer) => [answer.status, codeOf(answer)])).toEqual([[408, "request_timeout"]]);
  });

  test("byte by byte is still a request", async () => {
    const { raw } = await open();
    const head = { ...KEY, ...JSON_TYPE, "content-length": String(BODY.length), connection: "close" };
    for (const byte of Buffer.from(rawRequest(`POST ${CHAT} HTTP/1.1`, head, BODY)))
      raw.send(Buffer.of(byte));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200]);
  });
});

describe("one connection", () => {
  test("one connection carries requests that come at once, answered in order", async () => {
    const { raw } = await open();
    const head = { ...KEY, ...JSON_TYPE, "content-length": String(BODY.length) };
    raw.send(
      rawRequest(`POST ${CHAT} HTTP/1.1`, head, BODY) +
        rawRequest("GET /v1/models HTTP/1.1", KEY) +
        rawRequest("GET /nowhere HTTP/1.1") +
        rawRequest("GET /health HTTP/1.1", { connection: "close" }),
    );
    const answers = answersOf(await raw.closed);
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 200]);
    expect(answers[0]?.text).toContain('"content":"Hi."');
  });

  test("one connection is used again after a refused body", async () => {
    const { raw } = await open();
    const bad = { ...KEY, "content-type": "text/plain", "content-length": "5" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, bad, "hello"));
    raw.send(rawRequest("GET /health HTTP/1.1", { connection: "close" }));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([415, 200]);
  });

  test("one connection is closed when an HTTP/1.0 client has its answer", async () => {
    const { raw } = await open();
    raw.send(rawRequest("GET /health HTTP/1.0"));
    const [answer] = answersOf(await raw.closed);
    expect(answer?.status).toBe(200);
  });

  test("one connection waits for the body only when the server says that it wants it", async () => {
    const { raw } = await open();
    const head = { ...KEY, ...JSON_TYPE, "content-length": String(BODY.length), connection: "close" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, { ...head, expect: "100-continue" }));
    await raw.until("100 Continue\r\n\r\n");
    raw.send(BODY);
    const answers = answersOf(await raw.closed);
    expect(answers.map(({ status }) => status)).toEqual([100, 200]);
  });
});

describe("a body", () => {
  test("a body may come in chunks, cut anywhere", async () => {
    const { raw } = await open();
    const head = { ...KEY, ...JSON_TYPE, "transfer-encoding": "chunked", connection: "close" };
    const text = JSON.stringify({ messages: [{ role: "user", content: "Grüße 👋" }] });
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, head));
    for (const byte of Buffer.from(text)) raw.send(Buffer.from([0x31, 13, 10, byte, 13, 10]));
    raw.send("0\r\n\r\n");
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200]);
  });

  test.each([
    ["an unknown URL", "POST /v1/nothing HTTP/1.1", KEY, 404],
    ["a wrong method", "PUT /v1/models HTTP/1.1", KEY, 405],
    ["an endpoint that is not here", "POST /v1/audio/transcriptions HTTP/1.1", KEY, 404],
    ["a missing key", `POST ${CHAT} HTTP/1.1`, {}, 401],
    ["a foreign host", `POST ${CHAT} HTTP/1.1`, { ...KEY, host: "evil.example" }, 421],
    ["a foreign page", `POST ${CHAT} HTTP/1.1`, { ...KEY, origin: "http://evil.example" }, 403],
    ["a length beyond the limit", `POST ${CHAT} HTTP/1.1`, { ...KEY, "content-length": "10000001" }, 413],
    ["a wrong content type", `POST ${CHAT} HTTP/1.1`, { ...KEY, "content-type": "text/plain" }, 415],
  ])("a body is not waited for: %s", async (_name, start, headers, status) => {
    const { raw } = await open();
    raw.send(rawRequest(start, { ...JSON_TYPE, "content-length": "1000000", ...headers }, "{"));
    await raw.until(/\r\n\r\n.*\}$/);
    expect(answersOf(raw.received()).map((answer) => answer.status)).toEqual([status]);
  });

  test("a body that grows beyond the limit in chunks is refused there, and the connection closed", async () => {
    const { raw } = await open();
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, { ...KEY, ...JSON_TYPE, "transfer-encoding": "chunked" }));
    const chunk = Buffer.concat([
      Buffer.from("100000\r\n"),
      Buffer.alloc(0x100000, 0x20),
      Buffer.from("\r\n"),
    ]);
    for (let sent = 0; sent <= 10; sent++) raw.send(chunk);
    await raw.until('"body_too_large"');
    expect(answersOf(raw.received()).map(({ status }) => status)).toEqual([413]);
    raw.send(chunk);
    await raw.closed;
  });

  test("a body of the largest size allowed is read", async () => {
    const { raw, provider } = await open();
    const content = "x".repeat(
      10_000_000 - JSON.stringify({ messages: [{ role: "user", content: "" }] }).length,
    );
    const body = JSON.stringify({ messages: [{ role: "user", content }] });
    const head = { ...KEY, ...JSON_TYPE, "content-length": String(body.length), connection: "close" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, head, body));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200]);
    expect(provider.requests).toHaveLength(1);
  });

  test("a body that breaks off starts nothing, and the server goes on", async () => {
    const { raw, provider, origin } = await open();
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, { ...KEY, ...JSON_TYPE, "content-length": "500" }, BODY));
    raw.socket.end();
    await raw.closed;
    expect((await fetch(`${origin}/health`)).status).toBe(200);
    expect(provider.requests).toEqual([]);
  });
});
