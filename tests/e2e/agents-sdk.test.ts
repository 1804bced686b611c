import { Agent, OpenAIChatCompletionsModel, Runner, tool } from "@openai/agents";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { z } from "zod";
import { asChat } from "../fake-upstream/request.ts";
import type { Reply, Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, startLive } from "../helpers/live-app.ts";

const FILES = { "notes.txt": "The code is 7431.\n" };
const READ = { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };

const weather = tool({
  name: "get_weather",
  description: "Tells the weather.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

async function connect(script: Script): Promise<{ live: Live; agent: Agent; runner: Runner }> {
  const live = await startLive(script, {
    files: FILES,
    yaml: "llm: { max_retries: 0 }",
  });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
  const model = new OpenAIChatCompletionsModel(client, "hermes-agent");
  const agent = new Agent({ name: "Reporter", instructions: "Be brief.", model, tools: [weather] });
  // Traces would go to the network.
  return { live, agent, runner: new Runner({ tracingDisabled: true }) };
}

test("an answer across a server tool is the agent's final output, in one turn", async () => {
  const { agent, runner, live } = await connect([READ, { text: "It is 7431." }]);
  const result = await runner.run(agent, "Hello?", { maxTurns: 1 });
  expect(result.finalOutput).toBe("Let me look.\n\nIt is 7431.");
  expect(result.rawResponses[0]?.usage).toMatchObject({ inputTokens: 24, outputTokens: 14 });
  // The agent's own prompt comes first; the client's instructions are added to it.
  const [system, user] = asChat(await live.upstream.requestArrived()).messages;
  expect(system).toMatchObject({
    role: "system",
    content: expect.stringMatching(/hermes[\s\S]+Be brief\.$/i),
  });
  expect(user).toMatchObject({ role: "user", content: "Hello?" });
});

test("an answer streams", async () => {
  const { agent, runner } = await connect([READ, { text: "It is 7431." }]);
  const result = await runner.run(agent, "Hello?", { stream: true, maxTurns: 1 });
  const texts = await collect(result.toTextStream() as unknown as AsyncIterable<string>);
  await result.completed;
  expect(texts.join("")).toBe("Let me look.\n\nIt is 7431.");
});

test.each([false, true])("the agent's own tool runs between two requests, streamed: %s", async (stream) => {
  const call = { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
  const { agent, runner, live } = await connect([READ, call, { text: "Sunny." }]);
  const result = stream
    ? await runner.run(agent, "Hello?", { stream: true, maxTurns: 2 })
    : await runner.run(agent, "Hello?", { maxTurns: 2 });
  if ("completed" in result) await result.completed;
  expect(result.finalOutput).toBe("Sunny.");
  const tools = asChat(await live.upstream.requestArrived(3)).messages.filter(({ role }) => role === "tool");
  expect(tools).toMatchObject([{ content: expect.stringContaining("7431") }, { content: "sunny in Oslo" }]);
});

test.each<[string, Reply, RegExp]>([
  ["a server error", { status: 500 }, /had an error/],
  ["a rate limit", { status: 429 }, /limits our requests/],
])("%s throws with its words", async (_, reply, words) => {
  const { agent, runner } = await connect([reply]);
  await expect(runner.run(agent, "Hello?")).rejects.toThrow(words);
});

test("an abort frees the upstream", async () => {
  const { agent, runner, live } = await connect([{ text: "One two", stall: { events: 3 } }]);
  const leaving = new AbortController();
  const result = await runner.run(agent, "Hello?", { stream: true, signal: leaving.signal });
  await live.upstream.requestArrived();
  leaving.abort();
  await live.upstream.streamAborted();
  await result.completed.catch(() => {});
});
