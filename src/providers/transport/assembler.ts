import { grow } from "../../domain/delta.ts";
import type { Channel } from "../../domain/event.ts";
import type { ModelEvent, ModelItem, ModelSink } from "../provider.ts";

type ModelChannel = Exclude<Channel, "output">;

/** Puts an answer together: the items so far, and the events that the last network read brought. */
export class Assembler {
  items: readonly ModelItem[] = [];
  #events: ModelEvent[] = [];

  /** Begins the next item and gives its index. */
  start(item: ModelItem): number {
    const index = this.items.length;
    // Exactly as long as needed: an array that is pushed to holds room for sixteen more, in thousands of streams.
    this.items = this.items.concat(item);
    this.#events.push({ type: "item", index, item: copyOf(item) });
    return index;
  }

  /** Adds text to an item; an empty delta says nothing and is dropped. */
  add(index: number, channel: ModelChannel, delta: string): void {
    const item = this.items[index];
    if (delta === "" || item === undefined) return;
    grow(item, channel, delta);
    const last = this.#events.at(-1);
    // What one network read brought is one piece of news, however the upstream had cut it.
    if (last?.type === "delta" && last.index === index && last.channel === channel) last.delta += delta;
    else this.#events.push({ type: "delta", index, channel, delta });
  }

  /** Adds to the signature of a reasoning item, which only its maker reads and no event carries. */
  sign(index: number, signature: string): void {
    const item = this.items[index];
    if (item?.type !== "reasoning" || item.maker === undefined) return;
    item.maker = { ...item.maker, signature: (item.maker.signature ?? "") + signature };
  }

  /** Gives calls without any arguments the empty object that they mean. Not for an answer that was cut. */
  completeCalls(): void {
    for (const [index, item] of this.items.entries()) {
      if (item.type === "function_call" && item.arguments.trim() === "") this.add(index, "arguments", "{}");
    }
  }

  /** Tells what is new since the last time, if anything. */
  flush(sink: ModelSink): void {
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    sink(events);
  }
}

/** The item grows, the event that begins it must not; made by hand, since structuredClone costs a microsecond. */
function copyOf(item: ModelItem): ModelItem {
  switch (item.type) {
    case "message":
      return { ...item, content: item.content.map((part) => ({ ...part })) };
    case "reasoning":
      return { ...item, summary: item.summary.map((part) => ({ ...part })) };
    case "function_call":
      return { ...item };
  }
}
