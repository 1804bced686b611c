import { createOpenAI } from "@ai-sdk/openai";
import { HumanMessage, type ToolMessage } from "@langchain/core/messages";
import { tool as langchainTool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { Agent, tool as agentTool, OpenAIResponsesModel, Runner } from "@openai/agents";
import { generateText, stepCountIs, streamText, tool } from "ai";
import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { type Live, startLive } from "../helpers/live-app.ts";

const MODEL = "hermes-agent";
const FILES = { "notes.txt": "The code is 7431.\n" };
/** The server's own tool first, then two of the client's, in two steps. */
const SCRIPT: Script = [
  { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] },
  {
    reasoning: "Both are needed.",
    toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }],
  },
  { toolCalls: [{ name: "get_time", arguments: { city: "Oslo" } }] },
  { text: "Sunny at noon, code 7431." },
];
const City = z.object({ city: z.string() });
const weather = ({ city }: { city: string }) => `sunny in ${city}`;
const time = ({ city }: { city: string }) => `noon in ${city}`;

const start = (): Promise<Live> => startLive(SCRIPT, { files: FILES, yaml: "llm: { max_retries: 0 }" });

/** The model read everything: its own words and calls, the server's results (`own`) and the client's, once each. */
async function readItAll(live: Live, own = true): Promise<void> {
  expect(live.upstream.requests).toHaveLength(4);
  const { messages } = asChat(await live.upstream.requestArrived(4));
  const said = messages.map(({ role }) => role).filter((role) => role !== "system");
  const step = ["assistant", "tool"];
  expect(said).toEqual(["user", ...(own ? step : []), ...step, ...step]);
  const results = messages
    .filter(({ role }) => role === "tool")
    .map(({ content }) => JSON.stringify(content));
  const wanted = [...(own ? ["7431"] : []), "sunny in Oslo", "noon in Oslo"];
  expect(results).toEqual(wanted.map((text) => expect.stringContaining(text)));
}

describe("@openai/agents", () => {
  test.each([false, true])("a two-tool agent beside the server's own tools, streamed: %s", async (stream) => {
    const live = await start();
    const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
    const agent = new Agent({
      name: "Reporter",
      instructions: "Be brief.",
      model: new OpenAIResponsesModel(client, MODEL),
      tools: [
        agentTool({
          name: "get_weather",
          description: "Weather.",
          parameters: City,
          execute: async (i) => weather(i),
        }),
        agentTool({
          name: "get_time",
          description: "Time.",
          parameters: City,
          execute: async (i) => time(i),
        }),
      ],
    });
    const runner = new Runner({ tracingDisabled: true });
    const result = stream
      ? await runner.run(agent, "Report.", { stream: true, maxTurns: 3 })
      : await runner.run(agent, "Report.", { maxTurns: 3 });
    if ("completed" in result) await result.completed;
    expect(result.finalOutput).toBe("Sunny at noon, code 7431.");
    await readItAll(live);
  });
});

describe("@langchain/openai with the Responses API", () => {
  test("runs the client's tools between requests", async () => {
    const live = await start();
    const tools = [
      langchainTool(async (input) => weather(input), {
        name: "get_weather",
        description: "Weather.",
        schema: City,
      }),
      langchainTool(async (input) => time(input), { name: "get_time", description: "Time.", schema: City }),
    ];
    const model = new ChatOpenAI({
      model: MODEL,
      apiKey: live.apiKey,
      maxRetries: 0,
      configuration: { baseURL: live.baseURL },
      useResponsesApi: true,
    }).bindTools(tools);
    const messages: Parameters<typeof model.invoke>[0] & unknown[] = [new HumanMessage("Report.")];
    for (const used of tools) {
      const answer = await model.invoke(messages);
      expect(answer.tool_calls?.map(({ name }) => name)).toEqual([used.name]);
      const [call] = answer.tool_calls ?? [];
      if (call === undefined) throw new Error("no call");
      messages.push(answer, (await used.invoke(call as never)) as ToolMessage);
    }
    expect((await model.invoke(messages)).text).toBe("Sunny at noon, code 7431.");
    await readItAll(live);
  });
});

describe("@ai-sdk/openai", () => {
  const tools = {
    get_weather: tool({
      description: "Weather.",
      inputSchema: City,
      execute: async (input) => weather(input),
    }),
    get_time: tool({ description: "Time.", inputSchema: City, execute: async (input) => time(input) }),
  };

  test.each([
    [true, false],
    [true, true],
    [false, false],
    [false, true],
  ])("runs the client's tools between requests, store: %s, streamed: %s", async (store, stream) => {
    const live = await start();
    const hermes = createOpenAI({ baseURL: live.baseURL, apiKey: live.apiKey });
    const options = {
      model: hermes.responses(MODEL),
      prompt: "Report.",
      tools,
      stopWhen: stepCountIs(3),
      maxRetries: 0,
      providerOptions: { openai: { store } },
    };
    const text = stream ? await streamText(options).text : (await generateText(options)).text;
    expect(text).toBe("Sunny at noon, code 7431.");
    // With nothing stored, what the server's tools did is in nobody's hands: this SDK does not send it back.
    await readItAll(live, store);
  });
});
