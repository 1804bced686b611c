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

/** Gives items their ids and emits their events; everything that is started here gets its `item.done`. */
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

  /**
   * Creates an item in progress with the next number; emits nothing. `isClient`: whether a call is for a client's
   * tool.
   */
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

  /** Emits the start of an item. */
  begin(item: Item): void {
    this.#open = this.#open.concat(item);
    this.#emit({ type: "item.added", item: snapshot(item) });
  }

  /** Takes over items that a former process started. */
  adopt(items: readonly Item[]): void {
    this.#open = this.#open.concat(items);
  }

  /** Emits more of an open item. */
  delta(item: Item, event: Extract<ModelEvent, { type: "delta" }>): void {
    // Needed if the item is cut.
    grow(item, event.channel, event.delta);
    this.#emit({ type: "item.delta", itemId: item.id, channel: event.channel, delta: event.delta });
  }

  /** Emits raw output of a running call; only watchers see it. */
  progress(item: FunctionCallOutputItem, delta: string): void {
    if (this.isOpen(item)) this.#emit({ type: "item.delta", itemId: item.id, channel: "output", delta });
  }

  /** Whether the item is open; after the end of its run, none is. */
  isOpen(item: Item): boolean {
    return this.#open.some(({ id }) => id === item.id);
  }

  /** Emits the item's final form. */
  done(item: Item): void {
    this.#open = this.#open.filter(({ id }) => id !== item.id);
    this.#emit({ type: "item.done", item });
  }

  /** Closes all open items as incomplete when the run stops. */
  closeOpen(): void {
    for (const item of this.#open) this.#emit({ type: "item.done", item: { ...item, status: "incomplete" } });
    this.#open = [];
  }

  /** Creates the result of a call of the server's tools, in progress. */
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

/** Copies an open item, because deltas are still added to it. */
function snapshot(item: Item): Item {
  if (item.type === "message") return { ...item, content: item.content.map((part) => ({ ...part })) };
  if (item.type === "reasoning") return { ...item, summary: item.summary.map((part) => ({ ...part })) };
  return { ...item };
}
