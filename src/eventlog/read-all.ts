import type { AgentEvent } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Store } from "../storage/store.ts";
import type { RunLog } from "./run-log.ts";

const PAGE_EVENTS = 1_000;

/** Returns all events of a run so far; `live` is its log while the run is going on. */
export async function allEvents(
  store: Pick<Store, "readEvents">,
  id: RunId,
  live?: RunLog,
): Promise<AgentEvent[]> {
  const events: AgentEvent[] = [];
  for (;;) {
    const last = events.at(-1)?.seq ?? 0;
    const page = await store.readEvents(id, { afterSeq: last, limit: PAGE_EVENTS });
    // One by one: a page may have more events than a call may have arguments.
    for (const event of page) events.push(event);
    if (page.length > 0) continue;
    // The log no longer holds what was stored while the page was read.
    if (live === undefined || live.storedSeq <= last) return [...events, ...(live?.unstored(last) ?? [])];
  }
}
