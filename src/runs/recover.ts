import { serverRestarted } from "../domain/error.ts";
import type { AgentEvent } from "../domain/event.ts";
import { fold } from "../domain/fold.ts";
import type { RunId } from "../domain/id.ts";
import type { Clock } from "../lib/clock.ts";
import type { RunWrite, Store, StoredRun } from "../storage/store.ts";

/**
 * Gives every run that a former process left unfinished its end, so that none stays in progress for ever: a request
 * whose client is gone is not repeated. What it had begun is closed as far as it was stored.
 * @returns how many there were.
 */
export async function endUnfinishedRuns(store: Store, clock: Clock): Promise<number> {
  const left = await store.unfinishedRuns();
  const writes = await Promise.all(left.map((stored) => endOf(stored, store, clock)));
  if (writes.length > 0) await store.append(writes);
  return writes.length;
}

async function endOf({ run, reservedSeq }: StoredRun, store: Store, clock: Clock): Promise<RunWrite> {
  const state = fold(await allEvents(store, run.id));
  // Above everything that the former process may have published.
  let seq = reservedSeq;
  const at = clock.now();
  const events: AgentEvent[] = state.items
    .filter((item) => item.status === "in_progress")
    .map((item) => ({
      runId: run.id,
      seq: ++seq,
      at,
      type: "item.done",
      item: { ...item, status: "incomplete" },
    }));
  const { usage, steps } = state;
  events.push({ runId: run.id, seq: ++seq, at, type: "run.failed", error: serverRestarted(), usage, steps });
  return { run, created: false, status: "failed", events, reservedSeq: seq, endedAt: at, usage };
}

const PAGE_EVENTS = 1_000;

async function allEvents(store: Store, id: RunId): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for (;;) {
    const page = await store.readEvents(id, { afterSeq: events.at(-1)?.seq ?? 0, limit: PAGE_EVENTS });
    if (page.length === 0) return events;
    // One by one: a page may be larger than an argument list.
    for (const event of page) events.push(event);
  }
}
