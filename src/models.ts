import type { Config } from "./config/load.ts";
import { PROTOCOLS } from "./providers/catalogue.ts";
import { detectLocalModel } from "./providers/detect.ts";
import type { Provider } from "./providers/provider.ts";
import { createModels, type Models } from "./providers/resolve.ts";
import type { UpstreamSettings } from "./providers/upstream.ts";

/**
 * The models of a configuration; nothing is asked or connected before the first use.
 * @throws UpstreamError for a configuration that leads to no model.
 */
export function openModels({ settings, upstreams, home }: Config, provider?: Provider): Models {
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
