import type { Part } from "../../../src/app/part.ts";
import { mount } from "../../../src/http/mount.ts";

/** A part that counts the turns of each surface, and tells the counts at a route and in the server's health. */
export function turnCounter(): Part {
  const counts: Record<string, number> = {};
  return {
    name: "turn-counter",
    observe(events) {
      for (const { run, event } of events)
        if (event.type === "run.completed") counts[run.surface] = (counts[run.surface] ?? 0) + 1;
    },
    health: { turn_counter: () => ({ status: "ok", counts }) },
    routes: (http) => mount(http, { method: "GET", url: "/v1/turn-counts", handler: async () => counts }),
  };
}
