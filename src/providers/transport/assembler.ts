import { grow } from "../../domain/delta.ts";
import type { Channel } from "../../domain/event.ts";
import type { ModelEvent, ModelItem, ModelSink } from "../provider.ts";

type ModelChannel = Exclude<Channel, "output">;

/** Collects an answer: its items so far, and the events since the last flush. */
export class Assembler {
  items: readonly ModelItem[] = [];
  #events: ModelEvent[] = [];

  /** Starts the next item; returns its index. */
  start(item: ModelItem): number {
    const index = this.items.length;
    // Not pushed: that would reserve room for sixteen more items, in thousands of streams.
    this.items = this.items.concat(item);
    this.#events.push({ type: "item", index, item: copyItem(item) });
    return index;
  }

  /** Adds text to an item; an empty delta is ignored. */
  add(index: number, channel: ModelChannel, delta: string): void {
    const item = this.items[index];
    if (delta === "" || item === undefined) return;
    grow(item, channel, delta);
    const last = this.#events.at(-1);
    // Deltas of one network read become one event, however the upstream cut them.
    if (last?.type === "delta" && last.index === index && last.channel === channel) last.delta += delta;
    else this.#events.push({ type: "delta", index, channel, delta });
  }

  /** Adds to the signature of a reasoning item. Only the item's maker reads it, so no event carries it. */
  sign(index: number, signature: string): void {
    const item = this.items[index];
    if (item?.type !== "reasoning" || item.maker === undefined) return;
    item.maker = { ...item.maker, signature: (item.maker.signature ?? "") + signature };
  }

  /** Sets empty arguments of calls to the empty object that they mean. Not for an answer that was cut. */
  completeCalls(): void {
    for (const [index, item] of this.items.entries()) {
      if (item.type === "function_call" && item.arguments.trim() === "") this.add(index, "arguments", "{}");
    }
  }

  /** Passes the events since the last flush to the sink, if there are any. */
  flush(sink: ModelSink): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    sink(events);
  }
}

/** The item grows later, but its event must not. Copied by hand: structuredClone costs a microsecond. */
function copyItem(item: ModelItem): ModelItem {
  switch (item.type) {
    case "message":
      return { ...item, content: item.content.map((part) => ({ ...part })) };
    case "reasoning":
      return { ...item, summary: item.summary.map((part) => ({ ...part })) };
    case "function_call":
      return { ...item };
  }
}
