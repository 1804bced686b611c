import { describe, expect, test } from "vitest";
import { PROTOCOLS } from "../../../src/providers/catalogue.ts";
import type { Upstream } from "../../../src/providers/protocol.ts";
import { anthropicMessages } from "../../../src/providers/protocols/anthropic-messages/protocol.ts";
import { chatCompletions } from "../../../src/providers/protocols/chat-completions/protocol.ts";
import { demo } from "../../../src/providers/protocols/demo/protocol.ts";
import {
  completeUpstream,
  type UpstreamSettings,
  type UpstreamSources,
} from "../../../src/providers/upstream.ts";

const CHAT = chatCompletions;
const MESSAGES = anthropicMessages;

const SOURCES: UpstreamSources = {
  protocols: PROTOCOLS,
  keys: {
    openai: { apiKey: "sk-openai", baseUrl: undefined },
    anthropic: { apiKey: "sk-ant", baseUrl: "https://proxy.example/anthropic" },
    openrouter: { apiKey: "sk-or", baseUrl: undefined },
  },
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
      { name: "demo", protocol: demo, baseUrl: "", model: "demo" },
    ],
  ])("%j", (settings, expected) => {
    expect(completeUpstream(settings, SOURCES)).toMatchObject(expected);
  });

  test.each([
    {},
    { provider: "somebody" },
    { provider: "constructor" },
    { provider: "__proto__" },
  ])("%j leads nowhere, and the error says the cure", (settings) => {
    expect(() => completeUpstream(settings, SOURCES)).toThrow("Set LLM_BASE_URL");
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
    expect(completeUpstream(settings, SOURCES).apiKey).toBe(expected);
  });
});
