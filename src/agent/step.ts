import type { EventBody } from "../domain/event.ts";
import type { FunctionCallItem, Item } from "../domain/item.ts";
import { addUsage, type Usage } from "../domain/usage.ts";
import { parseJsonObject } from "../lib/json.ts";
import type { ModelEvent, ModelItem, ModelRequest, ModelResult, Provider } from "../providers/provider.ts";
import type { Transcript } from "./transcript.ts";

/** What a model step needs. */
interface StepContext {
  provider: Provider;
  transcript: Transcript;
  signal: AbortSignal;
  isClientTool(name: string): boolean;
  emit(event: EventBody): void;
  /** The number of the step within the run. */
  step: number;
}

/** The outcome of a model step. */
export interface StepResult {
  items: Item[];
  finish: ModelResult["finish"];
  usage: Usage;
}

/**
 * Asks the model once and emits its answer. An answer that the client's output limit cut inside a call's arguments is
 * requested again without the limit, because the client means the text that a person reads.
 * Uses promise chains instead of async functions, here and in `generate`: thousands of steps may wait for minutes at
 * the same time, and each suspended function would hold half a kilobyte.
 */
export function modelStep(request: ModelRequest, context: StepContext): Promise<StepResult> {
  const limited = request.settings.maxOutputTokens !== undefined;
  return generate(request, context, (first) => {
    const cut = limited && first.finish === "length" && hasCutCall(first.items);
    return cut ? repeatCalls(first, request, context) : emitResult(first, context);
  });
}

/** The text was already sent; only the calls are requested again. */
async function repeatCalls(
  first: StepResult,
  request: ModelRequest,
  context: StepContext,
): Promise<StepResult> {
  const { maxOutputTokens: _limit, ...settings } = request.settings;
  const said = first.items.filter((item) => item.type !== "function_call");
  for (const item of first.items) if (item.type === "function_call") context.transcript.done(discarded(item));
  const again = await generate({ ...request, settings, stream: false }, context, (step) => step);
  const wanted =
    said.length === 0 ? again.items : again.items.filter((item) => item.type === "function_call");
  const usage = addUsage(first.usage, again.usage);
  return emitResult({ items: [...said, ...wanted], finish: again.finish, usage }, context);
}

function hasCutCall(items: readonly Item[]): boolean {
  return items.some((item) => item.type === "function_call" && parseJsonObject(item.arguments) === undefined);
}

/** A call that was cut and is requested again: no surface shows it and no transcript keeps it. */
function discarded(item: FunctionCallItem): FunctionCallItem {
  return { ...item, status: "incomplete", place: "internal" };
}

/** Emits the whole answer and the end of the step together, so that they are stored in one commit. */
function emitResult(result: StepResult, { transcript, emit, step }: StepContext): StepResult {
  for (const item of result.items) transcript.done(item);
  const { usage, finish } = result;
  const isCut = finish === "length" || finish === "content_filter";
  emit({ type: "step.done", step, usage, ...(isCut && { finish }) });
  return result;
}

/** Calls the provider once; deltas are emitted as they arrive, finished items by `then`. */
function generate(
  request: ModelRequest,
  context: StepContext,
  then: (step: StepResult) => StepResult | Promise<StepResult>,
): Promise<StepResult> {
  const { transcript, provider, signal, isClientTool } = context;
  const begun: Item[] = [];
  const tellTo = request.settings.maxOutputTokens === undefined ? stream : streamWithoutCalls;
  const answer = provider.generate(request, (events) => tellTo(events, begun, context), signal);
  return answer.then(({ items, finish, usage }) => {
    signal.throwIfAborted();
    const last = items.length - 1;
    const done = items.map((body, index) => {
      const item = begun[index] ?? transcript.create(body, isClientTool);
      return finished(item, body, finish === "length" && index === last);
    });
    return then({ items: done, finish, usage });
  });
}

function stream(events: readonly ModelEvent[], begun: Item[], context: StepContext): void {
  for (const event of events) readEvent(event, begun, context);
}

/**
 * A client's call that a limit may cut is emitted only when it is complete: what a client has received cannot be
 * withdrawn.
 */
function streamWithoutCalls(events: readonly ModelEvent[], begun: Item[], context: StepContext): void {
  for (const event of events) if (!isClientCall(event, context)) readEvent(event, begun, context);
}

function isClientCall(event: ModelEvent, { isClientTool }: StepContext): boolean {
  return event.type === "item" && event.item.type === "function_call" && isClientTool(event.item.name);
}

function readEvent(event: ModelEvent, begun: Item[], { transcript, isClientTool, emit }: StepContext): void {
  if (event.type === "status") emit({ type: "run.status", kind: event.kind, text: event.text });
  else if (event.type === "item") {
    const item = transcript.create(event.item, isClientTool);
    begun[event.index] = item;
    transcript.begin(item);
  } else {
    const item = begun[event.index];
    if (item !== undefined) transcript.delta(item, event);
  }
}

/** The item as the result has it; the deltas were only a preview. */
function finished(item: Item, body: ModelItem, cut: boolean): Item {
  if (item.type !== "function_call" || body.type !== "function_call") {
    const status = cut && body.type === "message" ? "incomplete" : "completed";
    return { ...item, ...body, status } as Item;
  }
  return { ...item, name: body.name, arguments: body.arguments, status: "completed" };
}
