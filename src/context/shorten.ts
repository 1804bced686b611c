import type { Item } from "../domain/item.ts";
import { cutTexts } from "../domain/tool-output.ts";

/** Cuts the long texts of tool outputs in a stored transcript to their beginning and end; `maxChars`: 0 for no limit. */
export function shortenOutputs(items: readonly Item[], maxChars: number): readonly Item[] {
  if (maxChars === 0) return items;
  return items.map((item) =>
    item.type === "function_call_output" ? { ...item, output: cutTexts(item.output, maxChars) } : item,
  );
}
