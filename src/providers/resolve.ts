import { type ApiError, invalidRequest } from "../domain/error.ts";
import { quoted } from "../lib/text.ts";
import { findFirstModel, type LocalModel } from "./detect.ts";
import type { CallPolicy, Upstream } from "./protocol.ts";
import { type Provider, ProviderError } from "./provider.ts";
import { completeUpstream, createProvider, type UpstreamSettings, type UpstreamSources } from "./upstream.ts";

/** What the models of a server are made from. */
export interface ModelsOptions extends UpstreamSources {
  /** The advertised name, for example `hermes-agent`. */
  name: string;
  /** The configured upstream; undefined: the first that is found. */
  primary: UpstreamSettings | undefined;
  routes: Readonly<Record<string, UpstreamSettings & { model: string }>>;
  /** Whether a `model` without a provider that this server does not know is passed to the default upstream. */
  direct: boolean;
  policy: CallPolicy;
  /** Looks for a model server on this machine; undefined: switched off. */
  detect: (() => Promise<LocalModel | undefined>) | undefined;
  /** Answers in place of every upstream; for tests. */
  provider?: Provider;
}

/** A provider and a model that can serve a request. */
export interface Target {
  provider: Provider;
  model: string;
  /** `plain`: the bare model, without tools, memory and core prompt. */
  mode: "agent" | "plain";
}

/** What can serve a request, in order of preference; all have the same mode. */
type Targets = readonly [Target, ...Target[]];

/** A model as `/v1/models` lists it. */
interface ModelEntry {
  id: string;
  /** The model behind an alias, or the entry's own id. */
  root: string;
  parent: string | null;
}

/** The default upstream, and why it is the default; for the log. */
interface DefaultModel {
  upstream: Upstream;
  reason: string;
}

/** What a request says about its model. */
export interface ModelQuestion {
  model?: string | undefined;
  provider?: string | undefined;
  /** True: an unknown `model` without a provider is passed on, whatever is configured. */
  isChosen?: boolean | undefined;
}

/** The models of one server. */
export interface Models {
  /** The advertised name of the default. */
  readonly name: string;
  /** Finds the default, once; takes at most as long as looking for a local server. */
  default(): Promise<DefaultModel>;
  /**
   * Finds what can serve a request.
   * @throws ApiError 400 for a provider that is not configured or contradicts the model; ProviderError when the
   * upstream must be asked for its models and lists none or does not answer.
   * @see hermes-agent's API, per-request model choice
   */
  resolve(question: ModelQuestion): Promise<Targets>;
  list(): ModelEntry[];
  close(): Promise<void>;
}

/** Presets that a key in the environment alone configures, in order of preference. */
const PREFERENCE = ["openai", "anthropic", "openrouter"];

const LIST_TIMEOUT_MS = 5_000;

/**
 * Creates the models of a server; nothing is asked or connected before the first use.
 * @throws UpstreamError for settings that lead to no upstream, so that the start fails and not the first request.
 */
export function createModels(options: ModelsOptions): Models {
  const { primary, routes } = options;
  if (primary !== undefined) completePrimary(primary, options);
  for (const route of Object.values(routes)) if (hasOwnUpstream(route)) completeUpstream(route, options);
  return new ConfiguredModels(options);
}

interface Choice {
  mode: Target["mode"];
  /** Undefined: the upstream's default. */
  model: string | undefined;
}

class ConfiguredModels implements Models {
  readonly name: string;
  readonly #options: ModelsOptions;
  #default: Promise<DefaultModel> | undefined;
  /** Upstreams other than the default, by alias or provider name. */
  readonly #upstreams = new Map<string, Upstream>();
  readonly #providers = new Map<Upstream, Provider>();

  constructor(options: ModelsOptions) {
    this.#options = options;
    this.name = options.name;
  }

  default(): Promise<DefaultModel> {
    this.#default ??= chooseDefault(this.#options);
    return this.#default;
  }

  async resolve(question: ModelQuestion): Promise<Targets> {
    const { routes, name, direct } = this.#options;
    const { provider, model } = readPrefix(question);
    const alias = model !== undefined && Object.hasOwn(routes, model) ? routes[model] : undefined;
    if (alias !== undefined) {
      const upstream = await this.#findRouted(`route ${model}`, alias);
      if (provider !== undefined && provider !== upstream.name)
        throw providerConflict(model, upstream.name, provider);
      return this.#toTargets(upstream, { mode: "agent", model: alias.model });
    }
    const plain = model === `${name}-lite`;
    const byDefault = plain || model === undefined || model === name || model === "default";
    const choice: Choice = { mode: plain ? "plain" : "agent", model: byDefault ? undefined : model };
    if (provider === undefined && !direct && question.isChosen !== true) choice.model = undefined;
    return this.#toTargets(await this.#findNamed(provider), choice);
  }

