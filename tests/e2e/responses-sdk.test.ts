import { createOpenAI } from "@ai-sdk/openai";
import { ChatOpenAI } from "@langchain/openai";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, type LiveOptions, startLive } from "../helpers/live-app.ts";

const MODEL = "hermes-agent";
const READ = {
  text: "Let me look.",
  toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }],
};
const FILES = { "notes.txt": "The code is 7431.\n" };
const WEATHER: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "get_weather",
  description: "Tells the weather.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: false,
};

async function connect(script: Script, options?: LiveOptions): Promise<{ live: Live; client: OpenAI }> {
  const live = await startLive(script, options);
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  return { live, client };
}

describe("the openai SDK", () => {
  test("the openai SDK reads a whole response, and the same again by its id", async () => {
    const { client } = await connect([{ text: "Hi there.", reasoning: "Greet." }]);
    const response = await client.responses.create({ model: MODEL, input: "Hello?", metadata: { a: "b" } });
    expect(response).toMatchObject({ status: "completed", output_text: "Hi there.", metadata: { a: "b" } });
    expect(response.usage).toMatchObject({ input_tokens: 12, output_tokens: 7, total_tokens: 19 });
    const { output_text: _text, ...again } = await client.responses.retrieve(response.id);
    const { output_text: _same, ...first } = response;
    expect(again).toEqual(first);
  });

  test("the openai SDK its stream helper follows text, thinking and a server's call to the same response", async () => {
    const { client } = await connect([READ, { text: "It is 7431.", reasoning: "Clear." }], { files: FILES });
    const stream = client.responses.stream({ model: MODEL, input: "What is the code?" });
    const events = await collect(stream);
    const final = await stream.finalResponse();
    expect(final.output.map(({ type }) => type)).toEqual(["message", "mcp_call", "reasoning", "message"]);
    expect(final.output[1]).toMatchObject({ status: "completed", output: expect.stringContaining("7431") });
    expect(events.map(({ sequence_number: number }) => number)).toEqual(events.map((_event, index) => index));
    expect(events.at(-1)?.type).toBe("response.completed");
  });

  test("the openai SDK goes on from a response, with its tool calls, and its instructions left behind", async () => {
    const { live, client } = await connect([READ, { text: "It is 7431." }, { text: "You are welcome." }], {
      files: FILES,
    });
    const first = await client.responses.create({
      model: MODEL,
      input: "What is the code?",
      instructions: "Be a pirate.",
    });
    const second = await client.responses.create({
      model: MODEL,
      input: "Thanks!",
      previous_response_id: first.id,
    });
    expect(second).toMatchObject({ output_text: "You are welcome.", previous_response_id: first.id });
    const { messages } = asChat(await live.upstream.requestArrived(3));
    const roles = messages.map(({ role }) => role);
    expect(roles).toEqual(["system", "user", "assistant", "tool", "assistant", "user"]);
    expect(JSON.stringify(messages[0])).not.toContain("pirate");
  });

  test("runs a client's call and sends its result back by the response's id", async () => {
    const { client } = await connect([
      { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] },
      { text: "Rain." },
    ]);
    const first = await client.responses.create({ model: MODEL, input: "Weather?", tools: [WEATHER] });
    const call = first.output.find((item) => item.type === "function_call");
    expect(call).toMatchObject({ name: "get_weather", arguments: '{"city":"Oslo"}', status: "completed" });
    const output = { type: "function_call_output" as const, call_id: call?.call_id ?? "", output: "rain" };
    const second = await client.responses.create({
      model: MODEL,
      input: [output],
      previous_response_id: first.id,
      tools: [WEATHER],
    });
    expect(second.output_text).toBe("Rain.");
    await expect(
      client.responses.create({ model: MODEL, input: "And now?", previous_response_id: first.id }),
    ).rejects.toMatchObject({ status: 400, code: "missing_tool_output", param: "input" });
  });

  test("the openai SDK does not find what was deleted, never stored or never there; what came after it still knows it", async () => {
    const { live, client } = await connect([
      { text: "one" },
      { text: "two" },
      { text: "three" },
      { text: "four" },
    ]);
    const first = await client.responses.create({ model: MODEL, input: "first" });
    const second = await client.responses.create({
      model: MODEL,
      input: "second",
      previous_response_id: first.id,
    });
    const secret = await client.responses.create({ model: MODEL, input: "hidden", store: false });
    expect(await client.responses.delete(first.id)).toMatchObject({ id: first.id, deleted: true });
    for (const id of [first.id, secret.id, `resp_${"0".repeat(32)}`, "resp_x"]) {
      await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 });
      await expect(
        client.responses.create({ model: MODEL, input: "x", previous_response_id: id }),
      ).rejects.toMatchObject({
        status: 400,
        code: "previous_response_not_found",
        param: "previous_response_id",
      });
    }
    await client.responses.create({ model: MODEL, input: "third", previous_response_id: second.id });
    const said = asChat(await live.upstream.requestArrived(4)).messages.map(({ content }) => content);
    expect(said.slice(1)).toEqual(["first", "one", "second", "two", "third"]);
  });

  test("lists a response's own input in pages", async () => {
    const { client } = await connect([{ text: "ok" }]);
    const input = ["a", "b", "c"].map((content) => ({ role: "user" as const, content }));
    const { id } = await client.responses.create({ model: MODEL, input });
    const items = await collect(await client.responses.inputItems.list(id, { limit: 2, order: "asc" }));
    expect(items.map((item) => (item as { content: { text: string }[] }).content[0]?.text)).toEqual([
      "a",
      "b",
      "c",
    ]);
  });

  test("the openai SDK is told of a failure by an HTTP error, in a stream by response.failed", async () => {
    const { client } = await connect(() => ({ status: 500, body: "{}" }), {
      yaml: "llm: { max_retries: 0 }",
    });
    const request = { model: MODEL, input: "x" };
    await expect(client.responses.create(request)).rejects.toMatchObject({
      status: 502,
      code: "upstream_error",
    });
    const events = await collect(await client.responses.create({ ...request, stream: true }));
    expect(events.at(-1)).toMatchObject({
      type: "response.failed",
      response: { status: "failed", error: { code: "upstream_error", type: "server_error" } },
    });
  });
});

describe("other SDKs", () => {
  test("the AI SDK gets text while a server's tool runs, in one request, streamed and whole", async () => {
    const live = await startLive([READ, { text: "It is 7431." }, READ, { text: "It is 7431." }], {
      files: FILES,
    });
    const hermes = createOpenAI({ baseURL: live.baseURL, apiKey: live.apiKey });
    const { text } = await generateText({ model: hermes.responses(MODEL), prompt: "What is the code?" });
    expect(text).toContain("7431");
    const stream = streamText({ model: hermes.responses(MODEL), prompt: "What is the code?" });
    const parts = await collect(stream.fullStream);
    expect(parts.map(({ type }) => type)).not.toContain("error");
    expect(await stream.finishReason).toBe("stop");
    expect(live.upstream.requests).toHaveLength(4);
  });

  test("LangChain reads text, and leaves no call to be run", async () => {
    const live = await startLive([READ, { text: "It is 7431." }], { files: FILES });
    const model = new ChatOpenAI({
      model: MODEL,
      apiKey: live.apiKey,
      configuration: { baseURL: live.baseURL },
      useResponsesApi: true,
    });
    const answer = await model.invoke("What is the code?");
    expect(answer.text).toContain("7431");
    expect(answer.tool_calls).toEqual([]);
  });
});
