import { describe, expect, test } from "vitest";
import { ApiError } from "../../../src/domain/error.ts";
import { PROTOCOLS } from "../../../src/providers/catalogue.ts";
import {
  createModels,
  type ModelQuestion,
  type Models,
  type ModelsOptions,
} from "../../../src/providers/resolve.ts";
import { ask, generate } from "../../contract/provider-suite.ts";
import { FakeUpstream } from "../../fake-upstream/fake-upstream.ts";

const OPTIONS: ModelsOptions = {
  name: "hermes-agent",
  primary: { provider: "openai", apiKey: "sk-x", model: "gpt-default" },
  keys: {
    anthropic: { apiKey: "sk-ant-1", baseUrl: undefined },
    openrouter: { apiKey: "sk-or-1", baseUrl: undefined },
  },
  protocols: PROTOCOLS,
  routes: {
    fast: { provider: "openrouter", model: "tiny/model" },
    local: { baseUrl: "http://127.0.0.1:9/v1", model: "qwen" },
    small: { model: "gpt-small" },
  },
  direct: true,
  policy: { timeoutMs: 1_000, idleTimeoutMs: 1_000, maxRetries: 0 },
  detect: undefined,
};

function models(overrides: Partial<ModelsOptions> = {}): Models {
  return createModels({ ...OPTIONS, ...overrides });
}

/** Where a question leads: provider, model, mode. */
async function leads(question: ModelQuestion, overrides: Partial<ModelsOptions> = {}): Promise<string> {
  const [{ provider, model, mode }] = await models(overrides).resolve(question);
  return `${provider.name} ${model} ${mode}`;
}

describe("the target of a request", () => {
  test.each<[ModelQuestion, string]>([
    [{}, "openai gpt-default agent"],
    [{ model: "hermes-agent" }, "openai gpt-default agent"],
    [{ model: "default" }, "openai gpt-default agent"],
    [{ model: "hermes-agent-lite" }, "openai gpt-default plain"],
    [{ model: "gpt-other" }, "openai gpt-other agent"],
    [{ model: "small" }, "openai gpt-small agent"],
    [{ model: "small", provider: "openai" }, "openai gpt-small agent"],
    [{ model: "llama3:8b" }, "openai llama3:8b agent"],
    [{ provider: "openai" }, "openai gpt-default agent"],
    [{ provider: "OpenAI", model: "gpt-other" }, "openai gpt-other agent"],
    [{ provider: "anthropic" }, "anthropic claude-sonnet-5 agent"],
    [{ provider: "anthropic", model: "claude-opus-5" }, "anthropic claude-opus-5 agent"],
    [{ provider: "anthropic", model: "hermes-agent-lite" }, "anthropic claude-sonnet-5 plain"],
    [{ model: "@anthropic:claude-opus-5" }, "anthropic claude-opus-5 agent"],
    [{ model: "Anthropic::claude-opus-5" }, "anthropic claude-opus-5 agent"],
    [{ model: "@openrouter:x/y:free" }, "openrouter x/y:free agent"],
    [{ model: "openrouter::hermes-agent" }, "openrouter openrouter/auto agent"],
    [{ model: "@anthropic:claude-opus-5", provider: "anthropic" }, "anthropic claude-opus-5 agent"],
    [{ model: "fast" }, "openrouter tiny/model agent"],
    [{ model: "fast", provider: "openrouter" }, "openrouter tiny/model agent"],
    [{ model: "@openrouter:fast" }, "openrouter tiny/model agent"],
    [{ model: "local" }, "127.0.0.1 qwen agent"],
    [{ model: "constructor" }, "openai constructor agent"],
    [{ model: "__proto__" }, "openai __proto__ agent"],
  ])("the request %j is served by %s", async (question, expected) => {
    expect(await leads(question)).toBe(expected);
  });

  test.each<[ModelQuestion, string]>([
    [{ model: "gpt-other" }, "openai gpt-default agent"],
    [{ model: "hermes-agent-lite" }, "openai gpt-default plain"],
    [{ model: "fast" }, "openrouter tiny/model agent"],
    [{ model: "gpt-other", provider: "openai" }, "openai gpt-other agent"],
    [{ model: "@anthropic:claude-opus-5" }, "anthropic claude-opus-5 agent"],
  ])("the request %j is served by %s when unknown models are not passed on", async (question, expected) => {
    expect(await leads(question, { direct: false })).toBe(expected);
  });

  test.each<[ModelQuestion, string]>([
    [{ provider: "openai", model: "@anthropic:claude-opus-5" }, "provider_conflict"],
    [{ provider: "anthropic", model: "fast" }, "provider_conflict"],
    [{ model: "@anthropic:fast" }, "provider_conflict"],
    [{ provider: "anthropic", model: "local" }, "provider_conflict"],
    [{ provider: "ollama" }, "provider_not_found"],
    [{ provider: "constructor" }, "provider_not_found"],
    [{ provider: "" }, "provider_not_found"],
    [{ model: "@nobody:x" }, "provider_not_found"],
  ])("the request %j is refused with %s", async (question, code) => {
    const error = await leads(question).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ApiError);
    expect((error as ApiError).failure).toMatchObject({ param: "provider", code });
  });

  test("requests to one upstream share its provider", async () => {
    const all = models();
    const ask = async (question: ModelQuestion) => (await all.resolve(question))[0];
    const [a, b] = [await ask({}), await ask({ model: "gpt-other" })];
    expect(a.provider).toBe(b.provider);
    expect((await ask({ provider: "anthropic" })).provider).toBe(
      (await ask({ model: "@anthropic:x" })).provider,
    );
    await all.close();
  });
});

