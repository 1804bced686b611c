import { describe, expect, test } from "vitest";
import {
  findPreset,
  findPresetName,
  findProtocol,
  PRESETS,
  PROTOCOLS,
  recogniseProtocol,
} from "../../../src/providers/catalogue.ts";
import type { Protocol, Upstream } from "../../../src/providers/protocol.ts";
import { anthropicMessages } from "../../../src/providers/protocols/anthropic-messages/protocol.ts";
import { chatCompletions } from "../../../src/providers/protocols/chat-completions/protocol.ts";
import { demo } from "../../../src/providers/protocols/demo/protocol.ts";

const CHAT = chatCompletions;
const MESSAGES = anthropicMessages;

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
  ])("%s over $1.name: %s", (baseUrl, protocol, expected) => {
    expect(protocol.endpoint(baseUrl)).toBe(expected);
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
    expect(recogniseProtocol(new URL(baseUrl), model, PROTOCOLS)).toBe(expected);
  });

  test.each([
    ["chat_completions", CHAT],
    ["anthropic-messages", MESSAGES],
    ["anthropic", MESSAGES],
    ["ollama", CHAT],
    ["demo", demo],
    ["somebody", undefined],
    ["constructor", undefined],
    ["__proto__", undefined],
  ])("of the name %s: %s", (name, expected) => {
    expect(findProtocol(name, PROTOCOLS)).toBe(expected);
  });

  test("names that every object has are no presets", () => {
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
  ])("%s is the preset %s", (url, expected) => {
    expect(findPresetName(new URL(url))).toBe(expected);
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
    expect(given.protocol.headers(given)).toEqual(expected);
  });
});

test.each([CHAT, MESSAGES, demo])("a provider for $name knows its name and protocol", async (protocol) => {
  const upstream = {
    name: "mine",
    protocol,
    baseUrl: "http://127.0.0.1:9/v1",
    apiKey: undefined,
    model: "m",
  };
  const provider = protocol.create(upstream, { timeoutMs: 1, idleTimeoutMs: 1, maxRetries: 0 });
  expect(provider.protocol).toBe(protocol.name);
  expect(provider.name).toBe(protocol === demo ? "demo" : "mine");
  await provider.close();
});
