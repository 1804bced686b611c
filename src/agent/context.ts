import type { FunctionCallBody, FunctionCallOutputBody, ItemBody } from "../domain/item.ts";
import type { RunInput, ToolChoice, ToolSpec } from "../domain/run.ts";
import type { ModelRequest } from "../providers/provider.ts";

/** What stands in for the result of a call that was cut off. */
const MISSING_RESULT = "[The call was interrupted; its outcome is unknown.]";

/**
 * Makes a transcript that every provider accepts: each call followed by exactly one result, results without a call
 * dropped, and nothing before the latest compaction. Compression hooks in here.
 */
export function repairTranscript(items: readonly ItemBody[]): ItemBody[] {
  const start = items.findLastIndex((item) => item.type === "compaction");
  const kept = start > 0 ? items.slice(start) : items;
  const touched = kept.some(({ type }) => type === "function_call" || type === "function_call_output");
  return touched ? withResults(kept, resultsOf(kept)) : [...kept];
}

/** Results by call: some clients use one id again in each turn, so a result belongs to the latest call before it. */
function resultsOf(items: readonly ItemBody[]): Map<FunctionCallBody, FunctionCallOutputBody> {
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
    // What a model said in one step stands together, thinking between its calls too, before all of their results.
    if (answered || !isSaid(item)) answer();
    if (item.type === "function_call") open.push(item);
    repaired.push(item);
  }
  answer();
  return repaired;
}

/** Whether a model said it. */
export function isSaid(item: ItemBody): boolean {
  const { type } = item;
  return (
    type === "function_call" || type === "reasoning" || (type === "message" && item.role === "assistant")
  );
}

function missingResult({ call_id, name, executor }: FunctionCallBody): FunctionCallOutputBody {
  return { type: "function_call_output", call_id, name, executor, output: MISSING_RESULT, is_error: true };
}

/** Which tools a step offers. */
export interface StepTools {
  tools: readonly ToolSpec[];
  choice: ToolChoice;
}

const AUTO: ToolChoice = { mode: "auto" };

/**
 * The tools of a step. A required or named choice is for the first step, which offers only those tools (without names
 * the client's); later ones offer all. A client's tool hides the server's of the same name.
 */
export function stepTools(input: RunInput, own: readonly ToolSpec[], step: number): StepTools {
  const { tools: clients, toolChoice } = input;
  const { mode, names } = toolChoice;
  if (mode === "none") return { tools: [], choice: toolChoice };
  if (step === 1 && mode === "required" && names === undefined) return { tools: clients, choice: toolChoice };
  const all = clients.length === 0 ? own : withoutTwins(own, clients);
  if (step > 1 || names === undefined) return { tools: all, choice: AUTO };
  return { tools: all.filter(({ name }) => names.includes(name)), choice: toolChoice };
}

function withoutTwins(own: readonly ToolSpec[], clients: readonly ToolSpec[]): ToolSpec[] {
  const taken = new Set(clients.map(({ name }) => name));
  return [...own.filter(({ name }) => !taken.has(name)), ...clients];
}

/** What stays the same over the steps of a run. */
export interface RequestBasis {
  input: RunInput;
  model: string;
  core: string;
  /** Whether the upstream should stream. */
  stream: boolean;
}

/** The next model call. */
export function modelRequest(
  { input, model, core, stream }: RequestBasis,
  items: readonly ItemBody[],
  { tools, choice }: StepTools,
): ModelRequest {
  const { instructions, settings } = input;
  return { model, core, instructions, items, tools, toolChoice: choice, settings, stream };
}
