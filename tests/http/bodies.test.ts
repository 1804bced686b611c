import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { openRaw, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY, type TestRequest } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const HELLO = [{ role: "user", content: "Hello?" }];

async function open() {
  const provider = scriptedProvider(() => say("Hi."));
  return { provider, ...(await openTestApp({ provider })) };
}

/** What a body is answered with: its status, error code and param. */
async function refusal(body: unknown, headers: TestRequest["headers"] = {}) {
  const { ask, provider } = await open();
  const answer = await ask(CHAT, { method: "POST", body, headers });
  expect(provider.requests).toEqual([]);
  const { code, param } = answer.json().error;
  return [answer.status, code, param];
}

describe("a body that is no JSON object", () => {
  test.each([
    ["text", "hello"],
    ["a cut object", '{"messages": ['],
    ["an object and more", '{"messages": []} {}'],
    ["a byte order mark alone", "\uFEFF"],
    ["white space", "  \n "],
    ["NaN", '{"temperature": NaN}'],
    ["single quotes", "{'messages': []}"],
    ["a trailing comma", '{"messages": [],}'],
    ["a comment", '{"messages": [] /* none */}'],
    ["a control character in a string", '{"model": "a\u0001b"}'],
  ])("%s is invalid JSON", async (_name, body) => {
    expect(await refusal(body)).toEqual([400, "invalid_json", null]);
  });

  test.each([["null"], ["[]"], ['"text"'], ["1"], ["true"], ["[{}]"]])("%s is refused", async (body) => {
    const [status, code, param] = await refusal(body);
    expect([status, param]).toEqual([400, null]);
    expect(code).toMatch(/^(invalid_value|missing_required_parameter)$/);
  });

  test("nothing at all says what is missing, with and without a content type", async () => {
    expect(await refusal("")).toEqual([400, "missing_required_parameter", null]);
    expect(await refusal(undefined)).toEqual([400, "missing_required_parameter", null]);
  });
});

