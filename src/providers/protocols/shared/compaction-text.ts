import { summaryOf } from "../../../domain/compaction.ts";
import type { ItemBody } from "../../../domain/item.ts";

/** What a model reads in place of everything that a compaction stands for. */
export function compactionText(item: Extract<ItemBody, { type: "compaction" }>): string {
  return `Summary of the conversation so far:\n${summaryOf(item.encrypted_content) ?? item.encrypted_content}`;
}
