import type { FunctionCallItem, FunctionCallOutputItem } from "../domain/item.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Transcript } from "./transcript.ts";

/** What running calls needs. */
export interface CallContext {
  tools: ToolRegistry;
  transcript: Transcript;
  signal: AbortSignal;
  /** Told before a call starts that may change something. */
  onEffect(): void;
}

/**
 * Runs one step's calls side by side. Results are numbered and returned in the order of the calls, and each is told
 * as soon as it is there. A call never fails the run: what goes wrong is a result that the model reads.
 */
export async function runToolCalls(
  calls: readonly FunctionCallItem[],
  context: CallContext,
): Promise<FunctionCallOutputItem[]> {
  const { tools, transcript } = context;
  const started = calls.map((call) => {
    const result = transcript.resultOf(call, tools.display(call));
    if (tools.effect(call.name) !== "read") context.onEffect();
    transcript.begin(result);
    return { call, result };
  });
  const results = await Promise.all(started.map(({ call, result }) => runCall(call, result, context)));
  context.signal.throwIfAborted();
  return results;
}

async function runCall(
  call: FunctionCallItem,
  result: FunctionCallOutputItem,
  { tools, transcript, signal }: CallContext,
): Promise<FunctionCallOutputItem> {
  const { output, isError } = await tools.call({
    name: call.name,
    arguments: call.arguments,
    callId: call.call_id,
    signal,
    progress: (text) => transcript.progress(result, text),
  });
  // A result that came because the run was stopped is not the call's own; the run closes it as incomplete.
  if (signal.aborted) return result;
  const done: FunctionCallOutputItem = {
    ...result,
    status: "completed",
    output,
    ...(isError && { is_error: true }),
  };
  transcript.done(done);
  return done;
}
