import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
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

  test("of a repeated key the last one counts", async () => {
    const { ask, provider } = await open();
    const body = `{"messages":"none","model":"a","model":"b","messages":${JSON.stringify(HELLO)}}`;
    const answer = await ask(CHAT, { body });
    expect([answer.status, answer.json().model]).toEqual([200, "b"]);
    expect(provider.requests).toHaveLength(1);
  });

  test("very deep nesting is read or refused, and harms nobody", async () => {
    const { ask } = await open();
    const deep = `${'{"a":'.repeat(100_000)}1${"}".repeat(100_000)}`;
    const within = await ask(CHAT, { body: `{"messages":${JSON.stringify(HELLO)},"unknown":${deep}}` });
    expect([200, 400]).toContain(within.status);
    const tool = {
      type: "function",
      function: { name: "f", parameters: JSON.parse(`{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`) },
    };
    const nested = await ask(CHAT, { body: { messages: HELLO, tools: [tool] } });
    expect([200, 400]).toContain(nested.status);
    expect((await ask("/health")).status).toBe(200);
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

  test("all of Unicode comes through", async () => {
    const { ask, provider } = await open();
    const content = "Grüße 👩‍👩‍👧 \u0000 \ud83d \u2028 日本語";
    expect((await ask(CHAT, { body: { messages: [{ role: "user", content }] } })).status).toBe(200);
    expect(JSON.stringify(provider.requests[0]?.items)).toContain("日本語");
  });
});
