import { isDeepStrictEqual } from "node:util";
import { invalidRequest } from "../domain/error.ts";
import { type RunId, runIdOfPart } from "../domain/id.ts";
import { type Item, type ItemBody, textOf } from "../domain/item.ts";
import type { Store } from "../storage/store.ts";

/**
 * Puts back what a stateless client could not keep. It sends the calls that it ran itself, under ids that name our
 * run: in their place come all items that this run made, the server's own calls and reasoning included. Ids that
 * name no run of this owner are left as they are.
 */
export async function restoreClientRuns(
  items: readonly ItemBody[],
  owner: string,
  store: Store,
): Promise<ItemBody[]> {
  const runs = new Map<RunId, Item[]>();
  for (const item of items) {
    const id = isClientPart(item) ? runIdOfPart(item.call_id) : undefined;
    if (id === undefined || runs.has(id)) continue;
    if ((await store.findRun(id, owner)) !== undefined) runs.set(id, await store.readOutput(id));
  }
  return runs.size === 0 ? [...items] : spliceRuns(items, runs);
}

type ClientPart = Extract<ItemBody, { type: "function_call" | "function_call_output" }>;

function isClientPart(item: ItemBody): item is ClientPart {
  return (
    (item.type === "function_call" || item.type === "function_call_output") && item.executor === "client"
  );
}

function spliceRuns(items: readonly ItemBody[], runs: Map<RunId, Item[]>): ItemBody[] {
  const restored: ItemBody[] = [];
  const placed = new Set<RunId>();
  for (const [i, item] of items.entries()) {
    const id = runOf(item) ?? runOfNextCall(items, i);
    const made = id === undefined ? undefined : runs.get(id);
    if (id === undefined || made === undefined) {
      restored.push(item);
      continue;
    }
    if (!placed.has(id)) restored.push(...made.filter(({ place }) => place === "output"));
    placed.add(id);
    // The client's copy of what the run made is replaced; only its results are its own.
    if (item.type === "function_call_output") restored.push(item);
  }
  return restored;
}

function runOf(item: ItemBody): RunId | undefined {
  return isClientPart(item) ? runIdOfPart(item.call_id) : undefined;
}

/** An assistant's text belongs to the same step as the calls that follow it directly. */
function runOfNextCall(items: readonly ItemBody[], index: number): RunId | undefined {
  const item = items[index];
  const next = items[index + 1];
  if (item?.type !== "message" || item.role !== "assistant" || next?.type !== "function_call")
    return undefined;
  return runOf(next);
}

/**
 * Checks that client calls and their results belong together. A call of a run that was cut waits for no result: its
 * client never had the run's end, so it cannot know that it was to answer.
 * @throws ApiError 400 naming the id of a result without a call, or of a client call without a result.
 */
export async function checkClientCalls(
  items: readonly ItemBody[],
  isCut: (run: RunId) => Promise<boolean>,
): Promise<void> {
  const missing: string[] = [];
  for (const id of unansweredCalls(items)) {
    const run = runIdOfPart(id);
    if (run === undefined || !(await isCut(run))) missing.push(id);
  }
  if (missing.length === 0) return;
  const message = `No tool output was sent for ${missing.join(", ")}.`;
  throw invalidRequest("messages", message, "missing_tool_output");
}

/** The ids of client calls without a result. */
function unansweredCalls(items: readonly ItemBody[]): Set<string> {
  const calls = new Set<string>();
  const unanswered = new Set<string>();
  for (const item of items) {
    if (item.type === "function_call") calls.add(item.call_id);
    if (item.type === "function_call" && item.executor === "client") unanswered.add(item.call_id);
    if (item.type !== "function_call_output") continue;
    if (!calls.has(item.call_id)) throw orphanResult(item.call_id);
    unanswered.delete(item.call_id);
  }
  return unanswered;
}

function orphanResult(callId: string): Error {
  return invalidRequest(
    "messages",
    `No tool call was made with the id ${JSON.stringify(callId)}.`,
    "unknown_tool_call",
  );
}

/**
 * What of a client's messages a session does not have yet: what follows the last stored message; without a match,
 * everything from the last user message on. A client may send its whole history or only what is new; nothing is, when it
 * repeats a question that got no answer.
 */
export function newItems(sent: readonly ItemBody[], stored: readonly Item[]): ItemBody[] {
  if (stored.length === 0) return [...sent];
  const last = lastMessage(stored);
  const match = last === undefined ? -1 : sent.findLastIndex((item) => said(item) === last);
  if (match >= 0 && match < sent.length - 1) return sent.slice(match + 1);
  if (isAskedAgain(sent.at(-1), stored.at(-1))) return [];
  const user = sent.findLastIndex((item) => item.type === "message" && item.role === "user");
  return sent.slice(Math.max(user, 0));
}

/** A question that got no answer, because its run failed, is in the session already when it is sent again. */
function isAskedAgain(sent: ItemBody | undefined, stored: Item | undefined): boolean {
  const isQuestion = stored?.type === "message" && stored.role === "user";
  // Content as a whole: the same words beside another picture are another question.
  return isQuestion && sent?.type === "message" && isDeepStrictEqual(sent.content, stored.content);
}

/** What the last stored run said last, as its client saw it: a call by its id, else all of the run's text together. */
function lastMessage(stored: readonly Item[]): string | undefined {
  const last = stored.findLast(({ type }) => type === "message" || type === "function_call");
  if (last === undefined || last.type === "function_call") return said(last);
  if (last.type !== "message" || last.role !== "assistant") return said(last);
  const run = runIdOfPart(last.id);
  const texts = stored.filter(
    (item) => item.type === "message" && item.role === "assistant" && runIdOfPart(item.id) === run,
  );
  return `assistant:${texts
    .map((item) => (item.type === "message" ? textOf(item.content) : ""))
    .join("\n\n")
    .trim()}`;
}

function said(item: ItemBody | undefined): string | undefined {
  if (item?.type === "function_call") return `call:${item.call_id}`;
  return item?.type === "message" ? `${item.role}:${textOf(item.content).trim()}` : undefined;
}
