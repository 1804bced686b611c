import type { Protocol, Protocols } from "./protocol.ts";
import { anthropicMessages } from "./protocols/anthropic-messages/protocol.ts";
import { chatCompletions } from "./protocols/chat-completions/protocol.ts";
import { demo } from "./protocols/demo/protocol.ts";

/** The protocols that the server speaks; the first is used where no other one is recognised. */
export const PROTOCOLS: Protocols = [chatCompletions, anthropicMessages, demo];

/** What is known about an upstream by its name alone. */
interface Preset {
  protocol: Protocol;
  /** "" for a model inside this process. */
  baseUrl: string;
  /** Used when no model is configured; undefined: the first that the upstream lists. */
  model: string | undefined;
}

/**
 * Upstreams by name: the values of `LLM_PROVIDER` and of a request's `provider`. A protocol without a name of its own
 * here needs a base URL; of several with one protocol, the first is where the protocol's own name leads.
 */
export const PRESETS: Readonly<Record<string, Preset>> = {
  openai: { protocol: chatCompletions, baseUrl: "https://api.openai.com/v1", model: "gpt-5.5" },
  anthropic: { protocol: anthropicMessages, baseUrl: "https://api.anthropic.com", model: "claude-sonnet-5" },
  openrouter: {
    protocol: chatCompletions,
    baseUrl: "https://openrouter.ai/api/v1",
    model: "openrouter/auto",
  },
  ollama: { protocol: chatCompletions, baseUrl: "http://127.0.0.1:11434/v1", model: undefined },
  lmstudio: { protocol: chatCompletions, baseUrl: "http://127.0.0.1:1234/v1", model: undefined },
  llamacpp: { protocol: chatCompletions, baseUrl: "http://127.0.0.1:8080/v1", model: undefined },
  demo: { protocol: demo, baseUrl: "", model: "demo" },
};

/** Finds the preset of that name. Names come from outside, so inherited properties of objects do not count. */
export function findPreset(name: string | undefined): Preset | undefined {
  return name !== undefined && Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
}

/** Finds the preset of a protocol's own name: the service of its inventor. */
export function findUsualPreset(protocol: Protocol | undefined): Preset | undefined {
  return Object.values(PRESETS).find((preset) => preset.protocol === protocol);
}

/**
 * Finds the name of the preset whose origin a URL has. Keys of a known upstream are sent only there, and never over
 * plain HTTP to a host that has HTTPS.
 */
export function findPresetName(url: URL): string | undefined {
  return Object.entries(PRESETS).find(
    ([, preset]) => preset.baseUrl !== "" && new URL(preset.baseUrl).origin === url.origin,
  )?.[0];
}

/** Finds the protocol that a configured name means: its own name, an alias, or a preset's name. */
export function findProtocol(name: string, protocols: Protocols): Protocol | undefined {
  const named = protocols.find((protocol) => protocol.name === name || protocol.aliases.includes(name));
  return named ?? findPreset(name)?.protocol;
}

/** Recognises the protocol of an upstream that is known only by its address and model. */
export function recogniseProtocol(url: URL, model: string | undefined, protocols: Protocols): Protocol {
  const known = findPreset(findPresetName(url));
  if (known !== undefined) return known.protocol;
  return protocols.find((protocol) => protocol.recognises(url, model)) ?? protocols[0];
}
