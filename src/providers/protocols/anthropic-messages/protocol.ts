import type { Protocol, Upstream } from "../../protocol.ts";
import { eventStream } from "../../transport/event-stream.ts";
import { createHttpProvider } from "../../transport/http-provider.ts";
import { addVersion } from "../shared/base-url.ts";
import { MessagesAnswer } from "./answer.ts";
import { PROTOCOL } from "./messages.ts";
import { createEncoder } from "./request.ts";

/** The paths of calls stand right below the version. */
const VERSION = /\/v\d+$/;
const OWN_PATH = /\/anthropic(\/v1)?(\/messages)?\/?$/;
/** The service of the protocol's inventor. */
const ORIGIN = "https://api.anthropic.com";

/**
 * Anthropic's messages protocol. Long answers are streamed from the upstream even when nobody reads the deltas.
 * @see https://platform.claude.com/docs/en/api/messages
 */
export const anthropicMessages: Protocol = {
  name: PROTOCOL,
  aliases: ["anthropic_messages"],
  recognises: ({ pathname }, model) => OWN_PATH.test(pathname) || model?.startsWith("claude-") === true,
  endpoint: (baseUrl) => addVersion(baseUrl, VERSION),
  headers: (upstream) => ({ "anthropic-version": "2023-06-01", ...credential(upstream) }),
  create: (upstream, policy) =>
    createHttpProvider(upstream, policy, {
      framing: eventStream,
      encode: createEncoder(),
      createReader: (asked) => new MessagesAnswer(asked),
    }),
  async listModels({ baseUrl, apiKey }) {
    // Loaded here only: the SDK costs half a second, and pages through long lists.
    const { default: Anthropic } = await import("@anthropic-ai/sdk");
    // The SDK adds the version segment itself.
    const client = new Anthropic({ baseURL: baseUrl.replace(/\/v1$/, ""), apiKey: apiKey ?? "" });
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    return ids;
  },
};

/** Other servers that speak this protocol expect the key in one of the two usual headers, so they get both. */
function credential({ apiKey, baseUrl }: Upstream): Record<string, string> {
  if (apiKey === undefined) return {};
  const isForeign = new URL(baseUrl).origin !== ORIGIN;
  return { "x-api-key": apiKey, ...(isForeign && { authorization: `Bearer ${apiKey}` }) };
}
