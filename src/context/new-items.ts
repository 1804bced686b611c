import { type RunId, runIdOfPart } from "../domain/id.ts";
import type { Item, ItemBody, Part } from "../domain/item.ts";

/**
 * Returns whether the next run of a session reads an item. Of a step that was cut, only the text counts: a cut call
 * was never made, and the outcome of a call with a cut result is unknown.
 */
export function isReadable(item: Item): boolean {
  return item.status === "completed" || (item.type === "message" && item.content.length > 0);
}

/**
 * Returns the part of a client's messages that a session does not have yet: what follows the last stored message, or
 * without a match everything from the last user message on. A client may send its whole history or only what is new;
 * nothing is new if it repeats a question that got no answer.
 */
export function newItems(sent: readonly ItemBody[], stored: readonly Item[]): ItemBody[] {
  if (stored.length === 0) return [...sent];
  const match = lastKnown(sent, stored);
  const user = sent.findLastIndex(isUser);
  const known = new Set(stored.flatMap((item) => serverCall(item) ?? []));
  return sent.slice(match >= 0 ? match + 1 : Math.max(user, 0)).filter((item) => {
    const call = serverCall(item);
    return call === undefined || !known.has(call);
  });
}

/** Returns the index of the last of a client's messages that is certainly stored, or -1. */
function lastKnown(sent: readonly ItemBody[], stored: readonly Item[]): number {
  const heard = heardBy(stored);
  const last = heard.at(-1);
  const match = sent.findLastIndex((item) => said(item) === last);
  if (last !== undefined && match >= 0) {
    // A text that occurs several times is located only together with what precedes it.
    if (heard.indexOf(last) === heard.length - 1) return match;
    const before = sent.slice(0, match).findLast((item) => said(item) !== undefined);
    if (before === undefined || said(before) === heard.at(-2)) return match;
  }
  return isAskedAgain(sent.at(-1), stored) ? sent.length - 1 : -1;
}

/** A question whose run failed is already in the session when it is sent again. */
function isAskedAgain(sent: ItemBody | undefined, stored: readonly Item[]): boolean {
  const last = stored.at(-1);
  if (sent === undefined || (last?.type === "message" && !isUser(last))) return false;
  const question = stored.findLast(isUser);
  return isUser(sent) && question !== undefined && said(sent) === said(question);
}

function isUser(item: ItemBody): boolean {
  return item.type === "message" && item.role === "user";
}

/**
 * A session as its client has seen it: all texts of one run are one message, and the server's own calls are
 * invisible.
 */
function heardBy(stored: readonly Item[]): string[] {
  const heard: string[] = [];
  let texts: { run: RunId | undefined; index: number } | undefined;
  for (const item of stored) {
    const words = said(item);
    if (words === undefined) continue;
    const run = runIdOfPart(item.id);
    const isAnswer = item.type === "message" && item.role === "assistant" && item.place === "output";
    if (isAnswer && texts !== undefined && texts.run === run) {
      heard[texts.index] += `\n\n${words.slice(ASSISTANT.length)}`;
      continue;
    }
    const index = heard.push(words) - 1;
    if (isAnswer) texts = { run, index };
  }
  return heard;
}

const ASSISTANT = "assistant:";

/** Returns the content by which an item is recognized; undefined for items that clients do not see. */
function said(item: ItemBody): string | undefined {
  if (item.type === "function_call" || item.type === "function_call_output")
    return item.executor === "client" ? `${item.type}:${item.call_id}` : undefined;
  if (item.type !== "message") return undefined;
  const words = item.content.map(comparePart).join("").trim();
  return words === "" && item.role === "assistant" ? undefined : `${item.role}:${words}`;
}

/** The same text with another image is another question. */
function comparePart(part: Part): string {
  if (part.type === "input_image") return part.image_url;
  return part.type === "refusal" ? part.refusal : part.text;
}

/** A call of one of the server's runs, or its result: only their ids are certainly unique. */
function serverCall(item: ItemBody): string | undefined {
  return (item.type === "function_call" || item.type === "function_call_output") &&
    runIdOfPart(item.call_id) !== undefined
    ? `${item.type}:${item.call_id}`
    : undefined;
}
