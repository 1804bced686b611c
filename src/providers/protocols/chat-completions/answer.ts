import { isJsonObject, type JsonObject } from "../../../lib/json.ts";
import { errorFromObject } from "../../errors.ts";
import { type ModelResult, type ModelSink, ProviderError } from "../../provider.ts";
import { AnswerStream } from "../../transport/answer-stream.ts";
import { AnswerBuilder } from "./builder.ts";

/**
 * Reads an answer that was not streamed.
 * @throws ProviderError when it has no message, or says that the model failed.
 */
export function readAnswer(body: JsonObject, model: string): ModelResult {
  const choice = firstChoice(body);
  if (choice === undefined || !isJsonObject(choice["message"])) {
    throw new ProviderError("malformed", "The upstream's answer has no choices.");
  }
  const { tool_calls: calls, ...message } = choice["message"];
  // Whole calls have no places, and their ids may be missing or repeat.
  const placed = Array.isArray(calls)
    ? calls.map((call, index) => (isJsonObject(call) ? { ...call, index } : call))
    : [];
  const builder = new AnswerBuilder(model);
  builder.choice(choice, { ...message, tool_calls: placed });
  builder.usage(body["usage"]);
  return builder.result();
}

/** Reads a streamed answer. */
export function answerStream(model: string, sink: ModelSink): AnswerStream {
  const builder = new AnswerBuilder(model);
  return new AnswerStream(builder, sink, (chunk) => {
    if (chunk["error"] !== undefined && chunk["error"] !== null) throw errorFromObject(chunk["error"]);
    builder.usage(chunk["usage"]);
    const choice = firstChoice(chunk);
    if (choice !== undefined) builder.choice(choice, choice["delta"]);
    return false;
  });
}

function firstChoice({ choices }: JsonObject): JsonObject | undefined {
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined;
  return isJsonObject(choice) ? choice : undefined;
}
