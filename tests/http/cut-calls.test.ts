import { expect, it } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { chunksOf } from "../helpers/chat-run.ts";
import { openTestApp } from "../helpers/test-app.ts";

const WEATHER = { type: "function", function: { name: "weather" } };

it.each([
  true,
  false,
])("a client's call that its own limit cut is told once, whole (stream: %s)", async (stream) => {
  await using upstream = await FakeUpstream.start([
    { text: "I look.", toolCalls: [{ name: "weather", arguments: '{"city":"U' }], finish: "length" },
    { toolCalls: [{ name: "weather", arguments: '{"city":"Ulm"}' }] },
  ]);
  const env = { LLM_PROVIDER: "chat-completions", LLM_BASE_URL: upstream.origin, LLM_MODEL: "m" };
  const app = await openTestApp({ env });
  const messages = [{ role: "user", content: "How is the weather?" }];
  const body = { stream, max_tokens: 20, messages, tools: [WEATHER] };
  const { text } = await app.ask("/v1/chat/completions", { body });
  const whole = { function: { name: "weather", arguments: '{"city":"Ulm"}' } };
  if (!stream) {
    expect(JSON.parse(text)).toMatchObject({
      choices: [{ message: { content: "I look.", tool_calls: [whole] } }],
    });
    return;
  }
  const pieces = chunksOf(text).flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
  expect(new Set(pieces.map(({ index }) => index))).toEqual(new Set([0]));
  expect(pieces.map((piece) => piece.function.arguments).join("")).toBe('{"city":"Ulm"}');
});