  /** Returns a route's own upstream, or the default one where the route names only a model or a key. */
  async #findRouted(key: string, route: UpstreamSettings): Promise<Upstream> {
    if (hasOwnUpstream(route)) return this.#remember(key, () => completeUpstream(route, this.#options));
    const { upstream } = await this.default();
    const { apiKey } = route;
    return apiKey === undefined ? upstream : this.#remember(key, () => ({ ...upstream, apiKey }));
  }

  /** Returns the upstream of that name, or the default one without a name. */
  async #findNamed(provider: string | undefined): Promise<Upstream> {
    const { upstream } = await this.default();
    if (provider === undefined || provider === upstream.name) return upstream;
    return this.#remember(provider, () => completeNamed(provider, this.#options));
  }

  list(): ModelEntry[] {
    const { name, routes } = this.#options;
    return [
      { id: name, root: name, parent: null },
      { id: `${name}-lite`, root: name, parent: name },
      ...Object.entries(routes).map(([id, { model }]) => ({ id, root: model, parent: name })),
    ];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#providers.values()].map((provider) => provider.close()));
  }

  #remember(key: string, complete: () => Upstream): Upstream {
    const known = this.#upstreams.get(key) ?? complete();
    this.#upstreams.set(key, known);
    return known;
  }

  async #toTargets(upstream: Upstream, choice: Choice): Promise<Targets> {
    if (choice.model === undefined && upstream.model === undefined)
      upstream.model = await findListedModel(upstream);
    const model = choice.model ?? (upstream.model as string);
    return [{ provider: this.#openProvider(upstream), model, mode: choice.mode }];
  }

  #openProvider(upstream: Upstream): Provider {
    const known = this.#providers.get(upstream);
    if (known !== undefined) return known;
    const provider = this.#options.provider ?? createProvider(upstream, this.#options.policy);
    this.#providers.set(upstream, provider);
    return provider;
  }
}

function hasOwnUpstream({ provider, baseUrl }: UpstreamSettings): boolean {
  return provider !== undefined || baseUrl !== undefined;
}

/** Splits a `model` that names its provider: `@provider:model` or `provider::model`. */
function readPrefix({ model, provider }: ModelQuestion): ModelQuestion {
  const asked = provider?.toLowerCase();
  const prefix = model === undefined ? null : /^(?:@([^:]+):|([^:]+)::)(.+)$/.exec(model);
  if (prefix === null) return { model, provider: asked };
  const owner = (prefix[1] ?? prefix[2] ?? "").toLowerCase();
  if (asked !== undefined && asked !== owner) throw providerConflict(model, owner, asked);
  return { model: prefix[3], provider: owner };
}

function providerConflict(model: string | undefined, owner: string, asked: string): ApiError {
  const message = `The model ${quoted(model ?? "")} belongs to the provider ${quoted(owner)}, not to ${quoted(asked)}.`;
  return invalidRequest("provider", message, "provider_conflict");
}

function completeNamed(provider: string, options: ModelsOptions): Upstream {
  const configured = PREFERENCE.filter((name) => options.keys[name] !== undefined);
  if (!configured.includes(provider)) {
    const known = configured.length === 0 ? "" : ` Besides the default there are: ${configured.join(", ")}.`;
    throw invalidRequest(
      "provider",
      `The provider ${quoted(provider)} is not configured here.${known}`,
      "provider_not_found",
    );
  }
  return completeUpstream({ provider }, options);
}

async function chooseDefault(options: ModelsOptions): Promise<DefaultModel> {
  const { primary, keys } = options;
  const completed = primary === undefined ? undefined : completePrimary(primary, options);
  if (completed !== undefined) return { upstream: completed, reason: "configured" };
  const preset = PREFERENCE.find((name) => keys[name] !== undefined);
  if (preset !== undefined) {
    return {
      upstream: completeUpstream({ provider: preset }, options),
      reason: `${preset.toUpperCase()}_API_KEY is set`,
    };
  }
  const local = await options.detect?.();
  if (local !== undefined) {
    const settings = { provider: local.preset, baseUrl: local.baseUrl, model: primary?.model ?? local.model };
    return {
      upstream: completeUpstream(settings, options),
      reason: `found on this machine at ${local.baseUrl}`,
    };
  }
  return { upstream: completeUpstream({ provider: "demo" }, options), reason: "no model is configured" };
}

/** Returns undefined when the settings name only a model: whichever upstream is found then serves it. */
function completePrimary(primary: UpstreamSettings, sources: UpstreamSources): Upstream | undefined {
  const { keys } = sources;
  if (hasOwnUpstream(primary)) return completeUpstream(primary, sources);
  const found = PREFERENCE.find((name) => keys[name] !== undefined);
  const provider = guessPresetByKey(primary.apiKey) ?? guessPresetByModel(primary.model, keys) ?? found;
  return provider === undefined ? undefined : completeUpstream({ ...primary, provider }, sources);
}

function guessPresetByKey(apiKey: string | undefined): string | undefined {
  if (apiKey === undefined) return undefined;
  if (apiKey.startsWith("sk-ant-")) return "anthropic";
  return apiKey.startsWith("sk-or-") ? "openrouter" : "openai";
}

function guessPresetByModel(model: string | undefined, keys: UpstreamSources["keys"]): string | undefined {
  if (model?.startsWith("claude-") && keys["anthropic"] !== undefined) return "anthropic";
  return model?.includes("/") && keys["openrouter"] !== undefined ? "openrouter" : undefined;
}

async function findListedModel(upstream: Upstream): Promise<string> {
  const signal = AbortSignal.timeout(LIST_TIMEOUT_MS);
  const model = await findFirstModel(upstream.baseUrl, {
    signal,
    headers: upstream.protocol.headers(upstream),
  });
  if (model === undefined) {
    throw new ProviderError(
      "not_found",
      "No model is configured and the upstream lists none. Set LLM_MODEL.",
      {
        retryable: false,
      },
    );
  }
  return model;
}
