import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";
import { WEATHER } from "../helpers/session-app.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** Answers whatever it is asked, sometimes by calls. */
const play: Play = ({ tools }, n) => {
  if (n % 7 === 0 && tools.some(({ name }) => name === "weather")) return call("weather", { city: "Oslo" });
  return n % 5 === 0 ? call("read_file", { path: "none.txt" }) : say("Hi.");
};

const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.constantFrom("", "\u0000", "\ud800", "__proto__"),
);
const json = fc.jsonValue({ maxDepth: 3, stringUnit: "binary" });
const part = fc.oneof(
  fc.record({ type: fc.constantFrom("text", "input_text", "output_text", "refusal"), text, refusal: text }),
  fc.record({
    type: fc.constantFrom("image_url", "input_image", "file", "input_audio"),
    image_url: fc.oneof(
      text,
      fc.constant("data:image/png;base64,AA=="),
      fc.record({ url: fc.constant("https://a.example/b.png"), detail: json }),
    ),
  }),
  json,
);
const content = fc.oneof(
  { weight: 8, arbitrary: text },
  { weight: 4, arbitrary: fc.array(part, { minLength: 1, maxLength: 2 }) },
  { weight: 1, arbitrary: json },
);
const id = fc.constantFrom("call_1", "call_2", `call_${"0".repeat(32)}_1`, "");
const callItem = fc.oneof(
  fc.record({
    id,
    type: fc.constant("function"),
    function: fc.record({ name: fc.constantFrom("weather", "terminal", ""), arguments: text }),
  }),
  json,
);
const message = fc.oneof(
  { weight: 5, arbitrary: fc.record({ role: fc.constantFrom("system", "developer", "user"), content }) },
  {
    weight: 3,
    arbitrary: fc.record(
      { role: fc.constant("assistant"), content, tool_calls: fc.array(callItem, { maxLength: 2 }) },
      { requiredKeys: ["role"] },
    ),
  },
  { weight: 3, arbitrary: fc.record({ role: fc.constant("tool"), tool_call_id: id, content }) },
  { weight: 1, arbitrary: json },
);

const edges = fc.constantFrom(
  0,
  1,
  -1,
  0.5,
  4,
  5,
  1e308,
  -1e308,
  2 ** 53,
  2 ** 63,
  2 ** 64,
  true,
  false,
  null,
  "",
  "1",
  [],
  {},
  [null],
);
const value = fc.oneof(edges, json);
const FIELDS = [
  ..."model stream stream_options temperature top_p presence_penalty frequency_penalty stop seed max_tokens".split(
    " ",
  ),
  ..."max_completion_tokens n logprobs top_logprobs response_format reasoning_effort tool_choice user".split(
    " ",
  ),
  ..."parallel_tool_calls service_tier metadata provider model_options store modalities functions".split(" "),
];
const fields = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  { weight: 2, arbitrary: fc.dictionary(fc.constantFrom(...FIELDS), value, { maxKeys: 3 }) },
);
const good = fc.record(
  {
    stream: fc.boolean(),
    stream_options: fc.record({ include_usage: fc.boolean() }),
    tool_choice: fc.constantFrom("auto", "none", "required", {
      type: "function",
      function: { name: "weather" },
    }),
    response_format: fc.constantFrom(
      { type: "json_object" },
      { type: "json_schema", json_schema: { name: "a" } },
    ),
    stop: fc.constantFrom("x", ["x", "y"]),
  },
  { requiredKeys: [] },
);
const body = fc
  .tuple(
    fc.oneof(fc.constant(HELLO), fc.array(message, { minLength: 1, maxLength: 4 }), json),
    good,
    fields,
    fc.boolean(),
  )
  .map(([messages, ...[right, wrong, withTools]]) => ({
    messages,
    ...(withTools && { tools: [WEATHER] }),
    ...right,
    ...wrong,
  }));
const headers = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      { "x-openwebui-task": "x" },
      { "x-hermes-tool-progress": "events" },
      { "x-hermes-session-id": "s-1" },
    ),
  },
);

