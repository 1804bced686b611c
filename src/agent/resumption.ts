import { grow } from "../domain/delta.ts";
import type { AgentEvent, CompletionReason } from "../domain/event.ts";
import { numberOfPart } from "../domain/id.ts";
import type { FunctionCallItem, FunctionCallOutputItem, Item } from "../domain/item.ts";
import { unusedSteers } from "../domain/steers.ts";
import { addUsage, NO_USAGE, type Usage } from "../domain/usage.ts";

/** Where a former process left a run, as far as it was stored. */
export interface Resumption {
  isStarted: boolean;
  /** Number of finished model steps. */
  steps: number;
  usage: Usage;
  /** Whether a step was started but not finished: it is repeated. */
  isCut: boolean;
  /** The run's transcript up to the last finished answer; the results of its calls follow. */
  items: Item[];
  /** Items that were added but not completed. */
  open: Item[];
  /** Open items of the step that was cut: its repetition replaces them. */
  discarded: Item[];
  /** The calls of the last finished answer. */
  calls: FunctionCallItem[];
  /** Their results, complete or only started, by call id. */
  begun: ReadonlyMap<string, FunctionCallOutputItem>;
  /** Every call of the server's tools that was started. */
  called: FunctionCallOutputItem[];
  /** How the run ends if the last finished answer made no calls. */
  finish: CompletionReason;
  /** Steering texts that no model has read. */
  steers: string[];
  /** The number of the next item, larger than all that may have been used. */
  nextNumber: number;
}

/** Item numbers to skip for each former process: it may have used some without storing them. */
const NUMBER_BLOCK = 1_000;

/** Derives from a run's events where to continue. `attempts`: how many processes died with the run. */
export function readResumption(events: readonly AgentEvent[], attempts: number): Resumption {
  const found = new Log();
  for (const event of events) found.read(event);
  const { items, lastAnswer, step, stepsDone, usage, finish } = found;
  const all = [...items.values()].sort((a, b) => readItemNumber(a) - readItemNumber(b));
  const end = lastAnswer.reduce((max, item) => Math.max(max, readItemNumber(item)), -1);
  const called = all.filter((item) => item.type === "function_call_output");
  const calls = lastAnswer.filter((item) => item.type === "function_call");
  const isOfLast = ({ call_id }: FunctionCallOutputItem) => calls.some((call) => call.call_id === call_id);
  const last = all.at(-1);
  return {
    isStarted: found.isStarted,
    steps: stepsDone,
    usage,
    isCut: step > stepsDone,
    items: all.filter((item) => readItemNumber(item) <= end && !isDiscarded(item)),
    open: all.filter(({ status }) => status === "in_progress"),
    discarded: all.filter(({ status, type }) => status === "in_progress" && type !== "function_call_output"),
    calls,
    begun: new Map(called.filter(isOfLast).map((result) => [result.call_id, result])),
    called,
    finish,
    steers: unusedSteers(events),
    nextNumber: nextNumber(last === undefined ? undefined : readItemNumber(last), attempts),
  };
}

/** If no process died since, all used numbers are stored. */
function nextNumber(last: number | undefined, attempts: number): number {
  return Math.max((last ?? -1) + 1, (Math.floor((last ?? 0) / NUMBER_BLOCK) + attempts) * NUMBER_BLOCK);
}

function readItemNumber({ id }: Item): number {
  return numberOfPart(id) ?? 0;
}

/** Items that were closed without content. */
function isDiscarded({ place, status }: Item): boolean {
  return place === "internal" && status === "incomplete";
}

/** Applies the events one after the other. */
class Log {
  readonly items = new Map<string, Item>();
  isStarted = false;
  step = 0;
  stepsDone = 0;
  usage: Usage = NO_USAGE;
  finish: CompletionReason = "stop";
  lastAnswer: Item[] = [];
  /** The ids of the model's items in the current step. */
  #said = new Set<string>();

  read(event: AgentEvent): void {
    switch (event.type) {
      case "run.started":
        this.isStarted = true;
        return;
      case "step.started":
        this.step = event.step;
        this.#said = new Set();
        return;
      case "item.added":
        this.#keep(structuredClone(event.item));
        return;
      case "item.done":
        this.#keep(event.item);
        return;
      case "item.delta": {
        const item = this.items.get(event.itemId);
        if (item?.status === "in_progress") grow(item, event.channel, event.delta);
        return;
      }
      case "step.done":
        this.stepsDone = event.step;
        this.usage = addUsage(this.usage, event.usage);
        this.finish = event.finish ?? "stop";
        this.lastAnswer = this.#answer();
        return;
      default:
        return;
    }
  }

  #keep(item: Item): void {
    this.items.set(item.id, item);
    this.#said.add(item.id);
  }

  #answer(): Item[] {
    return [...this.#said]
      .map((id) => this.items.get(id))
      .filter((item) => item !== undefined)
      .filter((item) => item.type !== "function_call_output" && !isDiscarded(item));
  }
}
