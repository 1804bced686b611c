import { describe, expect, onTestFinished, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import type { Reply } from "../fake-upstream/script.ts";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { type Chunk, contentOf, framesOf } from "../helpers/frames.ts";
import { call, fail, say } from "../helpers/scripted-provider.ts";
import { openTestApp, type TestAnswer } from "../helpers/test-app.ts";

/** A server whose upstream answers so; nothing is tried twice unless `retries` says so. */
async function open(script: readonly Reply[], llm: object = {}) {
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const { ask } = await openTestApp({
    env: {
      LLM_PROVIDER: "chat-completions",
      LLM_BASE_URL: upstream.origin,
      LLM_API_KEY: "sk-upstream-canary",
      LLM_MODEL: "m",
    },
    config: { llm: { max_retries: 0, timeout_seconds: 5, ...llm } },
  });
  const chat = (stream = false) => ask("/v1/chat/completions", { body: { messages: HELLO, stream } });
  return { chat, upstream };
}

/** The error that a stream ends with. */
function errorIn({ status, text }: TestAnswer): Chunk {
  expect(status).toBe(200);
  return JSON.parse(framesOf(text).at(-2)?.data ?? "") as Chunk;
}

const tooLong = {
  error: { message: "maximum context length is 10 tokens", code: "context_length_exceeded" },
};
const later = { "retry-after": "7" };

interface Fault {
  name: string;
  reply: Reply;
  llm?: object;
  status: number;
  code: string;
  /** `x-should-retry`; undefined leaves it to the status. */
  shouldRetry?: "false";
  retryAfter?: string;
}

const FAULTS: Fault[] = [
  { name: "400", reply: { status: 400 }, status: 400, code: "upstream_rejected" },
  { name: "422", reply: { status: 422 }, status: 400, code: "upstream_rejected" },
  {
    name: "a conversation too long",
    reply: { status: 400, body: tooLong },
    status: 400,
    code: "context_length_exceeded",
  },
  { name: "401", reply: { status: 401 }, status: 502, code: "upstream_auth_failed", shouldRetry: "false" },
  { name: "403", reply: { status: 403 }, status: 502, code: "upstream_auth_failed", shouldRetry: "false" },
  {
    name: "404",
    reply: { status: 404 },
    status: 502,
    code: "upstream_model_not_found",
    shouldRetry: "false",
  },
  {
    name: "429",
    reply: { status: 429, headers: later },
    status: 429,
    code: "upstream_rate_limited",
    retryAfter: "7",
  },
  {
    name: "429 without a time",
    reply: { status: 429 },
    status: 429,
    code: "upstream_rate_limited",
    retryAfter: "1",
  },
  { name: "500", reply: { status: 500 }, status: 502, code: "upstream_error" },
  { name: "502", reply: { status: 502 }, status: 502, code: "upstream_error" },
  {
    name: "503",
    reply: { status: 503, headers: later },
    status: 503,
    code: "upstream_overloaded",
    retryAfter: "7",
  },
  { name: "529", reply: { status: 529 }, status: 503, code: "upstream_overloaded" },
  {
    name: "a cut before the head",
    reply: { text: "x", cut: "before-headers" },
    status: 502,
    code: "upstream_unreachable",
  },
  {
    name: "a reset",
    reply: { text: "x", reset: "before-headers" },
    status: 502,
    code: "upstream_unreachable",
  },
  { name: "no JSON", reply: { status: 200, body: "<html>" }, status: 502, code: "upstream_malformed" },
  {
    name: "silence",
    reply: { text: "x", stall: "before-headers" },
    llm: { timeout_seconds: 0.1, idle_timeout_seconds: 0.1 },
    status: 504,
    code: "upstream_timeout",
    shouldRetry: "false",
  },
];

describe("an upstream that answers with", () => {
  test.each(FAULTS)("$name is a $status $code", async ({
    reply,
    llm,
    status,
    code,
    shouldRetry,
    retryAfter,
  }) => {
    const { chat } = await open([reply], llm);
    const answer = await chat();
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    expect(answer.headers["x-should-retry"]).toBe(shouldRetry);
    expect(answer.headers["retry-after"]).toBe(retryAfter);
    expect(answer.json().hermes["run_id"]).toBe(answer.headers["x-hermes-run-id"]);
    expect(answer.text).not.toContain("canary");
  });

  test.each(FAULTS)("$name is the same error within a stream", async ({ reply, llm, code }) => {
    const { chat } = await open([reply], llm);
    const answer = await chat(true);
    const { error, hermes } = errorIn(answer);
    expect(error?.code).toBe(code);
    expect(hermes?.["run_id"]).toBe(answer.headers["x-hermes-run-id"]);
    expect(contentOf(answer.text)).toBe("");
  });

  test("a stream that is cut is an error after the text so far, and never an end", async () => {
    const { chat } = await open([{ text: "One two three", cut: { events: 3 } }]);
    const answer = await chat(true);
    expect(contentOf(answer.text)).toMatch(/^One/);
    expect(errorIn(answer).error?.code).toMatch(/^upstream_(truncated|unreachable)$/);
    expect(answer.text).not.toContain('"finish_reason":"stop"');
  });

  test("a stream without a finish reason is cut off", async () => {
    const { chat } = await open([{ text: "One two", finish: null }]);
    expect(errorIn(await chat(true)).error?.code).toBe("upstream_truncated");
  });

  test("a failure that passes is not seen: it is tried again before the first word", async () => {
    const { chat, upstream } = await open([{ status: 503 }, { text: "Now." }], { max_retries: 1 });
    const answer = await chat(true);
    expect(contentOf(answer.text)).toBe("Now.");
    expect(upstream.requests).toHaveLength(2);
  });
});

describe("a failure after a tool ran", () => {
  test.each([
    [
      "that may have changed something tells nobody to repeat it",
      call("write_file", { path: "a", content: "b" }),
      "false",
    ],
    ["that only read leaves it to the client", call("read_file", { path: "a" }), undefined],
  ])("%s", async (_name, tool, shouldRetry) => {
    const { chat } = await openChat([tool, fail("server"), tool, fail("server")]);
    const whole = await chat();
    expect([whole.status, whole.headers["x-should-retry"]]).toEqual([502, shouldRetry]);
    const { hermes } = errorIn(await chat({ stream: true }));
    expect(hermes?.["should_retry"]).toBe(shouldRetry === undefined ? undefined : false);
  });
});

test("a model that repeats itself is told at the third time and stopped at the fifth", async () => {
  const { chat, provider } = await openChat(() => call("read_file", { path: "a.txt" }), {
    files: { "a.txt": "a" },
  });
  const answer = await chat();
  expect([answer.status, answer.json().error.code]).toEqual([502, "tool_loop"]);
  expect(answer.headers["x-should-retry"]).toBe("false");
  expect(provider.requests).toHaveLength(5);
  const told = provider.requests.map(({ items }) => items.filter(({ type }) => type === "message").length);
  expect(told).toEqual([1, 1, 1, 2, 2]);
});

test("a fault of ours is a 500 that tells nothing; the log tells all, under the run's id", async () => {
  const { chat, log } = await openChat([fail(new Error("the secret cause"))], { faultsExpected: true });
  const answer = await chat();
  expect([answer.status, answer.json().error.code]).toEqual([500, "internal_error"]);
  expect(answer.text).not.toContain("secret");
  expect(log).toMatchObject([
    { err: { message: "the secret cause" }, run: answer.headers["x-hermes-run-id"], msg: "internal error" },
  ]);
});

test("an invalid tool call goes back to the model, and the run goes on", async () => {
  const { chat, provider } = await openChat([
    call("no_such_tool"),
    call("read_file", '{"path":'),
    call("read_file", { path: 7 }),
    say("Sorry."),
  ]);
  expect((await chat()).json().choices[0]?.message.content).toBe("Sorry.");
  const results = provider.requests[3]?.items.filter(({ type }) => type === "function_call_output");
  expect(results).toHaveLength(3);
  expect(results?.every((item) => "is_error" in item && item.is_error)).toBe(true);
});
