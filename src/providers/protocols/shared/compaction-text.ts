import { readSummary } from "../../../domain/compaction.ts";
import type { ItemBody } from "../../../domain/item.ts";

/** Writes what a model reads in place of the items that a compaction replaces. */
export function describeCompaction(item: Extract<ItemBody, { type: "compaction" }>): string {
  return `Summary of the conversation so far:\n${readSummary(item.encrypted_content) ?? item.encrypted_content}`;
}
