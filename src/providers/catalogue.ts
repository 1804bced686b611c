/** A wire format that we speak. */
export type Protocol = "chat-completions" | "anthropic-messages" | "demo";

/** What is known about an upstream by its name alone. */
export interface Preset {
  protocol: Protocol;
  baseUrl: string;
  /** Used when no model is configured; undefined: the first that the upstream lists. */
  model: string | undefined;
}

/** Upstreams by name: what `LLM_PROVIDER` and a request's `provider` may say. */
export const PRESETS: Readonly<Record<string, Preset>> = {
  openai: { protocol: "chat-completions", baseUrl: "https://api.openai.com/v1", model: "gpt-5.5" },
  anthropic: {
    protocol: "anthropic-messages",
    baseUrl: "https://api.anthropic.com",
    model: "claude-sonnet-5",
  },
  openrouter: {
    protocol: "chat-completions",
    baseUrl: "https://openrouter.ai/api/v1",
    model: "openrouter/auto",
  },
  ollama: { protocol: "chat-completions", baseUrl: "http://127.0.0.1:11434/v1", model: undefined },
  lmstudio: { protocol: "chat-completions", baseUrl: "http://127.0.0.1:1234/v1", model: undefined },
  llamacpp: { protocol: "chat-completions", baseUrl: "http://127.0.0.1:8080/v1", model: undefined },
  demo: { protocol: "demo", baseUrl: "", model: "demo" },
};

const PROTOCOLS: Readonly<Record<string, Protocol>> = {
  "chat-completions": "chat-completions",
  chat_completions: "chat-completions",
  "anthropic-messages": "anthropic-messages",
  anthropic_messages: "anthropic-messages",
};

/** The preset of that name, if there is one; names come from outside, so what objects inherit does not count. */
export function presetOf(name: string | undefined): Preset | undefined {
  return name !== undefined && Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
}

/** The protocol that a configured name means: a protocol's own name, or a preset's. */
export function protocolOf(name: string): Protocol | undefined {
  return Object.hasOwn(PROTOCOLS, name) ? PROTOCOLS[name] : presetOf(name)?.protocol;
}

/**
 * The preset that a URL leads to: keys of a known upstream are sent there only, and never over plain HTTP to a host
 * that has HTTPS.
 */
export function presetOfHost(url: URL): string | undefined {
  return Object.entries(PRESETS).find(
    ([, preset]) => preset.baseUrl !== "" && new URL(preset.baseUrl).origin === url.origin,
  )?.[0];
}

/** The protocol of an upstream that is known only by its address and model: host, then path, then the model's name. */
export function guessProtocol(baseUrl: string, model: string | undefined): Protocol {
  const url = new URL(baseUrl);
  const known = presetOf(presetOfHost(url));
  if (known !== undefined) return known.protocol;
  if (/\/anthropic(\/v1)?(\/messages)?\/?$/.test(url.pathname)) return "anthropic-messages";
  if (/\/(chat\/completions|openai)\/?$/.test(url.pathname)) return "chat-completions";
  return model?.startsWith("claude-") ? "anthropic-messages" : "chat-completions";
}

/** A version segment: `/v1`, `/v1beta`, `/paas/v4`. */
const VERSION = /\/v\d+[a-z]*(\/|$)/;
/** Anthropic's paths stand right below the version. */
const VERSION_AT_END = /\/v\d+$/;
const FULL_PATH = /\/(chat\/completions|messages)$/;

/**
 * The address below which a protocol's paths stand, for a base URL given with or without `/v1`. One with the full
 * path is taken at its word: some servers have no version segment at all.
 */
export function endpointUrl(baseUrl: string, protocol: Protocol): string {
  const url = new URL(baseUrl);
  const path = url.pathname.replace(/\/+$/, "");
  if (FULL_PATH.test(path)) return url.origin + path.replace(FULL_PATH, "");
  const complete = (protocol === "anthropic-messages" ? VERSION_AT_END : VERSION).test(path);
  return `${url.origin}${path}${complete ? "" : "/v1"}`;
}
