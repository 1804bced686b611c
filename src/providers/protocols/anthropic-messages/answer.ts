import type { RawMessageStreamEvent } from "@anthropic-ai/sdk/resources/messages/messages";
import { isJsonObject, type JsonObject } from "../../../lib/json.ts";
import { errorFromObject } from "../../errors.ts";
import { type ModelResult, type ModelSink, ProviderError } from "../../provider.ts";
import { AnswerStream } from "../../transport/answer-stream.ts";
import { AnswerBuilder } from "./builder.ts";

/**
 * Reads an answer that was not streamed.
 * @throws ProviderError when it has no content.
 */
export function readAnswer(body: JsonObject, model: string): ModelResult {
  const { content } = body;
  if (!Array.isArray(content)) throw new ProviderError("malformed", "The upstream's answer has no content.");
  const builder = new AnswerBuilder(model);
  for (const [place, block] of content.entries()) if (isJsonObject(block)) builder.begin(place, block);
  builder.stop(body);
  builder.usage(body["usage"]);
  return builder.result();
}

/**
 * Reads a streamed answer.
 * @see https://platform.claude.com/docs/en/build-with-claude/streaming
 */
export function answerStream(model: string, sink: ModelSink): AnswerStream {
  const builder = new AnswerBuilder(model);
  return new AnswerStream(builder, sink, (event) => {
    const type = event["type"] as RawMessageStreamEvent["type"] | "error" | "ping";
    if (type === "error") throw errorFromObject(event["error"]);
    READERS.get(type)?.(builder, event);
    return type === "message_stop";
  });
}

type EventReader = (builder: AnswerBuilder, event: JsonObject) => unknown;

/** By the event's type; new types may come at any time and are passed over. */
const READERS: ReadonlyMap<unknown, EventReader> = new Map<RawMessageStreamEvent["type"], EventReader>([
  ["content_block_delta", (builder, { index, delta }) => isJsonObject(delta) && builder.delta(index, delta)],
  [
    "content_block_start",
    (builder, { index, content_block: block }) => isJsonObject(block) && builder.begin(index, block),
  ],
  ["message_start", (builder, { message }) => isJsonObject(message) && builder.usage(message["usage"])],
  [
    "message_delta",
    (builder, { usage, delta }) => {
      builder.usage(usage);
      if (isJsonObject(delta)) builder.stop(delta);
    },
  ],
]);
