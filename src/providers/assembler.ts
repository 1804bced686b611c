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
    append(item, channel, delta);
    this.#events.push({ type: "delta", index, channel, delta });
  }

  /** What is new since the last call. */
  drain(): ModelEvent[] {
    const events = this.#events;
    if (events.length > 0) this.#events = [];
    return events;
  }
}

function append(item: ModelItem, channel: ModelChannel, delta: string): void {
  if (item.type === "function_call") {
    item.arguments += delta;
    return;
  }
  if (item.type === "reasoning") {
    const last = item.summary.at(-1);
    if (last === undefined) item.summary.push({ type: "summary_text", text: delta });
    else last.text += delta;
    return;
  }
  const last = item.content.at(-1);
  if (channel === "refusal") {
    if (last?.type === "refusal") last.refusal += delta;
    else item.content.push({ type: "refusal", refusal: delta });
  } else if (last?.type === "output_text") last.text += delta;
  else item.content.push({ type: "output_text", text: delta });
}
