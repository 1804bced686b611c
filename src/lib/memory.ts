import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Gives memory back that only the start has needed, some 18 MB; nothing else goes on meanwhile, for some 50 ms. */
export function giveMemoryBack(): void {
  collect({ type: "major", flavor: "last-resort" });
}

/** How long nothing large must have come, ms. */
const LATER_MS = 4_000;
/** To look through more would hold up others, and a server that holds so much collects by itself. */
const MAX_HEAP_BYTES = 128 * 1024 * 1024;

/** Gives back what large things have needed, a while after the last one: a server without new work never would. */
export class Leftovers {
  #timer: NodeJS.Timeout | undefined;

  /** Something large has come. Collecting takes some 15 ms, later. */
  expect(): void {
    this.#timer ??= setTimeout(() => {
      if (process.memoryUsage().heapUsed < MAX_HEAP_BYTES) collect({ type: "major" });
    }, LATER_MS).unref();
    this.#timer.refresh();
  }
}

function collect(how: { type: "major"; flavor?: "last-resort" }): void {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: typeof how) => void;
  gc(how);
}
