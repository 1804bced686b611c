import type { FunctionCallItem, FunctionCallOutputItem } from "../domain/item.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Transcript } from "./transcript.ts";

/** What running calls needs. */
export interface CallContext {
  tools: ToolRegistry;
  transcript: Transcript;
  signal: AbortSignal;
  /** How many of the calls are run, the first ones; the others are answered with a refusal. */
  mayRun: number;
  /** Resolves when everything told so far is stored; undefined where nobody goes on after a crash. */
  settled: (() => Promise<void>) | undefined;
  /** Results of calls that a former process began, by call id. */
  begun?: ReadonlyMap<string, FunctionCallOutputItem>;
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
  const started = calls.map((call, index) => ({ call, result: startOf(call, index, context) }));
  const running = started.map(({ call, result }) =>
    result.status === "completed" ? result : runCall(call, result, context),
  );
  const results = await untilStopped(Promise.all(running), context.signal);
  context.signal.throwIfAborted();
  return results;
}

/** The result of a call as it is at its start; done where the call is not run, or not again. */
function startOf(call: FunctionCallItem, index: number, context: CallContext): FunctionCallOutputItem {
  const { tools, transcript, begun, mayRun } = context;
  const effect = tools.effect(call.name);
  const isRefused = index >= mayRun;
  if (!isRefused && effect !== "read") context.onEffect();
  const left = begun?.get(call.call_id);
  if (left?.status === "completed") return left;
  const result = left ?? transcript.resultOf(call, tools.display(call));
  if (left === undefined) transcript.begin(result);
  if (isRefused) return closed(result, OVER_LIMIT, transcript);
  return left !== undefined && effect === "write" ? closed(result, UNKNOWN_OUTCOME, transcript) : result;
}

function closed(
  result: FunctionCallOutputItem,
  output: string,
  transcript: Transcript,
): FunctionCallOutputItem {
  const done: FunctionCallOutputItem = { ...result, status: "completed", output, is_error: true };
  transcript.done(done);
  return done;
}

/** What a model reads of a call beyond the request's limit. */
const OVER_LIMIT = "[Not run: the limit of tool calls is reached.]";

/** What a model reads of a call that may have been made, whole or in part. */
const UNKNOWN_OUTCOME =
  "[The server was restarted while this call was going on; its outcome is unknown. Look at what it did before you repeat it.]";

/** How long tools may take to end when the run is stopped, ms: longer than ending a process group takes. */
const STOP_GRACE_MS = 2_000;

/** A tool that does not heed the signal must not keep its run, and its session, for ever. */
function untilStopped<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const stop = () => {
      timer = setTimeout(() => reject(signal.reason), STOP_GRACE_MS);
    };
    signal.addEventListener("abort", stop, { once: true });
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
    });
  });
}

async function runCall(
  call: FunctionCallItem,
  result: FunctionCallOutputItem,
  { tools, transcript, signal, settled }: CallContext,
): Promise<FunctionCallOutputItem> {
  // A call that must not be made twice, or only under its own id, must be known to have begun.
  if (settled !== undefined && tools.effect(call.name) !== "read") await settled();
  if (signal.aborted) return result;
  const { output, isError } = await tools.call({
    name: call.name,
    arguments: call.arguments,
    callId: call.call_id,
    signal,
    progress: (text) => transcript.progress(result, text),
  });
  // A result that came because the run was stopped is not the call's own; the run closes it as incomplete.
  if (signal.aborted || !transcript.isOpen(result)) return result;
  const done: FunctionCallOutputItem = {
    ...result,
    status: "completed",
    output,
    ...(isError && { is_error: true }),
  };
  transcript.done(done);
  return done;
}
