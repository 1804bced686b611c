import {
  findPreset,
  findPresetName,
  findProtocol,
  findUsualPreset,
  PRESETS,
  recogniseProtocol,
} from "./catalogue.ts";
import type { CallPolicy, Protocols, Upstream } from "./protocol.ts";
import type { Provider } from "./provider.ts";
import { withRetry } from "./retry.ts";

/** What a configuration says about one upstream. Each part may be left out when it follows from the others. */
export interface UpstreamSettings {
  /** A preset's name, a protocol's name, or with a base URL any label. */
  provider?: string | undefined;
  baseUrl?: string | undefined;
  apiKey?: string | undefined;
  model?: string | undefined;
}

/** A key from a well-known environment variable. */
interface WellKnownKey {
  apiKey: string;
  /** Where the key is used, when not at its usual place. */
  baseUrl: string | undefined;
}

/** Keys by preset name. */
type WellKnownKeys = Readonly<Record<string, WellKnownKey>>;

/** What completes an upstream's settings. */
export interface UpstreamSources {
  keys: WellKnownKeys;
  /** The protocols that the server speaks; see `PROTOCOLS`. */
  protocols: Protocols;
}

/** The settings lead to no upstream; the message says what to do. */
export class UpstreamError extends Error {}

/**
 * Completes an upstream's settings: the protocol from its name, host, path or model; the address from its preset; the
 * key from the settings, or from the well-known variable of exactly its host.
 * @throws UpstreamError, with the cure, when neither a name nor an address says where the upstream is.
 */
export function completeUpstream(settings: UpstreamSettings, { keys, protocols }: UpstreamSources): Upstream {
  const provider = settings.provider?.toLowerCase();
  const named = provider === undefined ? undefined : findProtocol(provider, protocols);
  const preset = findPreset(provider) ?? findUsualPreset(named);
  // A model inside this process: no other setting concerns it.
  if (preset?.baseUrl === "") return { ...preset, name: preset.protocol.name, apiKey: undefined };
  const baseUrl = settings.baseUrl ?? findKey(provider, keys)?.baseUrl ?? preset?.baseUrl;
  if (baseUrl === undefined) throw new UpstreamError(describeUnknown(settings.provider));
  const url = new URL(baseUrl);
  const protocol = named ?? recogniseProtocol(url, settings.model, protocols);
  const host = findPresetName(url);
  return {
    name: provider ?? host ?? url.hostname,
    protocol,
    baseUrl: protocol.endpoint(baseUrl),
    apiKey: settings.apiKey ?? chooseKey(baseUrl, provider, keys),
    model: settings.model ?? findPreset(host)?.model,
  };
}

/** Chooses the well-known key for an address: only its own host gets it, or the address that was set together with it. */
function chooseKey(baseUrl: string, provider: string | undefined, keys: WellKnownKeys): string | undefined {
  const own = findKey(findPresetName(new URL(baseUrl)), keys);
  if (own !== undefined) return own.apiKey;
  const key = findKey(provider, keys);
  return key?.baseUrl === baseUrl ? key.apiKey : undefined;
}

function findKey(name: string | undefined, keys: WellKnownKeys): WellKnownKey | undefined {
  return name !== undefined && Object.hasOwn(keys, name) ? keys[name] : undefined;
}

function describeUnknown(provider: string | undefined): string {
  const known = Object.keys(PRESETS).join(", ");
  return `The provider "${provider ?? ""}" is not known (known are ${known}). Set LLM_BASE_URL to its address.`;
}

/** Creates the provider of an upstream, which repeats failed calls; connections are made on first use. */
export function createProvider(upstream: Upstream, policy: CallPolicy): Provider {
  return withRetry(upstream.protocol.create(upstream, policy), policy);
}
