import { type ItemBody, type Part, textOf } from "../domain/item.ts";
import { isSaid } from "./context.ts";

/** Rather too few bytes than too many: a transcript that still does not fit fails the run. */
const BYTES_PER_TOKEN = 3;
const TOKENS_PER_IMAGE = 1_500;
/** What every item costs besides its text. */
const TOKENS_PER_ITEM = 8;

/** How many tokens a text takes, roughly. */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN);
}

/**
 * Leaves out the oldest items of a transcript that is too long. What the model said in one step stays together with the
 * results of its calls; a compaction, the last message of a user and the latest step always stay.
 */
export function truncated(items: readonly ItemBody[], maxTokens: number): readonly ItemBody[] {
  let over = tokensOf(items) - maxTokens;
  if (over <= 0) return items;
  const groups = groupsOf(items);
  const lastUser = groups.findLastIndex(([first]) => first?.type === "message" && first.role === "user");
  const kept = groups.filter((group, index) => {
    const stays = index === lastUser || index === groups.length - 1 || group[0]?.type === "compaction";
    if (over <= 0 || stays) return true;
    over -= tokensOf(group);
    return false;
  });
  return kept.flat();
}

/** Each a message of somebody else's, or a step of the model's with its results. */
function groupsOf(items: readonly ItemBody[]): ItemBody[][] {
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
  return isSaid(item) && isSaid(before);
}

function tokensOf(items: readonly ItemBody[]): number {
  return items.reduce((sum, item) => sum + TOKENS_PER_ITEM + itemTokens(item), 0);
}

function itemTokens(item: ItemBody): number {
  switch (item.type) {
    case "message":
      return contentTokens(item.content);
    case "function_call":
      return estimateTokens(item.arguments);
    case "function_call_output":
      return contentTokens(item.output);
    case "reasoning":
      return estimateTokens(item.summary.map(({ text }) => text).join(""));
    case "compaction":
      return estimateTokens(item.encrypted_content);
  }
}

function contentTokens(content: string | readonly Part[]): number {
  const images =
    typeof content === "string" ? 0 : content.filter((part) => part.type === "input_image").length;
  return estimateTokens(textOf(content)) + images * TOKENS_PER_IMAGE;
}
