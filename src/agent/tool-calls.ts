import { type CallDescription, isGranted, type Settlement } from "../domain/interactions.ts";
import type { FunctionCallItem, FunctionCallOutputItem } from "../domain/item.ts";
import type { Run } from "../domain/run.ts";
import type { CallTerms, PreparedCall, ToolOutcome } from "../tools/prepared-call.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { RunInteractions } from "./interactions.ts";
import { RunStop } from "./stop.ts";
import type { Transcript } from "./transcript.ts";

/** What running calls needs. */
interface CallContext {
  run: Run;
  tools: ToolRegistry;
  transcript: Transcript;
  signal: AbortSignal;
  /** How many calls may run, counted from the first; the others are refused. */
  mayRun: number;
  /** Resolves when everything emitted so far is stored; undefined for a run that is not resumed after a crash. */
  settled: (() => Promise<void>) | undefined;
  /** Asks people about calls that need it; undefined: such calls are denied. */
  person: RunInteractions | undefined;
  /** Results of calls that a former process started, by call id. */
  begun?: ReadonlyMap<string, FunctionCallOutputItem>;
  /** Called before a call starts that may change something. */
  onEffect(): void;
}

/**
 * Runs the calls of one step in parallel: each is prepared, executed and finalized. Results are numbered and returned
 * in the order of the calls, and each is emitted as soon as it is complete. A call never fails the run: its errors
 * are results that the model reads.
 */
export async function runToolCalls(
  calls: readonly FunctionCallItem[],
  context: CallContext,
): Promise<FunctionCallOutputItem[]> {
  const started = calls.map((call, index) => startCall(call, index, context));
  const running = started.map((start) => runCall(start, context));
  const results = await untilStopped(allEnded(running), context.signal);
  context.signal.throwIfAborted();
  return results;
}

/** Waits for all calls. If one is left to the next process, the others end first, so that it knows their results. */
async function allEnded<Result>(work: readonly Promise<Result>[]): Promise<Result[]> {
  try {
    return await Promise.all(work);
  } catch (error) {
    if (error instanceof RunStop && error.suspends) await Promise.allSettled(work);
    throw error;
  }
}

/** A call to make, or one that was made. */
interface StartedCall {
  callId: string;
  prepared: PreparedCall;
  /** The result at the start of the call; complete if the call is not run or not repeated. */
  result: FunctionCallOutputItem;
  /** Asks people first, if the call needs it; a new call starts only after that. */
  person: RunInteractions | undefined;
}

function startCall(call: FunctionCallItem, index: number, context: CallContext): StartedCall {
  const { run, tools, transcript, begun, mayRun } = context;
  const { name, arguments: text, call_id: callId } = call;
  const prepared = tools.prepare({ name, arguments: text, callId, run });
  const isRefused = index >= mayRun;
  if (!isRefused && prepared.effect !== "read") context.onEffect();
  const left = begun?.get(callId);
  const person = isRefused ? undefined : context.person;
  const result = left ?? transcript.resultOf(call, prepared.display);
  const started = { callId, prepared, result, person };
  if (result.status === "completed") return started;
  if (left === undefined && person === undefined) transcript.begin(result);
  if (isRefused) return { ...started, result: finalize(result, refuse(OVER_LIMIT), transcript) };
  if (left !== undefined && (prepared.effect === "write" || !tools.has(name)))
    return { ...started, result: finalize(result, refuse(UNKNOWN_OUTCOME), transcript) };
  return started;
}

/** Emits the final form of a call's result. */
function finalize(
  result: FunctionCallOutputItem,
  { output, isError }: ToolOutcome,
  transcript: Transcript,
): FunctionCallOutputItem {
  const done: FunctionCallOutputItem = {
    ...result,
    status: "completed",
    output,
    ...(isError && { is_error: true }),
  };
  transcript.done(done);
  return done;
}

function refuse(output: string): ToolOutcome {
  return { output, isError: true };
}

/** What a model reads of a call beyond the request's limit. */
const OVER_LIMIT = "[Not run: the limit of tool calls is reached.]";

/** What a model reads of a call that may have been made, completely or in part. */
const UNKNOWN_OUTCOME =
  "[The server was restarted while this call was going on; its outcome is unknown. Look at what it did before you repeat it.]";

/** How long tools may take to end when the run is stopped, ms; longer than killing a process group takes. */
const STOP_GRACE_MS = 2_000;

/** A tool that ignores the signal must not hold its run and its session for ever. */
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

/** Asks a person if the call needs it, then executes it; resolves with the final result. */
async function runCall(started: StartedCall, context: CallContext): Promise<FunctionCallOutputItem> {
  const { callId, prepared, result, person } = started;
  const { transcript } = context;
  if (result.status === "completed") return result;
  if (person === undefined) return execute(started, context);
  const question = await prepared.question();
  const settlement = question && (await person.approve(callId, question));
  if (!transcript.isOpen(result)) transcript.begin(result);
  return question === undefined || settlement === undefined || isGranted(settlement)
    ? execute(started, context, question?.digest)
    : finalize(result, refuse(explainRefusal(question, settlement)), transcript);
}

/** `permit`: the digest of the question that a person answered with yes. */
async function execute(
  { callId, prepared, result, person }: StartedCall,
  { transcript, signal, settled }: CallContext,
  permit?: string,
): Promise<FunctionCallOutputItem> {
  // The start of a call that must not be repeated, or only under its own id, must be stored first.
  if (settled !== undefined && prepared.effect !== "read") await settled();
  if (signal.aborted) return result;
  const asking = person && new Asking(person, callId);
  const progress: CallTerms["progress"] = (text) => transcript.progress(result, text);
  const outcome = await prepared.run({ signal, progress, ask: asking?.ask, permit });
  asking?.throwIfStopped();
  // A result that the stop of the run caused is not the call's own; the run closes it as incomplete.
  if (signal.aborted || !transcript.isOpen(result)) return result;
  return finalize(result, outcome, transcript);
}

/** One call's way to ask the user. If the run stops meanwhile, the tool's result does not count. */
class Asking {
  readonly #person: RunInteractions;
  readonly #callId: string;
  #stop: { reason: unknown } | undefined;

  constructor(person: RunInteractions, callId: string) {
    this.#person = person;
    this.#callId = callId;
  }

  readonly ask = async (question: string, choices?: readonly string[]): Promise<string | undefined> => {
    try {
      return await this.#person.answer(this.#callId, question, choices);
    } catch (reason) {
      this.#stop = { reason };
      throw reason;
    }
  };

  throwIfStopped(): void {
    if (this.#stop !== undefined) throw this.#stop.reason;
  }
}

const REFUSALS: Readonly<Partial<Record<Settlement, string>>> = {
  deny: "A person was asked and said no",
  withdrawn: "What a person was asked was another call, in another place",
};

function explainRefusal({ description }: CallDescription, settlement: Settlement): string {
  const why = REFUSALS[settlement] ?? "A person was asked, and nobody answered in time";
  return `Error: Not run: ${description}. ${why}. Do not try to get around this; find another way, or tell the user what to run.`;
}
