import { withoutNulls } from "../../../lib/json.ts";
import type { ResponsesRequest } from "./schema.ts";
import { echoedChoice, echoedTool, type ToolTerms } from "./tools.ts";

/** Fields that a response says again as they were asked for. */
const ECHOED = [
  "instructions",
  "truncation",
  "parallel_tool_calls",
  "top_p",
  "presence_penalty",
  "frequency_penalty",
  "temperature",
  "max_output_tokens",
  "max_tool_calls",
  "store",
  "background",
  "metadata",
  "safety_identifier",
  "prompt_cache_key",
  "user",
  "service_tier",
] as const satisfies readonly (keyof ResponsesRequest)[];

/** What a response says again of its request, and only what differs from the defaults: it is stored with every run. */
export function buildEcho(request: ResponsesRequest, terms: ToolTerms): Record<string, unknown> {
  const { tools, tool_choice: choice, text, reasoning } = request;
  const given: Record<string, unknown> = {
    ...Object.fromEntries(ECHOED.map((field) => [field, request[field]])),
    tools: tools?.length === 0 ? undefined : tools?.map((tool) => echoedTool(tool, terms)),
    tool_choice: choice && echoedChoice(choice, terms),
    text: text && echoedText(text),
    reasoning: reasoning && { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null },
  };
  return withoutNulls(given);
}

function echoedText({ format, verbosity }: NonNullable<ResponsesRequest["text"]>): Record<string, unknown> {
  const shown = format ?? { type: "text" as const };
  const asked =
    shown.type === "json_schema"
      ? { ...shown, description: shown.description ?? null, strict: shown.strict ?? false }
      : shown;
  return { format: asked, ...(verbosity && { verbosity }) };
}
