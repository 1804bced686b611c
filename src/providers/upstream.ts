import {
  endpointUrl,
  guessProtocol,
  PRESETS,
  type Preset,
  type Protocol,
  presetOf,
  presetOfHost,
  protocolOf,
} from "./catalogue.ts";
import { createAnthropicMessagesProvider } from "./protocols/anthropic-messages/provider.ts";
import { createChatCompletionsProvider } from "./protocols/chat-completions/provider.ts";
import { createDemoProvider } from "./protocols/demo/provider.ts";
import type { Provider } from "./provider.ts";
import { withRetry } from "./retry.ts";

/** What a configuration says about one upstream; everything is optional as long as the rest follows from it. */
export interface UpstreamSettings {
  /** A preset's name, a protocol's name, or with a base URL any label. */
  provider?: string | undefined;
  baseUrl?: string | undefined;
  apiKey?: string | undefined;
  model?: string | undefined;
}

/** One upstream, fully known, except that its model may be left to what it lists. */
export interface Upstream {
  name: string;
  protocol: Protocol;
  /** With its version segment, for example `http://127.0.0.1:11434/v1`; "" for the demo. */
  baseUrl: string;
  apiKey: string | undefined;
  model: string | undefined;
}

/** A key from a well-known environment variable, and where it is used when not at its usual place. */
export interface WellKnownKey {
  apiKey: string;
  baseUrl: string | undefined;
}

/** Settings that lead to no upstream; the message says what to do. */
export class UpstreamError extends Error {}

/** Keys by preset name. */
export type WellKnownKeys = Readonly<Record<string, WellKnownKey>>;

/**
 * Completes an upstream's settings: the protocol from its name, host, path or model; the address from its preset;
 * the key from the settings, or from the well-known variable of the very host it is for.
 * @throws UpstreamError with the cure when neither a name nor an address says where to go.
 */
export function completeUpstream(settings: UpstreamSettings, keys: WellKnownKeys): Upstream {
  const provider = settings.provider?.toLowerCase();
  const named = provider === undefined ? undefined : protocolOf(provider);
  if (named === "demo")
    return { name: "demo", protocol: "demo", baseUrl: "", apiKey: undefined, model: "demo" };
  const preset = presetOf(provider) ?? usualPreset(named);
  const baseUrl = settings.baseUrl ?? keyOf(provider, keys)?.baseUrl ?? preset?.baseUrl;
  if (baseUrl === undefined) throw new UpstreamError(unknownProvider(settings.provider));
  const protocol = named ?? guessProtocol(baseUrl, settings.model);
  const host = presetOfHost(new URL(baseUrl));
  return {
    name: provider ?? host ?? new URL(baseUrl).hostname,
    protocol,
    baseUrl: endpointUrl(baseUrl, protocol),
    apiKey: settings.apiKey ?? keyForAddress(baseUrl, provider, keys),
    model: settings.model ?? presetOf(host)?.model,
  };
}

/** Where a protocol's inventor serves it. */
function usualPreset(protocol: Protocol | undefined): Preset | undefined {
  return Object.values(PRESETS).find((preset) => preset.protocol === protocol);
}

/** A well-known key goes only to its own host, or to the address that was set together with it. */
function keyForAddress(
  baseUrl: string,
  provider: string | undefined,
  keys: WellKnownKeys,
): string | undefined {
  const own = keyOf(presetOfHost(new URL(baseUrl)), keys);
  if (own !== undefined) return own.apiKey;
  const key = keyOf(provider, keys);
  return key?.baseUrl === baseUrl ? key.apiKey : undefined;
}

function keyOf(name: string | undefined, keys: WellKnownKeys): WellKnownKey | undefined {
  return name !== undefined && Object.hasOwn(keys, name) ? keys[name] : undefined;
}

function unknownProvider(provider: string | undefined): string {
  const known = Object.keys(PRESETS).join(", ");
  return `The provider "${provider ?? ""}" is not known (known are ${known}). Set LLM_BASE_URL to its address.`;
}

/** How patient and persistent calls are. */
export interface CallPolicy {
  timeoutMs: number;
  idleTimeoutMs: number;
  maxRetries: number;
}

/** Opens an upstream; connections are made on first use. A new protocol is one more line here. */
export function createProvider(upstream: Upstream, policy: CallPolicy): Provider {
  const options = {
    ...policy,
    name: upstream.name,
    baseUrl: upstream.baseUrl,
    headers: authHeaders(upstream),
    secret: upstream.apiKey,
  };
  switch (upstream.protocol) {
    case "demo":
      return createDemoProvider();
    case "chat-completions":
      return withRetry(createChatCompletionsProvider(options), policy);
    case "anthropic-messages":
      return withRetry(createAnthropicMessagesProvider(options), policy);
  }
}

const ANTHROPIC_VERSION = { "anthropic-version": "2023-06-01" };

/**
 * The credential as the protocol carries it. Others than Anthropic that speak its protocol want the key in one of the
 * two usual headers, so they get both.
 */
export function authHeaders({ protocol, apiKey, baseUrl }: Upstream): Record<string, string> {
  const version = protocol === "anthropic-messages" ? ANTHROPIC_VERSION : {};
  if (apiKey === undefined) return version;
  const bearer = { authorization: `Bearer ${apiKey}` };
  if (protocol !== "anthropic-messages") return bearer;
  const foreign = presetOfHost(new URL(baseUrl)) !== "anthropic";
  return { ...version, "x-api-key": apiKey, ...(foreign ? bearer : {}) };
}
