import OpenAI, { type APIError } from "openai";
import { describe, expect, test } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, type LiveOptions, startLive } from "../helpers/live-app.ts";

const MODEL = "hermes-agent";
const HELLO = [{ role: "user" as const, content: "Hello?" }];
const READ = {
  text: "Let me look.",
  toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }],
};
const FILES = { "notes.txt": "The code is 7431.\n" };
const WEATHER: OpenAI.ChatCompletionTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

async function connect(script: Script, options?: LiveOptions): Promise<{ live: Live; client: OpenAI }> {
  const live = await startLive(script, options);
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  return { live, client };
}

describe("an answer", () => {
  test("an answer comes whole, with usage, request id and run id", async () => {
    const { client } = await connect([
      { text: "Hi there.", reasoning: "Greet.", usage: { inputTokens: 20 } },
    ]);
    const { data, response, request_id } = await client.chat.completions
      .create({ model: MODEL, messages: HELLO })
      .withResponse();
    expect(data.choices[0]).toMatchObject({
      index: 0,
      finish_reason: "stop",
      message: { role: "assistant", content: "Hi there.", reasoning_content: "Greet." },
    });
    expect(data).toMatchObject({
      model: MODEL,
      usage: { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27 },
    });
    expect(request_id).toMatch(/^req_/);
    expect(response.headers.get("x-hermes-run-id")).toBe(data.id.replace("chatcmpl-", "run_"));
  });

  test("an answer comes as a stream whose snapshot is the same answer", async () => {
    const { client } = await connect([{ text: "Grüße an alle 👋", reasoning: "Be kind." }]);
    const stream = client.chat.completions.stream({
      model: MODEL,
      messages: HELLO,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    const final = await stream.finalChatCompletion();
    expect(final.choices[0]?.message.content).toBe("Grüße an alle 👋");
    expect(final.choices[0]?.finish_reason).toBe("stop");
    expect(final.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 7 });
    const reasoning = chunks.map(
      (chunk) => (chunk.choices[0]?.delta as { reasoning_content?: string })?.reasoning_content,
    );
    expect(reasoning.join("")).toBe("Be kind.");
    expect(chunks[0]?.choices[0]?.delta.role).toBe("assistant");
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 19 } });
  });

  test("without usage asked for, every chunk has a choice", async () => {
    const { client } = await connect([READ, { text: "7431" }], { files: FILES });
    const stream = await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true });
    const chunks = await collect(stream);
    expect(chunks.filter((chunk) => chunk.choices.length !== 1)).toEqual([]);
  });

  test("an answer is parsed into the schema that was asked for", async () => {
    const { client, live } = await connect([{ text: '{"city":"Oslo"}' }]);
    const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
    const json_schema = { name: "place", schema, strict: true };
    const completion = await client.chat.completions.parse({
      model: MODEL,
      messages: HELLO,
      response_format: { type: "json_schema", json_schema },
    });
    expect(completion.choices[0]?.message.parsed).toEqual({ city: "Oslo" });
    expect(asChat(await live.upstream.requestArrived()).response_format).toEqual({
      type: "json_schema",
      json_schema,
    });
  });
});

describe("the server's tools", () => {
  test("run within one request and are no tool calls to the client", async () => {
    const { client, live } = await connect([READ, { text: "It is 7431." }], { files: FILES });
    const completion = await client.chat.completions.create({ model: MODEL, messages: HELLO });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: "Let me look.\n\nIt is 7431." },
    });
    expect(completion.choices[0]?.message.tool_calls).toBeUndefined();
    const second = asChat(await live.upstream.requestArrived(2));
    expect(second.messages.at(-1)).toMatchObject({ role: "tool", content: expect.stringContaining("7431") });
  });

  test("show as extra fields of valid chunks while they run", async () => {
    const { client } = await connect([READ, { text: "It is 7431." }], { files: FILES });
    const stream = client.chat.completions.stream({ model: MODEL, messages: HELLO });
    const chunks = await collect(stream);
    const progress = chunks.flatMap((chunk) => ("hermes" in chunk ? [chunk["hermes"]] : []));
    expect(progress).toMatchObject([
      { type: "tool.progress", tool: "read_file", status: "running" },
      { type: "tool.progress", tool: "read_file", status: "completed" },
      { completed: true },
    ]);
    expect(chunks.some((chunk) => chunk.choices[0]?.delta.tool_calls)).toBe(false);
    expect(await stream.finalContent()).toBe("Let me look.\n\nIt is 7431.");
  });
});