describe("JSON that means more than it says", () => {
  test("keys that would change objects' prototypes are refused", async () => {
    const body = (text: string) => `{"messages":${JSON.stringify(HELLO)},${text}}`;
    expect(await refusal(body('"__proto__":{"model":"x"}'))).toEqual([400, "invalid_json", null]);
    expect(await refusal(body('"metadata":{"constructor":{"prototype":{"x":1}}}'))).toEqual([
      400,
      "invalid_json",
      null,
    ]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });

  test("JSON that means more than it says of a repeated key the last one counts", async () => {
    const { ask, provider } = await open();
    const body = `{"messages":"none","model":"a","model":"b","messages":${JSON.stringify(HELLO)}}`;
    const answer = await ask(CHAT, { body });
    expect([answer.status, answer.json().model]).toEqual([200, "b"]);
    expect(provider.requests).toHaveLength(1);
  });
});

describe("a body that holds more than anybody sends", () => {
  const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`;
  const beside = (field: string, value: string) =>
    `{"messages":${JSON.stringify(HELLO)},"${field}":${value}}`;

  test.each([
    ["values in a field that nobody reads", beside("unknown", `[${"{},".repeat(100_000)}{}]`)],
    ["keys in a field that nobody reads", beside("unknown", `{${'"a":0,'.repeat(100_000)}"a":0}`)],
    ["levels in a field that nobody reads", beside("unknown", deep(100_000))],
    ["levels in a field that is passed on", beside("metadata", deep(100_000))],
    ["values, and is no JSON", "[".repeat(100) + ",".repeat(100_000)],
  ])("a body that holds more than anybody sends in %s is refused before it is read", async (_name, body) => {
    expect(await refusal(body)).toEqual([400, "body_too_complex", null]);
  });

  test("a body that holds more than anybody sends is refused with less nesting where it is known how deep a field can be", async () => {
    const tool = `{"type":"function","function":{"name":"f","parameters":${deep(102)}}}`;
    const param = "tools[0].function.parameters";
    expect(await refusal(beside("tools", `[${tool}]`))).toEqual([400, "invalid_value", param]);
  });

  test("a body that holds more than anybody sends is answered when all of it has come, on a connection that reads late", async () => {
    const { listen, talk } = await open();
    await listen();
    const raw = await talk({ messages: HELLO, unknown: Array(3_000_000).fill(0) });
    expect(await raw.until("body_too_complex")).toContain("400 Bad Request");
  });
});

describe("the bytes of a body", () => {
  test.each([
    ["no type", undefined],
    ["text", "text/plain"],
    ["a form", "application/x-www-form-urlencoded"],
    ["multipart", "multipart/form-data; boundary=x"],
    ["XML", "application/xml"],
    ["no type at all", ""],
  ])("%s as content type is refused", async (_name, type) => {
    expect(await refusal({ messages: HELLO }, { "content-type": type })).toEqual([
      415,
      "unsupported_media_type",
      null,
    ]);
  });

  test.each([
    ["application/json; charset=utf-8"],
    ["application/json;charset=UTF-8"],
    ["Application/JSON"],
    ['application/json; charset="utf-8"'],
  ])("%s is JSON", async (type) => {
    const { ask } = await open();
    const answer = await ask(CHAT, { body: { messages: HELLO }, headers: { "content-type": type } });
    expect(answer.status).toBe(200);
  });

  test.each([
    ["iso-8859-1"],
    ["utf-16"],
    ["utf-16le"],
    ["windows-1252"],
  ])("a charset %s is refused, not guessed", async (charset) => {
    const type = `application/json; charset=${charset}`;
    expect(await refusal({ messages: HELLO }, { "content-type": type })).toEqual([
      415,
      "unsupported_media_type",
      null,
    ]);
  });

  test.each([
    ["gzip"],
    ["deflate"],
    ["br"],
    ["zstd"],
    ["identity, gzip"],
  ])("a body under content encoding %s is refused", async (encoding) => {
    expect(await refusal({ messages: HELLO }, { "content-encoding": encoding })).toEqual([
      415,
      "unsupported_content_encoding",
      null,
    ]);
  });

  test("one that is said to be identity is taken", async () => {
    const { ask } = await open();
    const headers = { "content-encoding": "identity" };
    expect((await ask(CHAT, { body: { messages: HELLO }, headers })).status).toBe(200);
  });

  test.each([
    ["Latin-1", Buffer.from('{"messages":[{"role":"user","content":"Gr\u00fc\u00dfe"}]}', "latin1")],
    [
      "a cut character",
      Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xf0, 0x9f, 0x98]), Buffer.from('"}')]),
    ],
    ["UTF-16", Buffer.from('{"messages":[]}', "utf16le")],
    [
      "a surrogate in UTF-8",
      Buffer.concat([Buffer.from('{"model":"'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"}')]),
    ],
    ["gzip without saying so", gzipSync('{"messages":[]}')],
  ])("%s is not UTF-8, and is not read as if it were", async (_name, bytes) => {
    const { app, provider } = await open();
    const headers = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
    const answer = await app.http.inject({ method: "POST", url: CHAT, headers, payload: bytes });
    expect([answer.statusCode, answer.json().error.code]).toEqual([400, "invalid_json"]);
    expect(provider.requests).toEqual([]);
  });

  test.each([1, 2, 3, 5, 7])("characters that come in pieces of %i bytes are whole again", async (length) => {
    const { listen, provider } = await open();
    const raw = await openRaw(await listen());
    raw.socket.setNoDelay(true);
    const content = "Grüße 👩‍👩‍👧 日本語 ".repeat(5);
    const bytes = Buffer.from(JSON.stringify({ messages: [{ role: "user", content }] }));
    const head = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, { ...head, "transfer-encoding": "chunked" }));
    for (let at = 0; at < bytes.length; at += length) {
      const piece = bytes.subarray(at, at + length);
      raw.send(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from("\r\n")]));
    }
    raw.send("0\r\n\r\n");
    expect(await raw.until("\r\n\r\n")).toContain("200 OK");
    expect(JSON.stringify(provider.requests[0]?.items)).toContain(content);
  });

  test("a character that is cut for good is refused, in however many pieces it comes", async () => {
    const { listen } = await open();
    const raw = await openRaw(await listen());
    const head = { authorization: `Bearer ${TEST_KEY}`, "content-type": "application/json" };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, { ...head, "transfer-encoding": "chunked" }));
    for (const piece of ['{"model":"', "\xf0", "\x9f"]) {
      raw.send(Buffer.from(`${piece.length.toString(16)}\r\n${piece}\r\n`, "latin1"));
    }
    raw.send("0\r\n\r\n");
    expect(await raw.until("The body is not UTF-8.")).toContain("400 Bad Request");
  });

  test("all of Unicode comes through", async () => {
    const { ask, provider } = await open();
    const content = "Grüße 👩‍👩‍👧 \u0000 \ud83d \u2028 日本語";
    expect((await ask(CHAT, { body: { messages: [{ role: "user", content }] } })).status).toBe(200);
    expect(JSON.stringify(provider.requests[0]?.items)).toContain("日本語");
  });
});
