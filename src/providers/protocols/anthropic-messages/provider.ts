import type { ToolSpec } from "../../../domain/run.ts";
import type { ModelSink, Provider } from "../../provider.ts";
import { callModel } from "../../transport/call.ts";
import { createEndpoint, type EndpointOptions } from "../../transport/http.ts";
import { createJsonTexts } from "../shared/json-texts.ts";
import { answerStream, readAnswer } from "./answer.ts";
import { PROTOCOL } from "./messages.ts";
import { wireRequest } from "./request.ts";

/** Settings of a messages upstream. */
export interface AnthropicMessagesOptions extends EndpointOptions {
  name: string;
  /** The upstream's key, which no error may repeat. */
  secret: string | undefined;
}

const PATH = "/messages";

/**
 * Anthropic's messages protocol. Long answers are streamed from the upstream even when nobody reads the deltas.
 * @see https://platform.claude.com/docs/en/api/messages
 */
export function createAnthropicMessagesProvider(options: AnthropicMessagesOptions): Provider {
  const { name, secret } = options;
  const endpoint = createEndpoint(options);
  const memory = {
    tools: new WeakMap<ToolSpec, string>(),
    strictTools: new WeakMap<ToolSpec, string>(),
    jsonText: createJsonTexts(),
  };
  return {
    name,
    protocol: PROTOCOL,
    generate(request, sink, signal) {
      const { body, stream } = wireRequest(request, memory);
      // The answer's reader must not keep the request.
      const { model } = request;
      return callModel(endpoint, {
        path: PATH,
        body,
        signal,
        stream: stream ? answerStream(model, request.stream ? sink : nobody) : undefined,
        read: (answer) => readAnswer(answer, model),
        secret,
      });
    },
    close: () => endpoint.close(),
  };
}

const nobody: ModelSink = () => {};
