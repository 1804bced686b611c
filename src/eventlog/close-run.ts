import type { Failure } from "../domain/error.ts";
import type { AgentEvent, EventBody } from "../domain/event.ts";
import { fold } from "../domain/fold.ts";
import { type Interaction, listPending } from "../domain/interactions.ts";
import type { Clock } from "../lib/clock.ts";
import type { RunWrite, Store, UnfinishedRun } from "../storage/store.ts";
import { numberInputItems } from "./input-items.ts";
import { allEvents } from "./read-all.ts";

/** Returns the last write of an unfinished run: its open items are closed with what was stored of them. */
export async function closeRun(
  { run, reservedSeq, plan }: UnfinishedRun,
  { store, clock, error }: { store: Store; clock: Clock; error: Failure },
): Promise<RunWrite> {
  const known = await allEvents(store, run.id);
  const state = fold(known);
  const { usage, steps } = state;
  const bodies: EventBody[] = [
    ...(state.run === undefined
      ? [{ type: "run.created" as const, run, input: numberInputItems(run.id, plan?.input.items ?? []) }]
      : []),
    { type: "step.restarted", step: Math.max(1, steps) },
    ...state.items
      .filter((item) => item.status === "in_progress")
      .map((item) => ({ type: "item.done" as const, item: { ...item, status: "incomplete" as const } })),
    ...listPending(known).map(withdrawal),
    { type: "run.failed", error, usage, steps },
  ];
  const at = clock.now();
  // Larger than every number that the former process may have published.
  const events = bodies.map(
    (body, i): AgentEvent => ({ runId: run.id, seq: reservedSeq + 1 + i, at, ...body }),
  );
  const end = { status: "failed", endedAt: at, usage } as const;
  return { run, created: false, events, reservedSeq: reservedSeq + events.length, ...end };
}

function withdrawal({ kind, request: { id } }: Interaction): EventBody {
  return kind === "approval"
    ? { type: "approval.resolved", approvalId: id, choice: "withdrawn" }
    : { type: "input.resolved", inputId: id };
}
