import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, isStepCount, type LanguageModel, streamText, tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { badJson } from "../fake-upstream/edits.ts";
import { asChat } from "../fake-upstream/request.ts";
import type { Reply, Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { type Live, startLive } from "../helpers/live-app.ts";

const FILES = { "notes.txt": "The code is 7431.\n" };
const READ = { text: "Let me look.", toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }] };
const CALL = { toolCalls: [{ name: "get_weather", arguments: { city: "Oslo" } }] };
const WEATHER = {
  get_weather: tool({
    description: "Tells the weather.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};

interface Client {
  live: Live;
  model: LanguageModel;
  /** How often the SDK called the server. */
  requests(): number;
}

type Provider = (settings: { baseURL: string; apiKey: string; fetch: typeof fetch }) => LanguageModel;

const PROVIDERS: readonly [string, Provider][] = [
  ["@ai-sdk/openai", (settings) => createOpenAI(settings).chat("hermes-agent")],
  [
    "@ai-sdk/openai-compatible",
    (settings) => createOpenAICompatible({ ...settings, name: "hermes", includeUsage: true })("hermes-agent"),
  ],
];

describe.each(PROVIDERS)("%s", (name, provider) => {
  async function connect(script: Script, idleSeconds = 5): Promise<Client> {
    const live = await startLive(script, {
      files: FILES,
      yaml: `llm: { max_retries: 0, idle_timeout_seconds: ${idleSeconds} }`,
    });
    let requests = 0;
    const counting: typeof fetch = (...args) => {
      requests++;
      return fetch(...args);
    };
    const model = provider({ baseURL: live.baseURL, apiKey: live.apiKey, fetch: counting });
    return { live, model, requests: () => requests };
  }

  /** Streams with everything that an application may set; more steps than any test needs. */
  function stream({ model }: Client, more: Partial<Parameters<typeof streamText>[0]> = {}) {
    return streamText({
      model,
      prompt: "Hello?",
      stopWhen: isStepCount(5),
      maxRetries: 0,
      onError: () => {},
      ...more,
    } as Parameters<typeof streamText>[0]);
  }

  test("streams text, reasoning where it knows it, and usage", async () => {
    const client = await connect([{ reasoning: "Be kind.", text: "Grüße an alle 👋" }]);
    const result = stream(client);
    expect(await result.text).toBe("Grüße an alle 👋");
    expect(await result.finishReason).toBe("stop");
    expect(await result.usage).toMatchObject({ inputTokens: 12, outputTokens: 7 });
    // OpenAI's own chat protocol has no reasoning, so its provider knows of none.
    expect((await result.reasoningText) ?? "").toBe(name === "@ai-sdk/openai" ? "" : "Be kind.");
    expect(client.requests()).toBe(1);
  });

  test("generates text in one request", async () => {
    const client = await connect([{ text: "Hi." }]);
    const { text, usage } = await generateText({
      model: client.model,
      prompt: "Hello?",
      stopWhen: isStepCount(5),
    });
    expect(text).toBe("Hi.");
    expect(usage).toMatchObject({ inputTokens: 12, outputTokens: 7 });
    expect(client.requests()).toBe(1);
  });

  test("sees one request and no error part while a server tool runs", async () => {
    const client = await connect([READ, { text: "It is 7431." }]);
    const result = stream(client);
    const parts = await collect(result.fullStream);
    expect(parts.filter(({ type }) => /error|tool/.test(type))).toEqual([]);
    expect(await result.text).toBe("Let me look.\n\nIt is 7431.");
    expect(client.requests()).toBe(1);
    expect(client.live.upstream.requests).toHaveLength(2);
  });

  test("generates across a server tool in one request", async () => {
    const client = await connect([READ, { text: "It is 7431." }]);
    const { text, steps } = await generateText({
      model: client.model,
      prompt: "Hello?",
      stopWhen: isStepCount(5),
    });
    expect(text).toBe("Let me look.\n\nIt is 7431.");
    expect([client.requests(), steps.length]).toEqual([1, 1]);
  });

  test.each(["streamed", "generated"])("runs a tool of its own after a server tool, %s", async (how) => {
    const client = await connect([READ, CALL, { text: "Sunny." }]);
    const options = { tools: WEATHER, stopWhen: isStepCount(5) };
    const result =
      how === "streamed"
        ? stream(client, options)
        : await generateText({ model: client.model, prompt: "Hello?", ...options });
    const steps = await result.steps;
    expect(await result.text).toBe("Sunny.");
    expect(steps[0]?.toolResults).toMatchObject([{ toolName: "get_weather", output: "sunny in Oslo" }]);
    expect(client.requests()).toBe(2);
    const third = asChat(await client.live.upstream.requestArrived(3));
    expect(third.messages.filter(({ role }) => role === "tool")).toMatchObject([
      { content: expect.stringContaining("7431") },
      { content: "sunny in Oslo" },
    ]);
  });

  test.each<[string, Reply, RegExp]>([
    ["a rate limit", { status: 429 }, /limits our requests/],
    ["a server error", { status: 500 }, /had an error/],
    ["an error within the stream", { text: "One", failure: true }, /had an error/],
    ["a cut stream", { text: "One two", cut: { events: 2 } }, /cut off/],
    ["an end without a reason", { text: "One", finish: null, done: false }, /cut off/],
    ["a stall", { text: "One two", stall: { events: 2 } }, /took too long/],
    ["an event that is no JSON", { text: "One two", edits: [badJson(1)] }, /cannot be read/],
  ])("reports %s as one error part with its words", async (_, reply, words) => {
    const client = await connect([reply], "stall" in reply ? 0.1 : undefined);
    const parts = await collect(stream(client).fullStream);
    const errors = parts.filter((part) => part.type === "error");
    expect(errors).toHaveLength(1);
    expect(JSON.stringify(errors[0]?.error, Object.getOwnPropertyNames(errors[0]?.error ?? {}))).toMatch(
      words,
    );
    expect(client.requests()).toBe(1);
  });

  test("reads characters that arrived in pieces", async () => {
    const client = await connect([{ text: "Grüße 👋 世界", split: 1 }]);
    expect(await stream(client).text).toBe("Grüße 👋 世界");
  });

  test("frees the upstream when it is aborted", async () => {
    const client = await connect([{ text: "One two", stall: { events: 3 } }]);
    const leaving = new AbortController();
    const result = stream(client, { abortSignal: leaving.signal });
    for await (const part of result.fullStream) if (part.type === "text-delta") leaving.abort();
    const aborted = await client.live.upstream.streamAborted();
    expect(aborted.n).toBe(1);
  });
});
