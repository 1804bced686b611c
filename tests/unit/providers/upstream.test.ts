import { describe, expect, test } from "vitest";
import {
  endpointUrl,
  guessProtocol,
  PRESETS,
  type Protocol,
  presetOf,
  presetOfHost,
  protocolOf,
} from "../../../src/providers/catalogue.ts";
import {
  authHeaders,
  completeUpstream,
  createProvider,
  type Upstream,
  type UpstreamSettings,
  type WellKnownKeys,
} from "../../../src/providers/upstream.ts";

const CHAT = "chat-completions";
const MESSAGES = "anthropic-messages";

describe("the address below which a protocol's paths stand", () => {
  test.each<[string, Protocol, string]>([
    ["https://api.openai.com", CHAT, "https://api.openai.com/v1"],
    ["https://api.openai.com/", CHAT, "https://api.openai.com/v1"],
    ["https://api.openai.com/v1", CHAT, "https://api.openai.com/v1"],
    ["https://api.openai.com/v1/", CHAT, "https://api.openai.com/v1"],
    ["https://api.openai.com/v1/chat/completions", CHAT, "https://api.openai.com/v1"],
    ["http://127.0.0.1:11434", CHAT, "http://127.0.0.1:11434/v1"],
    ["http://[::1]:8080/v1", CHAT, "http://[::1]:8080/v1"],
    ["https://openrouter.ai/api", CHAT, "https://openrouter.ai/api/v1"],
    ["https://openrouter.ai/api/v1", CHAT, "https://openrouter.ai/api/v1"],
    ["https://api.groq.com/openai", CHAT, "https://api.groq.com/openai/v1"],
    [
      "https://generativelanguage.googleapis.com/v1beta/openai",
      CHAT,
      "https://generativelanguage.googleapis.com/v1beta/openai",
    ],
    ["https://api.deepinfra.com/v1/openai/", CHAT, "https://api.deepinfra.com/v1/openai"],
    ["https://open.bigmodel.cn/api/paas/v4", CHAT, "https://open.bigmodel.cn/api/paas/v4"],
    ["https://api.perplexity.ai/chat/completions", CHAT, "https://api.perplexity.ai"],
    ["https://x.openai.azure.com/openai/v1/", CHAT, "https://x.openai.azure.com/openai/v1"],
    ["https://api.anthropic.com", MESSAGES, "https://api.anthropic.com/v1"],
    ["https://api.anthropic.com/v1", MESSAGES, "https://api.anthropic.com/v1"],
    ["https://api.anthropic.com/v1/messages", MESSAGES, "https://api.anthropic.com/v1"],
    ["https://api.deepseek.com/anthropic", MESSAGES, "https://api.deepseek.com/anthropic/v1"],
    ["https://api.deepseek.com/anthropic/v1/", MESSAGES, "https://api.deepseek.com/anthropic/v1"],
    ["https://proxy.example/v1/anthropic", MESSAGES, "https://proxy.example/v1/anthropic/v1"],
  ])("%s over %s: %s", (baseUrl, protocol, expected) => {
    expect(endpointUrl(baseUrl, protocol)).toBe(expected);
  });
});