describe("the client's tools", () => {
  const call = { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };

  test("the client's tools are run by the SDK's runner, which comes back with the result", async () => {
    const { client, live } = await connect([READ, call, { text: "Sunny in Oslo." }], { files: FILES });
    const asked: unknown[] = [];
    const runner = client.chat.completions.runTools({
      model: MODEL,
      messages: HELLO,
      tools: [
        {
          type: "function",
          function: {
            name: "get_weather",
            description: "Tells the weather.",
            parameters: { type: "object", properties: { city: { type: "string" } } },
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: (args: { city: string }) => {
              asked.push(args);
              return "sunny";
            },
          },
        },
      ],
    });
    expect(await runner.finalContent()).toBe("Sunny in Oslo.");
    expect(asked).toEqual([{ city: "Oslo" }]);
    const third = asChat(await live.upstream.requestArrived(3));
    // What the server's own tool did before is there again, though the client never saw it.
    expect(third.messages.filter(({ role }) => role !== "system").map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
      "tool",
    ]);
    expect(third.messages.at(-1)).toMatchObject({ role: "tool", content: "sunny" });
  });

  test("stream as tool calls, and the next request answers them", async () => {
    const { client } = await connect([call, { text: "Sunny." }]);
    const stream = client.chat.completions.stream({ model: MODEL, messages: HELLO, tools: [WEATHER] });
    const { choices } = await stream.finalChatCompletion();
    const message = choices[0]?.message as OpenAI.ChatCompletionMessage;
    expect(choices[0]?.finish_reason).toBe("tool_calls");
    expect(message.tool_calls).toMatchObject([
      { type: "function", function: { name: "get_weather", arguments: '{"city":"Oslo"}' } },
    ]);
    const id = message.tool_calls?.[0]?.id as string;
    const answer = await client.chat.completions.create({
      model: MODEL,
      tools: [WEATHER],
      messages: [...HELLO, message, { role: "tool", tool_call_id: id, content: "sunny" }],
    });
    expect(answer.choices[0]?.message.content).toBe("Sunny.");
  });
});

describe("a failure upstream", () => {
  test.each([
    { upstream: 400, type: OpenAI.BadRequestError, code: "upstream_rejected" },
    { upstream: 401, type: OpenAI.InternalServerError, code: "upstream_auth_failed", status: 502 },
    { upstream: 404, type: OpenAI.InternalServerError, code: "upstream_model_not_found", status: 502 },
    { upstream: 429, type: OpenAI.RateLimitError, code: "upstream_rate_limited" },
    { upstream: 500, type: OpenAI.InternalServerError, code: "upstream_error", status: 502 },
    { upstream: 503, type: OpenAI.InternalServerError, code: "upstream_overloaded" },
  ])("$upstream is the SDK's own error class, $code", async ({ upstream, type, code, status = upstream }) => {
    const { client } = await connect([{ status: upstream }], { yaml: "llm: { max_retries: 0 }" });
    const error = await client.chat.completions
      .create({ model: MODEL, messages: HELLO })
      .catch((e: unknown) => e);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ status, code, requestID: expect.stringMatching(/^req_/) });
  });

  test("within a stream is an APIError with its words, after the text so far", async () => {
    const { client } = await connect([{ text: "One two", failure: true }]);
    const stream = await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true });
    let text = "";
    const reading = (async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
    })();
    await expect(reading).rejects.toMatchObject({
      code: "upstream_error",
      message: expect.stringContaining("had an error"),
    });
    expect(text).toBe("One two");
  });

  test("before anything was done may be tried again by the SDK", async () => {
    const { live } = await connect([{ status: 500 }, { text: "Now." }], { yaml: "llm: { max_retries: 0 }" });
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 1 });
    const completion = await client.chat.completions.create({ model: MODEL, messages: HELLO });
    expect(completion.choices[0]?.message.content).toBe("Now.");
  });

  test("after a command ran is not tried again", async () => {
    const run = { toolCalls: [{ name: "terminal", arguments: { command: "echo once >> log.txt" } }] };
    const { live } = await connect([run, { status: 500 }, { text: "Never." }], {
      yaml: "llm: { max_retries: 0 }",
    });
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 2 });
    const error = await client.chat.completions
      .create({ model: MODEL, messages: HELLO })
      .catch((e: unknown) => e);
    expect(error).toMatchObject({ status: 502, code: "upstream_error" });
    expect((error as APIError).headers?.get("x-should-retry")).toBe("false");
    expect(live.upstream.requests).toHaveLength(2);
  });
});

describe("refusals", () => {
  test("refusals are the SDK's own error classes, with the field's name", async () => {
    const { client, live } = await connect([]);
    const bad = client.chat.completions.create({ model: MODEL, messages: HELLO, n: 2 });
    await expect(bad).rejects.toMatchObject({ status: 400, param: "n" });
    const stranger = new OpenAI({ baseURL: live.baseURL, apiKey: "wrong", maxRetries: 0 });
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await expect(client.models.retrieve("nothing-like-it")).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const embedding = client.embeddings.create({ model: MODEL, input: "x" });
    await expect(embedding).rejects.toMatchObject({ status: 404, code: "unsupported_endpoint" });
  });

  test("models are listed page by page as the SDK expects", async () => {
    const { client } = await connect([]);
    const models = await collect(client.models.list());
    expect(models.map(({ id }) => id)).toEqual(["hermes-agent", "hermes-agent-lite"]);
    expect(await client.models.retrieve("hermes-agent")).toMatchObject({
      id: "hermes-agent",
      object: "model",
    });
  });
});

describe("a client that leaves", () => {
  test("a stream frees the upstream", async () => {
    const { client, live } = await connect([{ text: "One two three", stall: { events: 3 } }]);
    const stream = await client.chat.completions.create({ model: MODEL, messages: HELLO, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === "One") break;
    await live.upstream.streamAborted();
    expect(live.upstream.counts.openStreams).toBe(0);
  });

  test("before the answer frees the upstream", async () => {
    const { client, live } = await connect([{ text: "Never", stall: "before-headers" }]);
    const leaving = new AbortController();
    const call = client.chat.completions.create(
      { model: MODEL, messages: HELLO },
      { signal: leaving.signal },
    );
    await live.upstream.requestArrived();
    leaving.abort();
    await expect(call).rejects.toBeInstanceOf(OpenAI.APIUserAbortError);
    await live.upstream.streamAborted();
  });
});
