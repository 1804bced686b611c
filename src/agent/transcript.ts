import { grow } from "../domain/delta.ts";
import type { EventBody } from "../domain/event.ts";
import { callId, itemId, type RunId } from "../domain/id.ts";
import {
  type FunctionCallItem,
  type FunctionCallOutputItem,
  type Item,
  type ItemBody,
  itemPrefix,
} from "../domain/item.ts";
import type { ModelEvent, ModelItem } from "../providers/provider.ts";

/** Gives items their ids and tells the log about them; whatever is begun here gets its `item.done`. */
export class Transcript {
  readonly #runId: RunId;
  readonly #emit: (event: EventBody) => void;
  #open: readonly Item[] = [];
  #next: number;

  /** `firstNumber`: the number of the run's first own item, after its input. */
  constructor(runId: RunId, firstNumber: number, emit: (event: EventBody) => void) {
    this.#runId = runId;
    this.#next = firstNumber;
    this.#emit = emit;
  }

  /** An item in progress with the next number; nothing is emitted. `isClient` tells whose tool a call is for. */
  create(body: ModelItem | ItemBody, isClient: (name: string) => boolean): Item {
    const n = this.#next++;
    const identity = {
      id: itemId(itemPrefix(body), this.#runId, n),
      status: "in_progress",
      place: "output",
    } as const;
    if (body.type !== "function_call") return { ...identity, ...body };
    const executor = isClient(body.name) ? "client" : "server";
    const { name, arguments: text } = body;
    return {
      ...identity,
      type: "function_call",
      call_id: callId(this.#runId, n),
      name,
      arguments: text,
      executor,
    };
  }

  /** The item exists. */
  begin(item: Item): void {
    this.#open = this.#open.concat(item);
    this.#emit({ type: "item.added", item: snapshot(item) });
  }

  /** Items that a former process began. */
  adopt(items: readonly Item[]): void {
    this.#open = this.#open.concat(items);
  }

  /** More of an open item. */
  delta(item: Item, event: Extract<ModelEvent, { type: "delta" }>): void {
    // Kept in case the item is cut.
    grow(item, event.channel, event.delta);
    this.#emit({ type: "item.delta", itemId: item.id, channel: event.channel, delta: event.delta });
  }

  /** Raw output of a running call, for watchers only. */
  progress(item: FunctionCallOutputItem, delta: string): void {
    if (this.isOpen(item)) this.#emit({ type: "item.delta", itemId: item.id, channel: "output", delta });
  }

  /** Whether the item was begun and is not done: after the end of its run, nothing is. */
  isOpen(item: Item): boolean {
    return this.#open.some(({ id }) => id === item.id);
  }

  /** The item's final form. */
  done(item: Item): void {
    this.#open = this.#open.filter(({ id }) => id !== item.id);
    this.#emit({ type: "item.done", item });
  }

  /** Ends what is still open, as far as it came: the run stops here. */
  closeOpen(): void {
    for (const item of this.#open) this.#emit({ type: "item.done", item: { ...item, status: "incomplete" } });
    this.#open = [];
  }

  /** The start of a server-run call's result. */
  resultOf(call: FunctionCallItem, display: { label: string; emoji: string }): FunctionCallOutputItem {
    return {
      id: itemId("fco", this.#runId, this.#next++),
      status: "in_progress",
      place: "output",
      type: "function_call_output",
      call_id: call.call_id,
      name: call.name,
      executor: "server",
      output: "",
      display,
    };
  }
}

/** A copy that stays as it is while the open item grows with its deltas. */
function snapshot(item: Item): Item {
  if (item.type === "message") return { ...item, content: item.content.map((part) => ({ ...part })) };
  if (item.type === "reasoning") return { ...item, summary: item.summary.map((part) => ({ ...part })) };
  return { ...item };
}