describe("whatever a client sends", () => {
  test("it gets an answer as documented, and never a failure of the server", {
    timeout: 60_000,
  }, async () => {
    const { chat } = await openChat(play);
    const statuses = new Map<number, number>();
    await fc.assert(
      fc.asyncProperty(body, headers, async (request, more) => {
        // Each answer is held against openapi.yaml, the envelope with its four keys included.
        const { status } = await chat(request, more);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        expect([200, 400]).toContain(status);
      }),
      { numRuns: 800 },
    );
    // Both must have come often, or nothing was tried.
    expect(statuses.get(200)).toBeGreaterThan(20);
    expect(statuses.get(400)).toBeGreaterThan(20);
  });

  test.each(["chat-completions", "anthropic-messages"])("it can be told to a model that speaks %s", {
    timeout: 60_000,
  }, async (protocol) => {
    const upstream = await FakeUpstream.start(() => ({ text: "Hi." }));
    onTestFinished(() => upstream.close());
    const env = {
      LLM_PROVIDER: protocol,
      LLM_BASE_URL: upstream.origin,
      LLM_API_KEY: "sk-x",
      LLM_MODEL: "m",
    };
    const { ask } = await openTestApp({ env });
    await fc.assert(
      fc.asyncProperty(body, async (request) => {
        const { status, text: answer } = await ask("/v1/chat/completions", { body: request });
        expect([200, 400]).toContain(status);
        expect(answer).not.toContain('"code":"upstream');
      }),
      { numRuns: 200 },
    );

    expect(upstream.requests.length).toBeGreaterThan(10);
  });

  test("whatever a client sends in bytes that are no chat request at all, it is told so", {
    timeout: 60_000,
  }, async () => {
    const { ask } = await openChat(play);
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json({ stringUnit: "binary" }), text), async (bytes) => {
        const { status } = await ask("/v1/chat/completions", { method: "POST", body: bytes });
        expect(status).toBe(400);
      }),
      { numRuns: 200 },
    );
  });
});

describe("a field that is wrong is named", () => {
  const user = (content: unknown) => [{ role: "user", content }];
  test.each<[param: string, body: object]>([
    ["messages", { messages: undefined }],
    ["messages", { messages: null }],
    ["messages", { messages: [] }],
    ["messages", { messages: "Hello?" }],
    ["messages[0]", { messages: [null] }],
    ["messages[0].role", { messages: [{ role: "wizard", content: "x" }] }],
    ["messages[0].content", { messages: [{ role: "user" }] }],
    ["messages[0].content", { messages: user(7) }],
    ["messages[0].content[0].file", { messages: user([{ type: "file" }]) }],
    [
      "messages[0].content[0].image_url",
      { messages: user([{ type: "image_url", image_url: "file:///etc/passwd" }]) },
    ],
    ["messages[1].tool_call_id", { messages: [...HELLO, { role: "tool", content: "x" }] }],
    ["messages[1].tool_calls[0].id", { messages: [...HELLO, { role: "assistant", tool_calls: [{}] }] }],
    ["stream", { stream: "yes" }],
    ["stream", { stream: 1 }],
    ["stream_options.include_usage", { stream_options: { include_usage: "no" } }],
    ["temperature", { temperature: 2.1 }],
    ["temperature", { temperature: "1" }],
    ["top_p", { top_p: -0.1 }],
    ["presence_penalty", { presence_penalty: 2.5 }],
    ["frequency_penalty", { frequency_penalty: true }],
    ["max_tokens", { max_tokens: 0 }],
    ["max_tokens", { max_tokens: 1.5 }],
    ["max_completion_tokens", { max_completion_tokens: -1 }],
    ["seed", { seed: 1.5 }],
    ["seed", { seed: 1e30 }],
    ["stop", { stop: ["a", "b", "c", "d", "e"] }],
    ["n", { n: 2 }],
    ["logprobs", { logprobs: true }],
    ["top_logprobs", { top_logprobs: 3 }],
    ["response_format.type", { response_format: { type: "xml" } }],
    ["tools[0].function.name", { tools: [{ type: "function", function: { name: "a b" } }] }],
    ["tools[1].function.name", { tools: [WEATHER, WEATHER] }],
    ["tool_choice", { tool_choice: "required" }],
    ["tool_choice", { tools: [WEATHER], tool_choice: { type: "function", function: { name: "other" } } }],
    ["metadata.a", { metadata: { a: 1 } }],
    ["user", { user: 7 }],
    ["reasoning_effort", { reasoning_effort: "very" }],
    ["model", { model: 7 }],
  ])("%s of %j", async (param, wrong) => {
    const { chat, provider } = await openChat(play);
    for (const stream of [false, true]) {
      const answer = await chat({ stream, ...wrong });
      expect(answer.status).toBe(400);
      expect(answer.json().error).toMatchObject({ type: "invalid_request_error", param });
    }
    expect(provider.requests).toEqual([]);
  });
});
