import { HumanMessage, type ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Reply, Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, startLive } from "../helpers/live-app.ts";

const FILES = { "notes.txt": "The code is 7431.\n" };
const READ = { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };

const weather = tool(async ({ city }) => `sunny in ${city}`, {
  name: "get_weather",
  description: "Tells the weather.",
  schema: z.object({ city: z.string() }),
});

async function connect(script: Script, idleSeconds = 5): Promise<{ live: Live; model: ChatOpenAI }> {
  const live = await startLive(script, {
    files: FILES,
    yaml: `llm: { max_retries: 0, idle_timeout_seconds: ${idleSeconds} }`,
  });
  const configuration = { baseURL: live.baseURL };
  const model = new ChatOpenAI({ model: "hermes-agent", apiKey: live.apiKey, maxRetries: 0, configuration });
  return { live, model };
}

test("an answer comes whole, with usage", async () => {
  const { model } = await connect([{ text: "Hi there." }]);
  const answer = await model.invoke("Hello?");
  expect(answer.text).toBe("Hi there.");
  expect(answer.usage_metadata).toMatchObject({ input_tokens: 12, output_tokens: 7, total_tokens: 19 });
});

test("an answer comes as a stream across a server tool, with reasoning and usage", async () => {
  const { model, live } = await connect([{ ...READ, reasoning: "Hm." }, { text: "It is 7431." }]);
  const chunks = await collect(await model.stream("Hello?"));
  expect(chunks.map((chunk) => chunk.text).join("")).toBe("Let me look.\n\nIt is 7431.");
  expect(chunks.flatMap((chunk) => chunk.tool_call_chunks ?? [])).toEqual([]);
  const reasoning = chunks.map((chunk) => chunk.additional_kwargs["reasoning_content"] ?? "").join("");
  expect(reasoning).toBe("Hm.");
  expect(chunks.find((chunk) => chunk.usage_metadata)?.usage_metadata).toMatchObject({ output_tokens: 14 });
  expect(live.upstream.requests).toHaveLength(2);
});

test("a tool of the client's own is called, and its result answered", async () => {
  const call = { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
  const { model } = await connect([call, { text: "Sunny." }]);
  const bound = model.bindTools([weather]);
  const asked = await bound.invoke("Hello?");
  expect(asked.tool_calls).toMatchObject([{ name: "get_weather", args: { city: "Oslo" } }]);
  const result = (await weather.invoke(asked.tool_calls?.[0] as never)) as ToolMessage;
  const answer = await bound.invoke([new HumanMessage("Hello?"), asked, result]);
  expect(answer.text).toBe("Sunny.");
});

test("a structured answer is parsed", async () => {
  const { model } = await connect([{ text: '{"city":"Oslo"}' }]);
  const place = model.withStructuredOutput(z.object({ city: z.string() }), {
    method: "jsonSchema",
    name: "place",
  });
  expect(await place.invoke("Where?")).toEqual({ city: "Oslo" });
});

test.each<[string, Reply, RegExp]>([
  ["a server error", { status: 500 }, /had an error/],
  ["a cut stream", { text: "One two", cut: { events: 2 } }, /cut off/],
  ["a stall", { text: "One two", stall: { events: 2 } }, /took too long/],
])("%s throws with its words", async (_, reply, words) => {
  const { model } = await connect([reply], "stall" in reply ? 0.1 : undefined);
  await expect(async () => collect(await model.stream("Hello?"))).rejects.toThrow(words);
});

test("an abort frees the upstream", async () => {
  const { model, live } = await connect([{ text: "One two", stall: { events: 3 } }]);
  const leaving = new AbortController();
  const reading = (async () => {
    const stream = await model.stream("Hello?", { signal: leaving.signal });
    for await (const chunk of stream) if (chunk.text !== "") leaving.abort();
  })();
  await Promise.all([expect(reading).rejects.toThrow(/abort/i), live.upstream.streamAborted()]);
});
