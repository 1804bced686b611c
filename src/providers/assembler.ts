import { grow } from "../domain/delta.ts";
import type { Channel } from "../domain/event.ts";
import type { ModelEvent, ModelItem } from "./provider.ts";

type ModelChannel = Exclude<Channel, "output">;

/** Puts a streamed answer together: the items so far, and the events that the last network read brought. */
export class Assembler {
  readonly items: ModelItem[] = [];
  #events: ModelEvent[] = [];

  /** Begins the next item and gives its index. */
  start(item: ModelItem): number {
    const index = this.items.length;
    this.items.push(item);
    // A copy of its own: the item grows, the event must not.
    this.#events.push({ type: "item", index, item: structuredClone(item) });
    return index;
  }

  /** Adds text to an item; an empty delta says nothing and is dropped. */
  add(index: number, channel: ModelChannel, delta: string): void {
    const item = this.items[index];
    if (delta === "" || item === undefined) return;
    grow(item, channel, delta);
    this.#events.push({ type: "delta", index, channel, delta });
  }

  /** What is new since the last call. */
  drain(): ModelEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }
}
