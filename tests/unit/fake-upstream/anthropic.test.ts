import Anthropic from "@anthropic-ai/sdk";
import { describe, expect, test } from "vitest";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";
import { asMessages } from "../../fake-upstream/request.ts";
import type { Answer } from "../../fake-upstream/script.ts";
import { collect } from "../../helpers/collect.ts";

const ASK = { model: "m", max_tokens: 100, messages: [{ role: "user" as const, content: "Hi" }] };

const RICH: Answer = {
  reasoning: "Let me think.",
  signature: "c2ln",
  redacted: "ZW5j",
  text: "I will add ünd 😀",
  toolCalls: [
    { name: "add", arguments: { a: 1, b: [2] } },
    { name: "now", arguments: "" },
  ],
  more: [{ reasoning: "And then?", text: "Done." }],
  usage: { inputTokens: 30, outputTokens: 11, cachedTokens: 20, reasoningTokens: 5 },
};

function clientOf(upstream: FakeUpstream): Anthropic {
  return new Anthropic({ baseURL: upstream.origin, apiKey: "sk-ant-fake", maxRetries: 0 });
}

function eventsOf(upstream: FakeUpstream): Promise<Anthropic.RawMessageStreamEvent[]> {
  return clientOf(upstream)
    .messages.create({ ...ASK, stream: true })
    .then(collect);
}

describe("the Anthropic SDK reads the fake's messages", () => {
  test("an answer in one piece", async () => {
    await using upstream = await FakeUpstream.start([RICH]);
    const message = await clientOf(upstream).messages.create(ASK);
    expect(message.content).toEqual([
      { type: "thinking", thinking: "Let me think.", signature: "c2ln" },
      { type: "redacted_thinking", data: "ZW5j" },
      { type: "text", text: "I will add ünd 😀", citations: null },
      expect.objectContaining({ type: "tool_use", name: "add", input: { a: 1, b: [2] } }),
      expect.objectContaining({ type: "tool_use", name: "now", input: "" }),
      { type: "thinking", thinking: "And then?", signature: "" },
      { type: "text", text: "Done.", citations: null },
    ]);
    expect(message).toMatchObject({ stop_reason: "tool_use", model: "m", _request_id: "req_fake_1" });
    expect(message.usage).toMatchObject({
      input_tokens: 10,
      cache_read_input_tokens: 20,
      output_tokens: 11,
      output_tokens_details: { thinking_tokens: 5 },
    });
    expect(asMessages(await upstream.requestArrived())).toEqual(ASK);
  });

  test("a stream, whose helper adds it up to the same message", async () => {
    const reply = { ...RICH, toolCalls: [{ id: "t", name: "add", arguments: { a: 1, b: [2] } }] };
    await using upstream = await FakeUpstream.start([reply, reply]);
    const client = clientOf(upstream);
    const streamed = await client.messages.stream(ASK).finalMessage();
    const whole = await client.messages.create(ASK);
    const plain = (message: Anthropic.Message): unknown => JSON.parse(JSON.stringify(message.content));
    expect(plain(streamed)).toEqual(plain(whole));
    expect(streamed.usage).toEqual(whole.usage);
    expect(streamed.stop_reason).toBe("tool_use");
  });

  test("every event in its place", async () => {
    await using upstream = await FakeUpstream.start([
      { reasoning: "Hm.", signature: "s", text: "a b", toolCalls: [{ name: "f", arguments: { x: 1 } }] },
    ]);
    const names = (await eventsOf(upstream)).map((event) =>
      event.type === "content_block_delta" ? event.delta.type : event.type,
    );
    expect(names).toEqual([
      "message_start",
      ...["content_block_start", "thinking_delta", "signature_delta", "content_block_stop"],
      ...["content_block_start", "text_delta", "text_delta", "content_block_stop"],
      ...["content_block_start", "input_json_delta", "content_block_stop"],
      ...["message_delta", "message_stop"],
    ]);
  });

  test("parallel calls, interleaved", async () => {
    const toolCalls = [
      { name: "a", arguments: '{"x":1}' },
      { name: "b", arguments: '{"y":2}' },
    ];
    const reply: Answer = { toolCalls, interleave: true, deltas: 3, text: "Now" };
    await using upstream = await FakeUpstream.start([reply, reply]);
    const indexes = (await eventsOf(upstream)).flatMap((event) => ("index" in event ? [event.index] : []));
    expect(indexes).toEqual([0, 0, 0, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    const message = await clientOf(upstream).messages.stream(ASK).finalMessage();
    expect(message.content.map((block) => (block.type === "tool_use" ? block.input : 0))).toEqual([
      0,
      { x: 1 },
      { y: 2 },
    ]);
  });

  test("finish reasons in Anthropic's words, and others as they are", async () => {
    const finishes = ["stop", "length", "tool_calls", "content_filter", "pause_turn"];
    await using upstream = await FakeUpstream.start(finishes.map((finish) => ({ text: "x", finish })));
    const reasons: unknown[] = [];
    for (const _ of finishes) reasons.push((await clientOf(upstream).messages.create(ASK)).stop_reason);
    expect(reasons).toEqual(["end_turn", "max_tokens", "tool_use", "refusal", "pause_turn"]);
  });

  test("models and token counts", async () => {
    await using upstream = await FakeUpstream.start([], { models: ["a", "b"], inputTokens: 42 });
    const client = clientOf(upstream);
    expect((await collect(client.models.list())).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(await client.messages.countTokens(ASK)).toMatchObject({ input_tokens: 42 });
  });

  test("an overload inside the stream, and errors by status", async () => {
    const statuses = [401, 404, 429, 529];
    await using upstream = await FakeUpstream.start([
      { text: "Hel", failure: true },
      ...statuses.map((status) => ({ status })),
    ]);
    await expect(eventsOf(upstream)).rejects.toMatchObject({ type: "overloaded_error" });
    const types: unknown[] = [];
    for (const _ of statuses) {
      const error: unknown = await clientOf(upstream)
        .messages.create(ASK)
        .catch((e: unknown) => e);
      types.push((error as InstanceType<typeof Anthropic.APIError>).type);
    }
    expect(types).toEqual([
      "authentication_error",
      "not_found_error",
      "rate_limit_error",
      "overloaded_error",
    ]);
  });
});
