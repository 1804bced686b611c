import type { ToolSpec } from "../../domain/run.ts";
import { createEndpoint, type EndpointOptions } from "../http.ts";
import type { Provider } from "../provider.ts";
import { readAnswer } from "./answer.ts";
import { PROTOCOL, requestBody } from "./request.ts";
import { StreamReader } from "./stream.ts";

/** Settings of a chat completions upstream. */
export interface ChatCompletionsOptions extends EndpointOptions {
  name: string;
}

/**
 * OpenAI's chat completions protocol, which most servers speak.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function createChatCompletionsProvider(options: ChatCompletionsOptions): Provider {
  const endpoint = createEndpoint(options);
  const toolTexts = new WeakMap<ToolSpec, string>();
  const openai = endpoint.url.hostname === "api.openai.com";
  return {
    name: options.name,
    protocol: PROTOCOL,
    async generate(request, sink, signal) {
      const body = requestBody(request, { openai, toolTexts });
      if (!request.stream)
        return readAnswer(await endpoint.post({ path: PATH, body, signal }), request.model);
      const reader = new StreamReader(request.model, sink);
      const onText = (text: string) => reader.feed(text);
      const answer = await endpoint.post({ path: PATH, body, signal, onText });
      // Some servers answer in one piece even when asked for a stream.
      return answer.streamed ? reader.finish() : readAnswer(answer, request.model);
    },
    close: () => endpoint.close(),
  };
}

const PATH = "/chat/completions";
