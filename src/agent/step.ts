import type { EventBody } from "../domain/event.ts";
import type { FunctionCallItem, Item } from "../domain/item.ts";
import { addUsage, type Usage } from "../domain/usage.ts";
import { parseJsonObject } from "../lib/json.ts";
import type { ModelEvent, ModelItem, ModelRequest, ModelResult, Provider } from "../providers/provider.ts";
import type { Transcript } from "./transcript.ts";

/** What a model step needs. */
export interface StepContext {
  provider: Provider;
  transcript: Transcript;
  signal: AbortSignal;
  isClientTool(name: string): boolean;
  emit(event: EventBody): void;
  /** Its number within the run. */
  step: number;
}

/** What came of a model step. */
export interface StepResult {
  items: Item[];
  finish: ModelResult["finish"];
  usage: Usage;
}

/**
 * Asks the model once and tells the log what it says. An answer that the client's output limit cut inside a call's
 * arguments is asked for once more without the limit: such a limit means the text that a person reads.
 *
 * Promise chains instead of async functions, here and in `generate`: a step can wait for minutes, thousands of them
 * at a time, and each suspended function would hold a frame of half a kilobyte.
 */
export function modelStep(request: ModelRequest, context: StepContext): Promise<StepResult> {
  const limited = request.settings.maxOutputTokens !== undefined;
  return generate(request, context, (first) => {
    const cut = limited && first.finish === "length" && hasCutCall(first.items);
    return cut ? repeatCalls(first, request, context) : tell(first, context);
  });
}

/** What was said is said; only the calls are wanted again, whole. */
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
  return tell({ items: [...said, ...wanted], finish: again.finish, usage }, context);
}

function hasCutCall(items: readonly Item[]): boolean {
  return items.some((item) => item.type === "function_call" && parseJsonObject(item.arguments) === undefined);
}

/** A call that was cut and is asked for again: no surface shows it and no transcript keeps it. */
function discarded(item: FunctionCallItem): FunctionCallItem {
  return { ...item, status: "incomplete", place: "internal" };
}

/** The whole answer and the step's end in one go, so that they are stored together: a process can die in between. */
function tell(result: StepResult, { transcript, emit, step }: StepContext): StepResult {
  for (const item of result.items) transcript.done(item);
  const { usage, finish } = result;
  const isCut = finish === "length" || finish === "content_filter";
  emit({ type: "step.done", step, usage, ...(isCut && { finish }) });
  return result;
}

/** One call of the provider; what it streams is told at once, its finished items are `then`'s to tell. */
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
  for (const event of events) read(event, begun, context);
}

/** Where a limit may cut a client's call, it is told when it is whole: what a client has got cannot be taken back. */
function streamWithoutCalls(events: readonly ModelEvent[], begun: Item[], context: StepContext): void {
  for (const event of events) if (!isClientCall(event, context)) read(event, begun, context);
}

function isClientCall(event: ModelEvent, { isClientTool }: StepContext): boolean {
  return event.type === "item" && event.item.type === "function_call" && isClientTool(event.item.name);
}

function read(event: ModelEvent, begun: Item[], { transcript, isClientTool, emit }: StepContext): void {
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

/** The item as the result has it: the deltas were only a preview of that. */
function finished(item: Item, body: ModelItem, cut: boolean): Item {
  if (item.type !== "function_call" || body.type !== "function_call") {
    const status = cut && body.type === "message" ? "incomplete" : "completed";
    return { ...item, ...body, status } as Item;
  }
  return { ...item, name: body.name, arguments: body.arguments, status: "completed" };
}
