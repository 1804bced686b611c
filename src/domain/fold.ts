import { grow } from "./delta.ts";
import type { Failure } from "./error.ts";
import {
  type AgentEvent,
  type CompletionReason,
  type EventOf,
  isTerminal,
  type TerminalEvent,
} from "./event.ts";
import { numberOfPart } from "./id.ts";
import type { Item } from "./item.ts";
import type { Run, RunStatus } from "./run.ts";
import { addUsage, NO_USAGE, type Usage } from "./usage.ts";

/** What a run looks like after some of its events. */
export interface RunState {
  run: Run | undefined;
  status: RunStatus;
  input: Item[];
  /** In transcript order; items whose `item.done` is still to come are in their last known form. */
  items: Item[];
  usage: Usage;
  steps: number;
  reason: CompletionReason | undefined;
  error: Failure | undefined;
  lastSeq: number;
}

/**
 * The state that events add up to. Deltas are decoration: folding a log without them gives the same state once
 * every item is done.
 */
export function fold(events: Iterable<AgentEvent>): RunState {
  const state: RunState = {
    run: undefined,
    status: "queued",
    input: [],
    items: [],
    usage: NO_USAGE,
    steps: 0,
    reason: undefined,
    error: undefined,
    lastSeq: 0,
  };
  const items: Items = { known: new Map(), growing: new Set() };
  for (const event of events) {
    state.lastSeq = event.seq;
    apply(state, items, event);
  }
  state.items = [...items.known.values()].sort(
    (a, b) => (numberOfPart(a.id) ?? 0) - (numberOfPart(b.id) ?? 0),
  );
  return state;
}

interface Items {
  known: Map<string, Item>;
  /** Ids of those that are copies of what was announced: deltas are written into them. */
  growing: Set<string>;
}

function apply(state: RunState, items: Items, event: AgentEvent): void {
  switch (event.type) {
    case "run.created":
      state.run = event.run;
      state.input = event.input;
      return;
    case "run.started":
      state.status = "running";
      return;
    case "step.started":
      state.steps = event.step;
      return;
    case "item.added":
    case "item.done":
      items.known.set(event.item.id, event.item);
      items.growing.delete(event.item.id);
      return;
    case "item.delta":
      addDelta(items, event);
      return;
    case "step.done":
      state.usage = addUsage(state.usage, event.usage);
      return;
    default:
      if (isTerminal(event)) end(state, event);
  }
}

function end(state: RunState, event: TerminalEvent): void {
  state.usage = event.usage;
  state.steps = event.steps;
  if (event.type === "run.completed") {
    state.status = "completed";
    state.reason = event.reason;
  } else if (event.type === "run.failed") {
    state.status = "failed";
    state.error = event.error;
  } else {
    state.status = "cancelled";
  }
}

function addDelta({ known, growing }: Items, { itemId, channel, delta }: EventOf<"item.delta">): void {
  const item = known.get(itemId);
  if (item?.status !== "in_progress") return;
  if (growing.has(itemId)) {
    grow(item, channel, delta);
    return;
  }
  // Events are shared with every other reader.
  const copy = structuredClone(item);
  growing.add(itemId);
  known.set(itemId, copy);
  grow(copy, channel, delta);
}
