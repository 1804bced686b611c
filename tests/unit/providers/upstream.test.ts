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

describe("the completion of settings", () => {
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
  ])("the settings %j are completed", (settings, expected) => {
    expect(completeUpstream(settings, SOURCES)).toMatchObject(expected);
  });

  test.each([
    {},
    { provider: "somebody" },
    { provider: "constructor" },
    { provider: "__proto__" },
  ])("the settings %j lead to no upstream, and the error says what to set", (settings) => {
    expect(() => completeUpstream(settings, SOURCES)).toThrow("Set LLM_BASE_URL");
  });
});

describe("well-known keys", () => {
  test.each<[string, UpstreamSettings, string | undefined]>([
    ["goes to its own host", { baseUrl: "https://api.openai.com" }, "sk-openai"],
    ["does not go over plain HTTP", { provider: "openai", baseUrl: "http://api.openai.com" }, undefined],
    ["does not go to another port", { provider: "openai", baseUrl: "https://api.openai.com:444" }, undefined],
    [
      "does not go to another host under its provider's name",
      { provider: "openai", baseUrl: "https://evil.example/v1" },
      undefined,
    ],
    [
      "does not go to a host that ends like its own",
      { provider: "openrouter", baseUrl: "https://notopenrouter.ai" },
      undefined,
    ],
    [
      "of the host is used, not the one of the named provider",
      { provider: "openrouter", baseUrl: "https://api.openai.com/v1" },
      "sk-openai",
    ],
    [
      "goes to the address that was set together with it",
      { provider: "anthropic", baseUrl: "https://proxy.example/anthropic" },
      "sk-ant",
    ],
    ["goes to its own host as well", { baseUrl: "https://api.anthropic.com" }, "sk-ant"],
    [
      "does not go to another path of that host",
      { provider: "anthropic", baseUrl: "https://proxy.example/other" },
      undefined,
    ],
  ])("a well-known key %s", (_, settings, expected) => {
    expect(completeUpstream(settings, SOURCES).apiKey).toBe(expected);
  });
});
