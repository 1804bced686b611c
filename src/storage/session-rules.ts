import type { EventOf } from "../domain/event.ts";
import type { Item } from "../domain/item.ts";
import { chatMessages, firstQuestion } from "../domain/messages.ts";
import type { RunModel } from "../domain/run.ts";
import type { SessionTally } from "../domain/session.ts";
import { addUsage, NO_USAGE, type Usage } from "../domain/usage.ts";

/** Returns a session's items without the hidden ones and without results whose call is hidden. */
export function withoutHidden(items: Item[], hidden: ReadonlySet<string>): Item[] {
  if (hidden.size === 0) return items;
  const calls = new Set<string>();
  return items.filter((item) => {
    if (hidden.has(item.id)) return false;
    if (item.type === "function_call") calls.add(item.call_id);
    return item.type !== "function_call_output" || calls.has(item.call_id);
  });
}

/** Returns what a new run changes in its session's row; the first run's question becomes the session's preview. */
export function describeBeginning({ at, run, input }: EventOf<"run.created">): {
  at: number;
  preview: string | null;
} {
  return { at, preview: run.parent === undefined ? (firstQuestion(input) ?? null) : null };
}

/** Creates the totals of a session without runs; `createdAt`: epoch ms. */
export function emptyTally(createdAt: number): SessionTally {
  return {
    messages: 0,
    toolCalls: 0,
    modelCalls: 0,
    usage: NO_USAGE,
    model: undefined,
    endedAt: createdAt,
  };
}

/** One run of a session, as it is counted. */
interface CountedRun {
  /** The run's items that are not hidden in the session. */
  items: readonly Item[];
  model: RunModel;
  steps: number;
  usage: Usage;
  /** Epoch ms; null while the run is going on. */
  endedAt: number | null;
  /** False for a run that a fork shares with its parent, where its cost was already counted. */
  isOwn: boolean;
}

/** Adds a run to the totals of its session. */
export function addRun(tally: SessionTally, run: CountedRun): SessionTally {
  const { items, model, steps, usage, endedAt, isOwn } = run;
  return {
    messages: tally.messages + chatMessages(items).length,
    toolCalls: tally.toolCalls + items.filter(({ type }) => type === "function_call").length,
    modelCalls: tally.modelCalls + (isOwn ? steps : 0),
    usage: isOwn ? addUsage(tally.usage, usage) : tally.usage,
    model: model.served === "" ? tally.model : model.served,
    endedAt: isOwn ? (endedAt ?? tally.endedAt) : tally.endedAt,
  };
}
