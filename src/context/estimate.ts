import { readSummary } from "../domain/compaction.ts";
import type { ItemBody, Part } from "../domain/item.ts";
import type { ToolSpec } from "../domain/run.ts";
import type { ModelRequest } from "../providers/provider.ts";

/** Average of tokenizers: about 4 bytes per token in English, 3 bytes or less per Chinese character. */
const BYTES_PER_TOKEN = 4;

/** What protocols add around each item and each tool. */
const FRAME_TOKENS = 4;

/** The tokens of an image of common size as OpenAI counts it; the image itself is not read. */
const IMAGE_TOKENS = 765;
const SMALL_IMAGE_TOKENS = 85;

/** Estimates the input tokens of a model call without a tokenizer, since each model has its own. */
export function estimateTokens(request: ModelRequest): number {
  return fixedTokens(request) + request.items.reduce((sum, item) => sum + itemTokens(item), 0);
}

/** What surrounds the transcript of a model call: prompts, tools and the output format. */
export function fixedTokens(request: Omit<ModelRequest, "items">): number {
  const { core, instructions = "", tools, settings } = request;
  const { format } = settings;
  return [
    ...[core, instructions].filter((text) => text !== "").map((text) => FRAME_TOKENS + textTokens(text)),
    ...tools.map(toolTokens),
    format?.type === "json_schema" ? textTokens(JSON.stringify(format.schema)) : 0,
  ].reduce((sum, tokens) => sum + tokens, 0);
}

function textTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

function toolTokens({ name, description = "", parameters }: ToolSpec): number {
  return FRAME_TOKENS + textTokens(name + description + JSON.stringify(parameters));
}

/** Estimates the tokens of an item. */
export function itemTokens(item: ItemBody): number {
  return FRAME_TOKENS + bodyTokens(item);
}

function bodyTokens(item: ItemBody): number {
  switch (item.type) {
    case "message":
      return partsTokens(item.content);
    case "function_call":
      return textTokens(item.name + item.arguments);
    case "function_call_output":
      return typeof item.output === "string" ? textTokens(item.output) : partsTokens(item.output);
    case "reasoning":
      return textTokens(item.summary.map(({ text }) => text).join(""));
    case "compaction":
      return textTokens(readSummary(item.encrypted_content) ?? item.encrypted_content);
  }
}

function partsTokens(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + partTokens(part), 0);
}

function partTokens(part: Part): number {
  if (part.type === "input_image") return part.detail === "low" ? SMALL_IMAGE_TOKENS : IMAGE_TOKENS;
  return textTokens(part.type === "refusal" ? part.refusal : part.text);
}
