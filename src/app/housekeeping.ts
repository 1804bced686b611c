import type { Prompts } from "../context/prompt-cache.ts";
import { Housekeeping } from "../ops/housekeeping.ts";
import { type AppContext, DAY_MS } from "./context.ts";
import type { Part } from "./part.ts";
import type { StoragePart } from "./storage.ts";

/** Opens what removes old data from the store, from time to time. */
export function openHousekeeping(
  { config, clock, log, onFault }: AppContext,
  { storage, prompts }: { storage: StoragePart; prompts: Prompts },
): Part {
  const housekeeping = new Housekeeping({
    store: storage.store,
    disk: storage.disk,
    firesKeptMs: config.settings.jobs.retention_days * DAY_MS,
    prompts,
    clock,
    warn: (message) => log.warn(message),
    onFault,
  });
  return { name: "housekeeping", flush: () => housekeeping.stop() };
}
