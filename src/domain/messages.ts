import { type Item, joinText } from "./item.ts";

/**
 * A transcript as a chat has it: what a model said in one step (its thinking, its words and its calls) is one message,
 * and so is everything else. Items that are still being made are left out, and so are messages that say nothing.
 */
export function chatMessages(items: readonly Item[]): Item[][] {
  const messages: Item[][] = [];
  let open: Item[] | undefined;
  for (const item of items) {
    if (item.status === "in_progress") continue;
    if (!isSaid(item)) {
      open = undefined;
      messages.push([item]);
    } else if (open !== undefined && !isNewStep(item, open)) {
      open.push(item);
    } else {
      open = [item];
      messages.push(open);
    }
  }
  return messages.filter((message) => message.some(saysSomething));
}

function isSaid(item: Item): boolean {
  if (item.type === "message") return item.role === "assistant";
  return item.type === "function_call" || item.type === "reasoning";
}

/** A step that was cut is made again; and what a client brings along has one item for each message. */
function isNewStep(item: Item, before: readonly Item[]): boolean {
  if (before.at(-1)?.status === "incomplete") return true;
  return item.type === "message" && item.place === "input" && before.some(({ type }) => type === "message");
}

function saysSomething(item: Item): boolean {
  if (item.type === "reasoning") return item.summary.some(({ text }) => text !== "");
  return item.type !== "message" || item.role !== "assistant" || item.content.length > 0;
}

/** More than the items of any run. */
const ITEMS_OF_A_RUN = 1_000_000;

/** Where a message stands in its session: the place of its run (the oldest is 1) and the number of its first item. */
interface MessagePlace {
  run: number;
  item: number;
}

/** The number of a message in its session; it stays, whatever comes after or is taken out. */
export function messageId({ run, item }: MessagePlace): number {
  return run * ITEMS_OF_A_RUN + item;
}

/** Where the message of a number stands. */
export function messagePlace(id: number): MessagePlace {
  return { run: Math.floor(id / ITEMS_OF_A_RUN), item: id % ITEMS_OF_A_RUN };
}

const PREVIEW_CHARS = 120;
/** Enough words for a preview, however long the message is. */
const LOOKED_AT_CHARS = 1_000;

/** How the first question of a transcript begins, on one line; undefined when there is none yet. */
export function firstQuestion(items: readonly Item[]): string | undefined {
  for (const item of items) {
    if (item.type !== "message" || item.role !== "user") continue;
    const text = joinText(item.content).slice(0, LOOKED_AT_CHARS).replace(/\s+/g, " ").trim();
    if (text !== "") return text.slice(0, PREVIEW_CHARS).toWellFormed();
  }
  return undefined;
}