describe("the default upstream", () => {
  async function byDefault(overrides: Partial<ModelsOptions>): Promise<string> {
    const { upstream, reason } = await models({ primary: undefined, keys: {}, ...overrides }).default();
    return `${upstream.name} ${upstream.model} (${reason})`;
  }
  const detect = async () =>
    ({ preset: "ollama", baseUrl: "http://127.0.0.1:11434/v1", model: "qwen" }) as const;
  const openai = { apiKey: "sk-1", baseUrl: undefined };

  test.each<[string, Partial<ModelsOptions>, string]>([
    [
      "the configured one",
      { primary: { provider: "anthropic", apiKey: "k" } },
      "anthropic claude-sonnet-5 (configured)",
    ],
    [
      "the provider that issued a configured key",
      { primary: { apiKey: "sk-ant-x" } },
      "anthropic claude-sonnet-5 (configured)",
    ],
    [
      "OpenRouter for a configured key of it",
      { primary: { apiKey: "sk-or-x" } },
      "openrouter openrouter/auto (configured)",
    ],
    ["OpenAI for any other configured key", { primary: { apiKey: "sk-x" } }, "openai gpt-5.5 (configured)"],
    [
      "the provider of a configured model, if its key is set",
      { primary: { model: "claude-opus-5" }, keys: OPTIONS.keys },
      "anthropic claude-opus-5 (configured)",
    ],
    [
      "the provider of the first well-known key",
      { keys: { ...OPTIONS.keys, openai } },
      "openai gpt-5.5 (OPENAI_API_KEY is set)",
    ],
    [
      "the provider of the next well-known key",
      { keys: OPTIONS.keys },
      "anthropic claude-sonnet-5 (ANTHROPIC_API_KEY is set)",
    ],
    [
      "the local model server that is found",
      { detect },
      "ollama qwen (found on this machine at http://127.0.0.1:11434/v1)",
    ],
    [
      "the local model server that is found, with the configured model",
      { primary: { model: "phi" }, detect },
      "ollama phi (found on this machine at http://127.0.0.1:11434/v1)",
    ],
    [
      "the demo when no model server is found",
      { detect: async () => undefined },
      "demo demo (no model is configured)",
    ],
    ["the demo when the search for model servers is off", {}, "demo demo (no model is configured)"],
  ])("the default upstream is %s", async (_, overrides, expected) => {
    expect(await byDefault(overrides)).toBe(expected);
  });

  test("the search for a local model server runs once", async () => {
    let looked = 0;
    const all = models({
      primary: undefined,
      keys: {},
      detect: async () => {
        looked++;
        return undefined;
      },
    });
    await Promise.all([all.default(), all.default(), all.resolve({})]);
    expect(looked).toBe(1);
  });
});

describe("an upstream without a configured model", () => {
  test("an upstream without a configured model is asked once for its list, and its first chat model is taken", async () => {
    await using upstream = await FakeUpstream.start([], { models: ["text-embedding-3", "qwen", "phi"] });
    const all = models({ primary: { baseUrl: upstream.origin, apiKey: "sk-mine" } });
    const ask = async () => (await all.resolve({}))[0];
    expect((await ask()).model).toBe("qwen");
    expect((await ask()).model).toBe("qwen");
    expect(upstream.counts.requests).toBe(1);
    expect(upstream.requests[0]?.headers.authorization).toBe("Bearer sk-mine");
    await all.close();
  });

  test("an upstream that lists no models gives an error that says what to set", async () => {
    await using upstream = await FakeUpstream.start([], { models: [] });
    const all = models({ primary: { baseUrl: upstream.origin } });
    await expect(all.resolve({})).rejects.toMatchObject({
      kind: "not_found",
      message: expect.stringContaining("LLM_MODEL"),
    });
    await all.close();
  });
});

test("the list of models has the agent, its plain form and the routes", () => {
  expect(models().list()).toEqual([
    { id: "hermes-agent", root: "hermes-agent", parent: null },
    { id: "hermes-agent-lite", root: "hermes-agent", parent: "hermes-agent" },
    { id: "fast", root: "tiny/model", parent: "hermes-agent" },
    { id: "local", root: "qwen", parent: "hermes-agent" },
    { id: "small", root: "gpt-small", parent: "hermes-agent" },
  ]);
});

test("a route with its own key uses the default upstream's address with that key", async () => {
  await using upstream = await FakeUpstream.start([{ text: "Hi" }, { text: "Ho" }]);
  const all = models({
    primary: {
      provider: "chat-completions",
      baseUrl: upstream.origin,
      apiKey: "sk-default",
      model: "gpt-default",
    },
    routes: { mine: { model: "gpt-mine", apiKey: "sk-mine" } },
  });
  for (const model of ["mine", "default"]) {
    const [target] = await all.resolve({ model });
    await generate(target.provider, ask({ model: target.model }));
  }
  expect(upstream.requests.map(({ headers }) => headers["authorization"])).toEqual([
    "Bearer sk-mine",
    "Bearer sk-default",
  ]);
  await all.close();
});

test.each<[string, Partial<ModelsOptions>]>([
  ["the configured upstream", { primary: { provider: "nonsense" } }],
  ["a route", { primary: undefined, routes: { fast: { provider: "nonsense", model: "x" } } }],
])("%s that leads to no upstream is refused at the start, not by the first request", (_name, overrides) => {
  expect(() => models(overrides)).toThrow(/"nonsense" is not known \(known are openai, .*LLM_BASE_URL/);
});
