import type { Item } from "../domain/item.ts";
import { headAndTail } from "../lib/text.ts";

/** Cuts the long tool outputs of a stored transcript to their beginning and end; `maxChars`: 0 for no limit. */
export function shortenOutputs(items: readonly Item[], maxChars: number): readonly Item[] {
  if (maxChars === 0) return items;
  return items.map((item) =>
    item.type === "function_call_output" && typeof item.output === "string"
      ? { ...item, output: headAndTail(item.output, maxChars) }
      : item,
  );
}
