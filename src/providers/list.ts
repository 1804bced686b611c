import type { Upstream } from "./upstream.ts";

/**
 * The ids of all models that an upstream offers, sorted. The SDKs page through long lists; they are loaded here only,
 * where half a second does not matter.
 * @throws the SDK's error when the upstream refuses or does not answer.
 */
export async function listModels({ protocol, baseUrl, apiKey }: Upstream): Promise<string[]> {
  if (protocol === "demo") return ["demo"];
  const ids: string[] = [];
  if (protocol === "anthropic-messages") {
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    // The SDK adds the version segment itself.
    const client = new Anthropic({ baseURL: baseUrl.replace(/\/v1$/, ""), apiKey: apiKey ?? "" });
    for await (const model of client.models.list()) ids.push(model.id);
  } else {
    const { default: OpenAI } = await import("openai");
    // Local servers need no key, but the SDK wants one.
    const client = new OpenAI({ baseURL: baseUrl, apiKey: apiKey ?? "none" });
    for await (const model of client.models.list()) ids.push(model.id);
  }
  return ids.sort();
}
