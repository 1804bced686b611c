import type { AgentEvent } from "./event.ts";

/** What people put in while a run was going on and its model never read, as its events tell. */
export function unusedSteers(events: readonly AgentEvent[]): string[] {
  const given = events.flatMap((event) => (event.type === "run.steered" ? [event.text] : []));
  const used = events.filter(
    (event) => event.type === "item.done" && event.item.type === "message" && event.item.origin === "steer",
  );
  return given.slice(used.length);
}
