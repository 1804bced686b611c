import type { FunctionCallBody, FunctionCallOutputBody, ItemBody } from "../domain/item.ts";

/** Stands for the result of a call that was cut off. */
const MISSING_RESULT = "[The call was interrupted; its outcome is unknown.]";

/**
 * Makes a transcript that every provider accepts: each call is followed by exactly one result, results without a call
 * are dropped, and so is everything before the latest compaction.
 */
export function repairTranscript(items: readonly ItemBody[]): ItemBody[] {
  const start = items.findLastIndex((item) => item.type === "compaction");
  const kept = start > 0 ? items.slice(start) : items;
  const touched = kept.some(({ type }) => type === "function_call" || type === "function_call_output");
  return touched ? withResults(kept, matchResults(kept)) : [...kept];
}

/**
 * Returns results by call: some clients reuse an id in each turn, so a result belongs to the latest call before it.
 */
function matchResults(items: readonly ItemBody[]): Map<FunctionCallBody, FunctionCallOutputBody> {
  const latest = new Map<string, FunctionCallBody>();
  const results = new Map<FunctionCallBody, FunctionCallOutputBody>();
  for (const item of items) {
    if (item.type === "function_call") latest.set(item.call_id, item);
    if (item.type !== "function_call_output") continue;
    const call = latest.get(item.call_id);
    if (call !== undefined) results.set(call, item);
  }
  return results;
}

function withResults(
  items: readonly ItemBody[],
  results: ReadonlyMap<FunctionCallBody, FunctionCallOutputBody>,
): ItemBody[] {
  const repaired: ItemBody[] = [];
  let open: FunctionCallBody[] = [];
  let answered = false;
  const answer = () => {
    for (const call of open) repaired.push(results.get(call) ?? missingResult(call));
    open = [];
    answered = false;
  };
  for (const item of items) {
    if (item.type === "function_call_output") {
      answered = true;
      continue;
    }
    // The items of one model step stay together, with the results of its calls after them.
    if (answered || !isFromModel(item)) answer();
    if (item.type === "function_call") open.push(item);
    repaired.push(item);
  }
  answer();
  return repaired;
}

/** Whether the model produced the item. */
export function isFromModel(item: ItemBody): boolean {
  const { type } = item;
  return (
    type === "function_call" || type === "reasoning" || (type === "message" && item.role === "assistant")
  );
}

function missingResult({ call_id, name, executor }: FunctionCallBody): FunctionCallOutputBody {
  return { type: "function_call_output", call_id, name, executor, output: MISSING_RESULT, is_error: true };
}
