import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { EMPTY_CHOICES } from "../../fake-upstream/edits.ts";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";
import { asChat } from "../../fake-upstream/request.ts";
import { collect } from "../../helpers/collect.ts";

const ASK = { model: "m", messages: [{ role: "user" as const, content: "Hi" }] };
const STREAM = { ...ASK, stream: true as const };

function clientOf(upstream: FakeUpstream, baseURL = upstream.openaiBaseURL): OpenAI {
  return new OpenAI({ baseURL, apiKey: "sk-fake", maxRetries: 0 });
}

async function chunksOf(upstream: FakeUpstream, options: object = {}): Promise<OpenAI.ChatCompletionChunk[]> {
  const stream = await clientOf(upstream).chat.completions.create({ ...STREAM, ...options });
  return collect(stream);
}

describe("the openai SDK reads the fake's chat completions", () => {
  test("an answer in one piece", async () => {
    const usage = { inputTokens: 20, outputTokens: 9, cachedTokens: 8, reasoningTokens: 4 };
    await using upstream = await FakeUpstream.start([{ reasoning: "Hm.", text: "Hello there", usage }]);
    const completion = await clientOf(upstream).chat.completions.create(ASK);
    expect(completion.choices).toEqual([
      {
        index: 0,
        finish_reason: "stop",
        logprobs: null,
        message: { role: "assistant", content: "Hello there", refusal: null, reasoning_content: "Hm." },
      },
    ]);
    expect(completion.usage).toMatchObject({
      prompt_tokens: 20,
      completion_tokens: 9,
      total_tokens: 29,
      prompt_tokens_details: { cached_tokens: 8 },
      completion_tokens_details: { reasoning_tokens: 4 },
    });
    expect(completion).toMatchObject({ model: "m", object: "chat.completion", _request_id: "req_fake_1" });
    expect(asChat(await upstream.requestArrived())).toEqual(ASK);
  });

  test("a stream, whose helper adds it up to the same answer", async () => {
    const reply = { text: "Hello there, wörld 😀", toolCalls: [{ name: "add", arguments: { a: 1 } }] };
    await using upstream = await FakeUpstream.start([reply, reply]);
    const client = clientOf(upstream);
    const streamed = await client.chat.completions.stream(ASK).finalChatCompletion();
    const whole = await client.chat.completions.create(ASK);
    expect(streamed.choices[0]?.message).toMatchObject({
      content: whole.choices[0]?.message.content,
      tool_calls: [{ function: { name: "add", arguments: '{"a":1}' } }],
    });
    expect(streamed.choices[0]?.finish_reason).toBe("tool_calls");
  });

  test("usage only when it is asked for, in a last chunk without choices", async () => {
    await using upstream = await FakeUpstream.start([{ text: "a b" }, { text: "a b" }]);
    const plain = await chunksOf(upstream);
    expect(plain.every((chunk) => !("usage" in chunk))).toBe(true);
    const chunks = await chunksOf(upstream, { stream_options: { include_usage: true } });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 19 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("deltas as scripted: in words, whole, by characters or one by one", async () => {
    const texts = async (reply: Parameters<FakeUpstream["enqueue"]>[0]) => {
      await using upstream = await FakeUpstream.start([reply]);
      const chunks = await chunksOf(upstream);
      return chunks.slice(1, -1).map((chunk) => chunk.choices[0]?.delta.content);
    };
    expect(await texts({ text: "one two  three" })).toEqual(["one", " two", "  three"]);
    expect(await texts({ text: "one two", deltas: "whole" })).toEqual(["one two"]);
    expect(await texts({ text: "a😀bc", deltas: 2 })).toEqual(["a😀", "bc"]);
    expect(await texts({ text: ["o", "", "ne"] })).toEqual(["o", "", "ne"]);
  });

  test("reasoning and refusal on their own channels", async () => {
    await using upstream = await FakeUpstream.start([
      { reasoning: "Hm.", reasoningField: "reasoning", refusal: "No.", finish: "content_filter" },
    ]);
    const deltas = (await chunksOf(upstream)).map((chunk) => chunk.choices[0]);
    expect(deltas.map((choice) => choice?.delta)).toEqual([
      { role: "assistant", content: null, refusal: null },
      { reasoning: "Hm." },
      { refusal: "No." },
      {},
    ]);
    expect(deltas.at(-1)?.finish_reason).toBe("content_filter");
  });

  test("parallel calls, interleaved in one-character deltas, even with the same id", async () => {
    const toolCalls = [
      { id: "dup", name: "a", arguments: '{"x":1}' },
      { id: "dup", name: "b", arguments: "{oops" },
    ];
    await using upstream = await FakeUpstream.start([{ toolCalls, interleave: true, deltas: 1 }]);
    const entries = (await chunksOf(upstream)).flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    expect(entries.slice(0, 6)).toEqual([
      { index: 0, id: "dup", type: "function", function: { name: "a", arguments: "" } },
      { index: 1, id: "dup", type: "function", function: { name: "b", arguments: "" } },
      { index: 0, function: { arguments: "{" } },
      { index: 1, function: { arguments: "{" } },
      { index: 0, function: { arguments: '"' } },
      { index: 1, function: { arguments: "o" } },
    ]);
    const joined = (index: number) =>
      entries.map((entry) => (entry.index === index ? entry.function?.arguments : "")).join("");
    expect([joined(0), joined(1)]).toEqual(['{"x":1}', "{oops"]);
  });

  test("models, with and without /v1", async () => {
    await using upstream = await FakeUpstream.start([{ text: "x" }], { models: ["a", "b"] });
    const ids = async (client: OpenAI) => (await client.models.list()).data.map(({ id }) => id);
    expect(await ids(clientOf(upstream))).toEqual(["a", "b"]);
    expect(await ids(clientOf(upstream, upstream.origin))).toEqual(["a", "b"]);
    const completion = await clientOf(upstream, upstream.origin).chat.completions.create(ASK);
    expect(completion.choices[0]?.message.content).toBe("x");
  });

  test("odd bodies: no choices, null content, usage missing or nonsense", async () => {
    await using upstream = await FakeUpstream.start([
      { text: "x", ...EMPTY_CHOICES },
      { usage: null },
      { text: "", rawUsage: { prompt_tokens: "many" } },
    ]);
    const ask = () => clientOf(upstream).chat.completions.create(ASK);
    expect((await ask()).choices).toEqual([]);
    const empty = await ask();
    expect(empty.choices[0]?.message.content).toBeNull();
    expect(empty).not.toHaveProperty("usage");
    expect((await ask()).usage).toEqual({ prompt_tokens: "many" });
  });

  test("the same oddities in a stream", async () => {
    const options = { stream_options: { include_usage: true } };
    await using upstream = await FakeUpstream.start([
      { text: "x", ...EMPTY_CHOICES },
      { usage: null },
      { text: "", rawUsage: -1 },
    ]);
    expect((await chunksOf(upstream, options)).every(({ choices }) => choices.length === 0)).toBe(true);
    expect((await chunksOf(upstream, options)).every(({ usage }) => usage === null)).toBe(true);
    expect((await chunksOf(upstream, options)).at(-1)?.usage).toBe(-1);
  });

  test("an error inside the stream, as the SDK reports it", async () => {
    const failure = { error: { message: "gone", type: "server_error", code: "boom", param: null } };
    await using upstream = await FakeUpstream.start([
      { text: "Hel", failure },
      { failure: true },
      { failure },
    ]);
    await expect(chunksOf(upstream)).rejects.toMatchObject({ code: "boom", status: undefined });
    await expect(chunksOf(upstream)).rejects.toThrow("The server had an error");
    // Not streamed, it is an error object with status 200.
    expect(await clientOf(upstream).chat.completions.create(ASK)).toMatchObject(failure);
  });

  test("HTTP errors become the SDK's classes", async () => {
    const statuses = [400, 401, 404, 429, 500, 503];
    await using upstream = await FakeUpstream.start(statuses.map((status) => ({ status })));
    const names: string[] = [];
    for (const _ of statuses) {
      const error: unknown = await clientOf(upstream)
        .chat.completions.create(ASK)
        .catch((e: unknown) => e);
      names.push((error as Error).constructor.name);
    }
    expect(names).toEqual([
      "BadRequestError",
      "AuthenticationError",
      "NotFoundError",
      "RateLimitError",
      "InternalServerError",
      "InternalServerError",
    ]);
  });
});
