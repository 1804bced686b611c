import { invalidRequest } from "../domain/error.ts";
import { type RunId, runIdOfPart } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import { quoted, shown } from "../lib/text.ts";
import type { Store } from "../storage/store.ts";
import { isReadable } from "./new-items.ts";

/**
 * Restores what a stateless client could not keep. The ids of the calls that it ran name the server's run: all items
 * of that run, including the server's own calls and reasoning, take their place. Ids that name no run of this owner
 * are left as they are.
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
  const makers = findMakers(items);
  for (const [i, item] of items.entries()) {
    const id = makers[i];
    const made = id === undefined ? undefined : runs.get(id);
    if (id === undefined || made === undefined) {
      restored.push(item);
      continue;
    }
    if (!placed.has(id)) restored.push(...made.filter(isRestored));
    placed.add(id);
    // The client's copy of the run's items is replaced; only its results are its own.
    if (item.type === "function_call_output" && item.executor === "client") restored.push(item);
  }
  return restored;
}

/** A result that was cut does not count: the model must not take it for the outcome. */
function isRestored(item: Item): boolean {
  return item.place === "output" && (isReadable(item) || isClientPart(item));
}

/**
 * Returns the run that produced each item, as far as the client's calls tell: what precedes such a call, back to the
 * last user message, belongs to the call's run.
 */
function findMakers(items: readonly ItemBody[]): (RunId | undefined)[] {
  const makers: (RunId | undefined)[] = [];
  let next: RunId | undefined;
  for (const item of items.toReversed()) {
    if (isClientPart(item)) {
      const id = runIdOfPart(item.call_id);
      next = item.type === "function_call" ? id : undefined;
      makers.push(id);
    } else {
      if (item.type === "compaction" || (item.type === "message" && item.role !== "assistant"))
        next = undefined;
      makers.push(next);
    }
  }
  return makers.reverse();
}

/** What the check of client calls needs. */
interface CallCheck {
  /** The request's field that holds the items; errors name it. */
  param: string;
  /** Returns whether a run was cut before its end. */
  isCut(run: RunId): Promise<boolean>;
}

/** Returns whether a run ended without completing. */
export async function isCut(store: Pick<Store, "findRun">, id: RunId, owner: string): Promise<boolean> {
  const found = await store.findRun(id, owner);
  return found !== undefined && found.endedAt !== undefined && found.status !== "completed";
}

/**
 * Checks that client calls and results match. A call of a run that was cut needs no result: its client never received
 * the end of the run, so it cannot know the call.
 * @throws ApiError 400 with the id of a result without a call, or of a client call without a result.
 */
export async function checkClientCalls(
  items: readonly ItemBody[],
  { param, isCut }: CallCheck,
): Promise<void> {
  const missing: string[] = [];
  for (const id of unansweredCalls(items, param)) {
    const run = runIdOfPart(id);
    if (run === undefined || !(await isCut(run))) missing.push(id);
  }
  if (missing.length === 0) return;
  const more = missing.length > NAMED_CALLS ? ` and ${missing.length - NAMED_CALLS} more` : "";
  const message = `No tool output was sent for ${missing.slice(0, NAMED_CALLS).map(shown).join(", ")}${more}.`;
  throw invalidRequest(param, message, "missing_tool_output");
}

/** How many calls an error names. */
const NAMED_CALLS = 5;

/**
 * Returns the ids of client calls without a result.
 * @throws ApiError 400 with the id of a result without a call.
 */
export function unansweredCalls(items: readonly ItemBody[], param: string): Set<string> {
  const calls = new Set<string>();
  const unanswered = new Set<string>();
  for (const item of items) {
    if (item.type === "function_call") calls.add(item.call_id);
    if (item.type === "function_call" && item.executor === "client") unanswered.add(item.call_id);
    if (item.type !== "function_call_output") continue;
    if (!calls.has(item.call_id)) throw orphanResult(item.call_id, param);
    unanswered.delete(item.call_id);
  }
  return unanswered;
}

function orphanResult(callId: string, param: string): Error {
  return invalidRequest(param, `No tool call was made with the id ${quoted(callId)}.`, "unknown_tool_call");
}
