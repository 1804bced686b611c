import type { ToolSpec } from "../../../domain/run.ts";
import type { Provider } from "../../provider.ts";
import { callModel } from "../../transport/call.ts";
import { createEndpoint, type EndpointOptions } from "../../transport/http.ts";
import { createJsonTexts } from "../shared/json-texts.ts";
import { answerStream, readAnswer } from "./answer.ts";
import { PROTOCOL, requestBody } from "./request.ts";

/** Settings of a chat completions upstream. */
export interface ChatCompletionsOptions extends EndpointOptions {
  name: string;
  /** The upstream's key, which no error may repeat. */
  secret: string | undefined;
}

const PATH = "/chat/completions";
/** OpenAI itself, at home and at Azure. */
const OPENAI_HOST = /^api\.openai\.com$|\.openai\.azure\.com$/;

/**
 * OpenAI's chat completions protocol, which most servers speak.
 * @see https://platform.openai.com/docs/api-reference/chat/create
 */
export function createChatCompletionsProvider(options: ChatCompletionsOptions): Provider {
  const { name, secret } = options;
  const endpoint = createEndpoint(options);
  const wire = {
    openai: OPENAI_HOST.test(endpoint.url.hostname),
    toolTexts: new WeakMap<ToolSpec | readonly ToolSpec[], string>(),
    jsonText: createJsonTexts(),
  };
  return {
    name,
    protocol: PROTOCOL,
    generate(request, sink, signal) {
      // The answer's reader must not keep the request.
      const { model } = request;
      return callModel(endpoint, {
        path: PATH,
        body: requestBody(request, wire),
        signal,
        stream: request.stream ? answerStream(model, sink) : undefined,
        read: (answer) => readAnswer(answer, model),
        secret,
      });
    },
    close: () => endpoint.close(),
  };
}
