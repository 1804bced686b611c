import type { AgentEvent } from "../../domain/event.ts";
import { type Item, joinText } from "../../domain/item.ts";

/**
 * Leaves out what a model says beside its calls where the answer must be JSON: whoever parses the answer would find two
 * texts. What begins as JSON does goes on at once; anything else waits until it is known whether a call follows it.
 */
export class JsonAnswer {
  #held: Held | undefined;
  /** Ids of messages that were left out. */
  readonly #dropped = new Set<string>();
  /** Ids of messages that are told. */
  readonly #told = new Set<string>();

  /** What of a run's events is told, in order, now that this one came. */
  take(event: AgentEvent): AgentEvent[] {
    switch (event.type) {
      case "item.added":
        return isMessage(event.item)
          ? [...this.#release(), ...this.#hold(event, event.item.id)]
          : this.#other(event);
      case "item.delta":
        return this.#held?.id === event.itemId
          ? this.#grow(event, event.delta)
          : this.#known(event, event.itemId);
      case "item.done":
        return isMessage(event.item) ? this.#done(event, event.item) : this.#other(event);
      case "step.done":
      case "step.restarted":
      case "run.completed":
      case "run.failed":
      case "run.cancelled":
        return [...this.#release(), event];
      default:
        return [event];
    }
  }

  #hold(event: AgentEvent, id: string): AgentEvent[] {
    this.#held = { id, events: [event], text: "" };
    return [];
  }

  #grow(event: AgentEvent, delta: string): AgentEvent[] {
    const held = this.#held as Held;
    held.events.push(event);
    if (held.text.trim() === "") held.text += delta;
    return beginsAsJson(held.text) ? this.#release() : [];
  }

  /** The message may not have been announced: then it is held from here on. */
  #done(event: AgentEvent, item: Item): AgentEvent[] {
    const { id } = item;
    if (this.#dropped.has(id)) return [];
    if (this.#held?.id === id) {
      this.#held.events.push(event);
      return [];
    }
    if (this.#told.has(id) || (item.type === "message" && beginsAsJson(joinText(item.content))))
      return [event];
    return [...this.#release(), ...this.#hold(event, id)];
  }

  /** A call says that what came before it was no answer. */
  #other(event: Extract<AgentEvent, { type: "item.added" | "item.done" }>): AgentEvent[] {
    if (event.item.type !== "function_call" || this.#held === undefined) return [event];
    this.#dropped.add(this.#held.id);
    this.#held = undefined;
    return [event];
  }

  #known(event: AgentEvent, id: string): AgentEvent[] {
    return this.#dropped.has(id) ? [] : [event];
  }

  #release(): AgentEvent[] {
    const held = this.#held;
    if (held === undefined) return [];
    this.#held = undefined;
    this.#told.add(held.id);
    return held.events;
  }
}

interface Held {
  id: string;
  events: AgentEvent[];
  /** What it says, until that is more than white space. */
  text: string;
}

function isMessage(item: Item): boolean {
  return item.type === "message" && item.place === "output" && item.role === "assistant";
}

function beginsAsJson(text: string): boolean {
  return /^\s*[[{]/.test(text);
}