describe("the protocol of an address", () => {
  test.each<[string, string | undefined, Protocol]>([
    ["https://api.openai.com/v1", "claude-opus-5", CHAT],
    ["https://api.anthropic.com", undefined, MESSAGES],
    ["https://openrouter.ai/api/v1", "claude-opus-5", CHAT],
    ["https://api.deepseek.com/anthropic", undefined, MESSAGES],
    ["https://x.example/anthropic/v1/", undefined, MESSAGES],
    ["https://x.example/anthropic/v1/messages", undefined, MESSAGES],
    ["https://x.example/openai", "claude-opus-5", CHAT],
    ["https://x.example/v1/chat/completions", "claude-opus-5", CHAT],
    ["https://x.example/v1", "claude-opus-5", MESSAGES],
    ["https://x.example/v1", "gpt-5.5", CHAT],
    ["https://x.example/v1", undefined, CHAT],
  ])("%s with model %s: %s", (baseUrl, model, expected) => {
    expect(guessProtocol(baseUrl, model)).toBe(expected);
  });

  test.each([
    ["chat_completions", CHAT],
    ["anthropic-messages", MESSAGES],
    ["anthropic", MESSAGES],
    ["ollama", CHAT],
    ["demo", "demo"],
    ["somebody", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
  ])("of the name %s: %s", (name, expected) => {
    expect(protocolOf(name)).toBe(expected);
  });

  test("names that every object has are no presets", () => {
    for (const name of ["constructor", "toString", "__proto__", undefined])
      expect(presetOf(name)).toBeUndefined();
    expect(presetOf("openai")).toBe(PRESETS["openai"]);
  });

  test.each([
    ["https://api.openai.com/whatever", "openai"],
    ["http://api.openai.com/v1", undefined],
    ["https://api.openai.com:8443", undefined],
    ["https://api.openai.com.evil.example", undefined],
    ["http://127.0.0.1:11434", "ollama"],
  ])("%s is the preset %s", (url, expected) => {
    expect(presetOfHost(new URL(url))).toBe(expected);
  });
});

const KEYS: WellKnownKeys = {
  openai: { apiKey: "sk-openai", baseUrl: undefined },
  anthropic: { apiKey: "sk-ant", baseUrl: "https://proxy.example/anthropic" },
  openrouter: { apiKey: "sk-or", baseUrl: undefined },
};

describe("an upstream's settings are completed", () => {
  test.each<[UpstreamSettings, Partial<Upstream>]>([
    [
      { provider: "openai" },
      {
        name: "openai",
        protocol: CHAT,
        baseUrl: "https://api.openai.com/v1",
        apiKey: "sk-openai",
        model: "gpt-5.5",
      },
    ],
    [{ provider: "OpenAI" }, { name: "openai", apiKey: "sk-openai" }],
    [
      { provider: "openai", model: "m", apiKey: "k" },
      { model: "m", apiKey: "k" },
    ],
    [
      { provider: "anthropic" },
      {
        protocol: MESSAGES,
        baseUrl: "https://proxy.example/anthropic/v1",
        apiKey: "sk-ant",
        model: undefined,
      },
    ],
    [
      { provider: "anthropic-messages", baseUrl: "https://api.anthropic.com" },
      { name: "anthropic-messages", apiKey: "sk-ant", model: "claude-sonnet-5" },
    ],
    [
      { baseUrl: "https://openrouter.ai/api" },
      { name: "openrouter", apiKey: "sk-or", model: "openrouter/auto" },
    ],
    [
      { baseUrl: "http://127.0.0.1:9" },
      { name: "127.0.0.1", protocol: CHAT, apiKey: undefined, model: undefined },
    ],
    [
      { provider: "mine", baseUrl: "http://127.0.0.1:9/v1", model: "claude-x" },
      { name: "mine", protocol: MESSAGES },
    ],
    [{ provider: "chat-completions" }, { baseUrl: "https://api.openai.com/v1", apiKey: "sk-openai" }],
    [
      { provider: "demo", baseUrl: "https://x.example" },
      { name: "demo", protocol: "demo", baseUrl: "", model: "demo" },
    ],
  ])("%j", (settings, expected) => {
    expect(completeUpstream(settings, KEYS)).toMatchObject(expected);
  });

  test.each([
    {},
    { provider: "somebody" },
    { provider: "constructor" },
    { provider: "__proto__" },
  ])("%j leads nowhere, and the error says the cure", (settings) => {
    expect(() => completeUpstream(settings, KEYS)).toThrow("Set LLM_BASE_URL");
  });
});

describe("a well-known key goes", () => {
  test.each<[string, UpstreamSettings, string | undefined]>([
    ["to its own host", { baseUrl: "https://api.openai.com" }, "sk-openai"],
    ["not over plain HTTP", { provider: "openai", baseUrl: "http://api.openai.com" }, undefined],
    ["not to another port", { provider: "openai", baseUrl: "https://api.openai.com:444" }, undefined],
    [
      "not to another host under its provider's name",
      { provider: "openai", baseUrl: "https://evil.example/v1" },
      undefined,
    ],
    [
      "not to a host that ends like its own",
      { provider: "openrouter", baseUrl: "https://notopenrouter.ai" },
      undefined,
    ],
    [
      "not to the host of another provider",
      { provider: "openrouter", baseUrl: "https://api.openai.com/v1" },
      "sk-openai",
    ],
    [
      "to the address that was set together with it",
      { provider: "anthropic", baseUrl: "https://proxy.example/anthropic" },
      "sk-ant",
    ],
    ["to its own host as well", { baseUrl: "https://api.anthropic.com" }, "sk-ant"],
    [
      "nowhere else on that host",
      { provider: "anthropic", baseUrl: "https://proxy.example/other" },
      undefined,
    ],
  ])("%s", (_, settings, expected) => {
    expect(completeUpstream(settings, KEYS).apiKey).toBe(expected);
  });
});

describe("the credential on the wire", () => {
  const upstream = (protocol: Protocol, baseUrl: string, apiKey?: string): Upstream => ({
    name: "x",
    protocol,
    baseUrl,
    apiKey,
    model: undefined,
  });
  const version = { "anthropic-version": "2023-06-01" };

  test.each<[Upstream, Record<string, string>]>([
    [upstream(CHAT, "https://x.example/v1", "k"), { authorization: "Bearer k" }],
    [upstream(CHAT, "https://x.example/v1"), {}],
    [upstream(MESSAGES, "https://api.anthropic.com/v1", "k"), { ...version, "x-api-key": "k" }],
    [
      upstream(MESSAGES, "https://x.example/v1", "k"),
      { ...version, "x-api-key": "k", authorization: "Bearer k" },
    ],
    [upstream(MESSAGES, "https://x.example/v1"), version],
  ])("%j", (given, expected) => {
    expect(authHeaders(given)).toEqual(expected);
  });
});

test.each([
  CHAT,
  MESSAGES,
  "demo",
] as const)("a provider for %s knows its name and protocol", async (protocol) => {
  const upstream = {
    name: "mine",
    protocol,
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: undefined,
    model: "m",
  };
  const provider = createProvider(upstream, { timeoutMs: 1, idleTimeoutMs: 1, maxRetries: 0 });
  expect(provider.protocol).toBe(protocol);
  expect(provider.name).toBe(protocol === "demo" ? "demo" : "mine");
  await provider.close();
});
