import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { checkAnswer } from "../contract/openapi.ts";
import { answersOf, openRaw, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

const CHAT = "POST /v1/chat/completions HTTP/1.1";
const KEY = { authorization: `Bearer ${TEST_KEY}` };
const JSON_TYPE = { "content-type": "application/json" };
const MB = 1_000_000;

async function open() {
  const app = await openTestApp({ provider: scriptedProvider(() => say("Hi.")) });
  return openRaw(await app.listen());
}

/** What a client gets that sends a whole body before it reads a byte; and whether its connection was reset. */
async function sendThenRead(start: string, headers: Record<string, string>, bytes: number) {
  const raw = await open();
  let reset = false;
  raw.socket.once("error", () => {
    reset = true;
  });
  raw.socket.pause();
  const isChunked = headers["transfer-encoding"] !== undefined;
  raw.send(rawRequest(start, { ...(!isChunked && { "content-length": String(bytes) }), ...headers }));
  const chunk = Buffer.alloc(MB, " ");
  for (let sent = 0; sent < bytes; sent += chunk.length) {
    if (isChunked) raw.send(`${chunk.length.toString(16)}\r\n`);
    if (!raw.socket.write(chunk)) await Promise.race([once(raw.socket, "drain"), raw.closed]);
    if (isChunked) raw.send("\r\n");
  }
  raw.socket.resume();
  const answers = answersOf(await raw.closed);
  const [method = "", url = ""] = start.split(" ");
  for (const answer of answers) checkAnswer({ method, url, ...answer });
  return { statuses: answers.map(({ status }) => status), reset };
}

describe("the refusal of a body that is still being sent", () => {
  const chunks = { "transfer-encoding": "chunked" };
  const compressed = { "content-encoding": "gzip" };
  test.each([
    ["a body beyond the limit", CHAT, { ...KEY, ...JSON_TYPE }, 413],
    ["chunks beyond the limit", CHAT, { ...KEY, ...JSON_TYPE, ...chunks }, 413],
    ["a compressed body beyond the limit", CHAT, { ...KEY, ...JSON_TYPE, ...compressed }, 413],
    ["an import beyond the limit", "POST /v1/jobs/import HTTP/1.1", { ...KEY, ...JSON_TYPE }, 413],
    ["a wrong content type", CHAT, { ...KEY, "content-type": "text/plain" }, 415],
    ["chunks of a wrong content type", CHAT, { ...KEY, "content-type": "text/plain", ...chunks }, 415],
    ["a missing key", CHAT, JSON_TYPE, 401],
    ["a foreign Host", CHAT, { ...KEY, ...JSON_TYPE, host: "evil.example" }, 421],
    ["a foreign page", CHAT, { ...KEY, ...JSON_TYPE, origin: "http://evil.example" }, 403],
    ["an unknown URL", "POST /nowhere HTTP/1.1", { ...KEY, ...JSON_TYPE }, 404],
    ["a wrong method", "PUT /v1/models HTTP/1.1", { ...KEY, ...JSON_TYPE }, 405],
    ["another transfer coding", CHAT, { ...KEY, ...JSON_TYPE, "transfer-encoding": "gzip, chunked" }, 501],
    ["another expectation", CHAT, { ...KEY, ...JSON_TYPE, expect: "x" }, 417],
    ["another version", "POST /v1/chat/completions HTTP/2.0", { ...KEY, ...JSON_TYPE }, 505],
    ["a bad escape in the path", "POST /v1/runs/%zz HTTP/1.1", { ...KEY, ...JSON_TYPE }, 400],
    ["a header without a colon", `${CHAT}\r\nbroken`, { ...KEY, ...JSON_TYPE }, 400],
    ["headers that are too large", CHAT, { ...KEY, ...JSON_TYPE, x: "y".repeat(20_000) }, 431],
  ])("the refusal of a body that is still being sent arrives whole, without a reset, for %s of 20 MB", async (_name, start, headers, status) => {
    expect(await sendThenRead(start, headers, 20 * MB)).toEqual({ statuses: [status], reset: false });
  });

  test.each([
    ["HTTP/1.0, as nginx speaks it by default", "POST /v1/chat/completions HTTP/1.0"],
    ["connection: close", `${CHAT}\r\nconnection: close`],
  ])("the refusal of a body that is still being sent arrives whole, without a reset, for a wrong key and %s", async (_name, start) => {
    const headers = { ...JSON_TYPE, authorization: "Bearer wrong" };
    expect(await sendThenRead(start, headers, 5 * MB)).toEqual({ statuses: [401], reset: false });
  });

  test("the refusal of a body that is still being sent keeps the connection when the rest is short, and the next request is answered", async () => {
    const raw = await open();
    raw.send(rawRequest(CHAT, { ...JSON_TYPE, "content-length": String(5 * MB) }));
    raw.send(Buffer.alloc(5 * MB, " "));
    raw.send(rawRequest("GET /health HTTP/1.1", { connection: "close" }));
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([401, 200]);
  });
});

test("an answer to a GET with a long body arrives whole", async () => {
  expect(await sendThenRead("GET /health HTTP/1.1", {}, 20 * MB)).toEqual({ statuses: [200], reset: false });
});
