import { describe, expect, test } from "vitest";
import {
  findPreset,
  findPresetName,
  findProtocol,
  PRESETS,
  PROTOCOLS,
  recogniseProtocol,
} from "../../../src/providers/catalogue.ts";
import type { Protocol } from "../../../src/providers/protocol.ts";

const CHAT = "chat-completions";
const MESSAGES = "anthropic-messages";

function protocolNamed(name: string): Protocol {
  return PROTOCOLS.find((protocol) => protocol.name === name)!;
}

describe("the endpoint of a base URL", () => {
  test.each<[string, string, string]>([
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
  ])("the base URL %s for %s gives the endpoint %s", (baseUrl, protocol, expected) => {
    expect(protocolNamed(protocol).endpoint(baseUrl)).toBe(expected);
  });
});

describe("the recognition of a protocol", () => {
  test.each<[string, string | undefined, string]>([
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
  ])("an upstream at %s with the model %s speaks %s", (baseUrl, model, expected) => {
    expect(recogniseProtocol(new URL(baseUrl), model, PROTOCOLS).name).toBe(expected);
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
  ])("the name %s means the protocol %s", (name, expected) => {
    expect(findProtocol(name, PROTOCOLS)?.name).toBe(expected);
  });

  test("the names of inherited properties are no presets", () => {
    for (const name of ["constructor", "toString", "__proto__", undefined])
      expect(findPreset(name)).toBeUndefined();
    expect(findPreset("openai")).toBe(PRESETS["openai"]);
  });

  test.each([
    ["https://api.openai.com/whatever", "openai"],
    ["http://api.openai.com/v1", undefined],
    ["https://api.openai.com:8443", undefined],
    ["https://api.openai.com.evil.example", undefined],
    ["http://127.0.0.1:11434", "ollama"],
  ])("the URL %s belongs to the preset %s", (url, expected) => {
    expect(findPresetName(new URL(url))).toBe(expected);
  });
});

describe("the headers of an upstream", () => {
  const version = { "anthropic-version": "2023-06-01" };

  test.each<[string, string, string | undefined, Record<string, string>]>([
    [CHAT, "https://x.example/v1", "k", { authorization: "Bearer k" }],
    [CHAT, "https://x.example/v1", undefined, {}],
    [MESSAGES, "https://api.anthropic.com/v1", "k", { ...version, "x-api-key": "k" }],
    [MESSAGES, "https://x.example/v1", "k", { ...version, "x-api-key": "k", authorization: "Bearer k" }],
    [MESSAGES, "https://x.example/v1", undefined, version],
  ])("%s at %s with the key %s sends the headers %j", (name, baseUrl, apiKey, expected) => {
    const protocol = protocolNamed(name);
    const upstream = { name: "x", protocol, baseUrl, apiKey, model: undefined };
    expect(protocol.headers(upstream)).toEqual(expected);
  });
});

test.each(PROTOCOLS)("a provider for $name says which upstream and protocol it is for", async (protocol) => {
  const upstream = {
    name: "mine",
    protocol,
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: undefined,
    model: "m",
  };
  const provider = protocol.create(upstream, { timeoutMs: 1, idleTimeoutMs: 1, maxRetries: 0 });
  expect(provider.protocol).toBe(protocol.name);
  expect(provider.name).toBe(protocol.name === "demo" ? "demo" : "mine");
  await provider.close();
});
