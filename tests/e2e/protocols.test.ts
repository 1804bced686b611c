import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { asChat, asMessages } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { type LiveOptions, startLive } from "../helpers/live-app.ts";

type Message = OpenAI.ChatCompletionMessageParam;
const READ = { name: "read_file", arguments: { path: "notes.txt" } };
const WEATHER: OpenAI.ChatCompletionTool = {
  type: "function",
  function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};
const user = (content: string): Message => ({ role: "user", content });

async function connect(script: Script, options: LiveOptions) {
  const live = await startLive(script, { files: { "notes.txt": "The code is 7431.\n" }, ...options });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  const ask = (body: Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>) =>
    client.chat.completions.create({ model: "hermes-agent", messages: [user("Hello?")], ...body });
  return { live, client, ask };
}

describe("Anthropic's messages", () => {
  const protocol = { protocol: "anthropic-messages" } as const;
  const thought = { reasoning: "Look first.", signature: "sig-1", text: "Let me look.", toolCalls: [READ] };
  const thinking = { type: "thinking", thinking: "Look first.", signature: "sig-1" };

  test("get their thinking back with its signature after a server tool ran", async () => {
    const { live, ask } = await connect([thought, { text: "7431." }], protocol);
    const answer = await ask({ reasoning_effort: "high" });
    expect(answer.choices[0]?.message).toMatchObject({
      content: "Let me look.\n\n7431.",
      reasoning_content: "Look first.",
    });
    const { messages } = asMessages(await live.upstream.requestArrived(2));
    expect(messages[1]?.content).toMatchObject([
      thinking,
      { type: "text" },
      { type: "tool_use", name: "read_file" },
    ]);
    expect(messages[2]?.content).toMatchObject([{ type: "tool_result" }]);
  });

  test("get it back after the client's tool ran, though no client ever saw the signature", async () => {
    const call = {
      reasoning: "Ask.",
      signature: "sig-2",
      toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }],
    };
    const { live, ask } = await connect([thought, call, { text: "Sunny." }], protocol);
    const asked = await ask({ tools: [WEATHER], reasoning_effort: "high" });
    const message = asked.choices[0]?.message as OpenAI.ChatCompletionMessage;
    const tool_call_id = message.tool_calls?.[0]?.id ?? "";
    const result: Message = { role: "tool", tool_call_id, content: "sunny" };
    await ask({ tools: [WEATHER], reasoning_effort: "high", messages: [user("Hello?"), message, result] });
    const { messages } = asMessages(await live.upstream.requestArrived(3));
    const blocks = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content));
    expect(blocks.filter(({ type }) => type === "thinking")).toMatchObject([
      thinking,
      { signature: "sig-2" },
    ]);
    expect(blocks.at(-1)).toMatchObject({ type: "tool_result", content: expect.anything() });
  });

  test("Anthropic's messages are asked with cache breakpoints after the core prompt and on the last two messages", async () => {
    const { live, ask } = await connect([{ toolCalls: [READ] }, { text: "7431." }], protocol);
    await ask({ messages: [{ role: "system", content: "Be brief." }, user("Hello?")] });
    const { system, messages } = asMessages(await live.upstream.requestArrived(2));
    expect(system).toMatchObject([{ cache_control: { type: "ephemeral" } }, { text: "Be brief." }]);
    expect((system as object[])[1]).not.toHaveProperty("cache_control");
    const marked = messages.map(({ content }) => JSON.stringify(content).includes("cache_control"));
    expect(marked).toEqual([false, true, true]);
  });

  test("Anthropic's messages are shown pictures, as data and by address", async () => {
    const { live, ask } = await connect([{ text: "A cat." }], protocol);
    const content: OpenAI.ChatCompletionContentPart[] = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: "data:image/png;base64,iVBORw0KGgo=" } },
      { type: "image_url", image_url: { url: "https://example.com/cat.png" } },
    ];
    await ask({ messages: [{ role: "user", content }] });
    const { messages } = asMessages(await live.upstream.requestArrived());
    expect(messages[0]?.content).toMatchObject([
      { type: "text", text: "What is this?" },
      { type: "image", source: { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" } },
      { type: "image", source: { type: "url", url: "https://example.com/cat.png" } },
    ]);
  });

  test("answer in the schema that was asked for", async () => {
    const { live, ask } = await connect([{ text: '{"city":"Oslo"}' }], protocol);
    const schema = {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
      additionalProperties: false,
    };
    const json_schema = { name: "place", schema, strict: true };
    const answer = await ask({ response_format: { type: "json_schema", json_schema } });
    expect(answer.choices[0]?.message.content).toBe('{"city":"Oslo"}');
    expect(JSON.stringify(asMessages(await live.upstream.requestArrived()))).toContain('"city"');
  });
});

describe("chat completions", () => {
  const protocol = { protocol: "chat-completions" } as const;

  test("chat completions are shown pictures and asked in the client's settings", async () => {
    const { live, ask } = await connect([{ text: "A cat." }], protocol);
    const image: OpenAI.ChatCompletionContentPart = {
      type: "image_url",
      image_url: { url: "https://example.com/cat.png", detail: "low" },
    };
    await ask({
      messages: [{ role: "user", content: [{ type: "text", text: "What?" }, image] }],
      temperature: 0.3,
      top_p: 0.9,
      seed: 7,
      stop: ["END"],
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
      max_completion_tokens: 50,
    });
    const body = asChat(await live.upstream.requestArrived());
    expect(body.messages.at(-1)).toMatchObject({ content: [{ type: "text", text: "What?" }, image] });
    expect(body).toMatchObject({
      temperature: 0.3,
      top_p: 0.9,
      seed: 7,
      frequency_penalty: 0.5,
      presence_penalty: -0.5,
    });
    expect(body.stop).toEqual(["END"]);
    expect(body.max_completion_tokens ?? body.max_tokens).toBe(50);
  });

  test("get the results of parallel server tools in the order of the calls", async () => {
    const slow = { name: "terminal", arguments: { command: "read -t 0.2 x; echo slow" }, id: "call_slow" };
    const { live, ask } = await connect(
      [{ toolCalls: [slow, { ...READ, id: "call_quick" }] }, { text: "Both." }],
      protocol,
    );
    await ask({});
    const { messages } = asChat(await live.upstream.requestArrived(2));
    const results = messages.filter(({ role }) => role === "tool");
    expect(results).toMatchObject([
      { content: expect.stringContaining("slow") },
      { content: expect.stringContaining("7431") },
    ]);
  });

  test("chat completions are never given a server secret by a command", async () => {
    const call = { toolCalls: [{ name: "terminal", arguments: { command: "env; cat ../home/.env" } }] };
    const { live, ask } = await connect([call, { text: "Done." }], protocol);
    await ask({});
    expect(live.upstream.requests[1]?.rawBody.toString()).not.toMatch(/sk-upstream-canary|hermes-test-key/);
  });
});
