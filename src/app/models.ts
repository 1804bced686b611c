import { modelRoutes } from "../../routes/openai/models.ts";
import type { Config } from "../config/load.ts";
import { PROTOCOLS } from "../providers/catalogue.ts";
import { detectLocalModel } from "../providers/detect.ts";
import type { Provider } from "../providers/provider.ts";
import { createModels, type Models } from "../providers/resolve.ts";
import type { UpstreamSettings } from "../providers/upstream.ts";
import type { Model } from "../wire/openai/models/schema.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";

/** Constant, so that a client's list does not look new each time. */
const MODELS_CREATED = 1_767_225_600;

/** The models that serve requests. */
interface ModelsPart extends Part {
  readonly models: Models;
}

/**
 * Opens the models of the configuration, or one provider in place of them all; nothing is asked or connected before the
 * first use.
 * @throws UpstreamError for a configuration that leads to no model.
 */
export function openModels({ config }: Pick<AppContext, "config">, provider?: Provider): ModelsPart {
  const models = configuredModels(config, provider);
  const list = listModels(models, config.settings.llm.context_length);
  return {
    name: "models",
    models,
    routes: (http) => modelRoutes(http, { models: () => list }),
    health: {
      model: async () => {
        const { upstream } = await models.default();
        return { status: "ok", detail: `${upstream.name} ${upstream.model ?? "(the first it lists)"}` };
      },
    },
    stop: () => models.close(),
  };
}

function configuredModels({ settings, upstreams, home }: Config, provider?: Provider): Models {
  const { llm, server } = settings;
  const configured: UpstreamSettings = {
    provider: llm.provider ?? llm.protocol,
    baseUrl: llm.base_url,
    apiKey: llm.api_key,
    model: llm.model,
  };
  const isConfigured = Object.values(configured).some((value) => value !== undefined);
  const routes = Object.entries(server.model_routes).map(([alias, route]) => {
    const { model, provider: name, api_key: apiKey, base_url: baseUrl } = route;
    return [alias, { model, provider: name, apiKey, baseUrl }] as const;
  });
  return createModels({
    name: server.model_name ?? home.profile ?? "hermes-agent",
    primary: isConfigured ? configured : undefined,
    keys: upstreams,
    protocols: PROTOCOLS,
    routes: Object.fromEntries(routes),
    direct: server.direct_model_requests,
    policy: {
      timeoutMs: llm.timeout_seconds * 1000,
      idleTimeoutMs: llm.idle_timeout_seconds * 1000,
      maxRetries: llm.max_retries,
    },
    detect: llm.autodetect ? () => detectLocalModel() : undefined,
    ...(provider !== undefined && { provider }),
  });
}

function listModels(models: Models, contextLength: number): Model[] {
  return models.list().map(({ id, root, parent }) => ({
    id,
    object: "model" as const,
    created: MODELS_CREATED,
    owned_by: "hermes",
    permission: [],
    root,
    parent,
    name: id,
    context_length: contextLength,
    architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
  }));
}
