import type { Protocol } from "../../protocol.ts";
import { eventStream } from "../../transport/event-stream.ts";
import { createHttpProvider } from "../../transport/http-provider.ts";
import { addVersion } from "../shared/base-url.ts";
import { ChatAnswer } from "./answer.ts";
import { createEncoder, PROTOCOL } from "./request.ts";

/** A version segment anywhere in the path: `/v1`, `/v1beta/openai`, `/paas/v4`. */
const VERSION = /\/v\d+[a-z]*(\/|$)/;
const OWN_PATH = /\/(chat\/completions|openai)\/?$/;

/**
 * OpenAI's chat completions protocol, which most servers speak.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export const chatCompletions: Protocol = {
  name: PROTOCOL,
  aliases: ["chat_completions"],
  recognises: ({ pathname }) => OWN_PATH.test(pathname),
  endpoint: (baseUrl) => addVersion(baseUrl, VERSION),
  headers: ({ apiKey }) => (apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
  create: (upstream, policy) =>
    createHttpProvider(upstream, policy, {
      framing: eventStream,
      encode: createEncoder(upstream.baseUrl),
      createReader: (asked) => new ChatAnswer(asked),
    }),
  async listModels({ baseUrl, apiKey }) {
    // Loaded here only: the SDK costs half a second, and pages through long lists.
    const { default: OpenAI } = await import("openai");
    // Local servers need no key, but the SDK demands one.
    const client = new OpenAI({ baseURL: baseUrl, apiKey: apiKey ?? "none" });
    const ids: string[] = [];
    for await (const { id } of client.models.list()) ids.push(id);
    return ids;
  },
};
