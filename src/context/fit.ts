import type { ItemBody } from "../domain/item.ts";
import type { ModelRequest } from "../providers/provider.ts";
import { fixedTokens, itemTokens } from "./estimate.ts";
import { isFromModel } from "./repair.ts";

/** Estimates may be a third too low for code and other languages; what still does not fit fails the run. */
const MARGIN = 4 / 3;

/** Room for an answer without a limit. */
const ANSWER_TOKENS = 8_000;

/** Drops the oldest items of a model call whose transcript is too long for the model. */
export function fitToModel(request: ModelRequest, contextTokens: number): ModelRequest {
  const answer = request.settings.maxOutputTokens ?? Math.min(ANSWER_TOKENS, contextTokens / 4);
  const room = contextTokens - answer - fixedTokens(request) * MARGIN;
  return { ...request, items: truncated(request.items, room) };
}

/**
 * Drops the oldest items of a transcript that is too long. The items of one model step stay together with the results
 * of its calls; a compaction, the last user message and the latest step always stay.
 */
export function truncated(items: readonly ItemBody[], maxTokens: number): readonly ItemBody[] {
  let over = estimateGroup(items) - maxTokens;
  if (over <= 0) return items;
  const groups = groupItems(items);
  const lastUser = groups.findLastIndex(([first]) => first?.type === "message" && first.role === "user");
  const kept = groups.filter((group, index) => {
    const stays = index === lastUser || index === groups.length - 1 || group[0]?.type === "compaction";
    if (over <= 0 || stays) return true;
    over -= estimateGroup(group);
    return false;
  });
  return kept.flat();
}

/** Groups items: each group is one message, or one model step with its results. */
function groupItems(items: readonly ItemBody[]): ItemBody[][] {
  const groups: ItemBody[][] = [];
  let before: ItemBody | undefined;
  for (const item of items) {
    const goesOn = before !== undefined && belongsTo(before, item);
    if (goesOn) groups.at(-1)?.push(item);
    else groups.push([item]);
    before = item;
  }
  return groups;
}

function belongsTo(before: ItemBody, item: ItemBody): boolean {
  if (item.type === "function_call_output") return true;
  return isFromModel(item) && isFromModel(before);
}

function estimateGroup(items: readonly ItemBody[]): number {
  return items.reduce((sum, item) => sum + itemTokens(item), 0) * MARGIN;
}
