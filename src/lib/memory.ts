import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (how: { type: "major"; flavor?: "last-resort" }) => void;

/** Gives memory back that only the start has needed, some 18 MB; nothing else goes on meanwhile, for some 50 ms. */
export function giveMemoryBack(): void {
  collector()({ type: "major", flavor: "last-resort" });
}

/** How long nothing large must have come, ms. */
const LATER_MS = 4_000;
/** To look through more would hold up others, and a server that holds so much collects by itself. */
const MAX_HEAP_BYTES = 128 * 1024 * 1024;

/**
 * Gives back what large things have needed. The collector counts on much new work, and would let a server grow to
 * several times the size of one large thing, and an idle one stay so.
 */
export class Leftovers {
  #collect: Collect | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Something large has come: collects a while after the last one. */
  expect(): void {
    this.#timer ??= setTimeout(() => this.collect(), LATER_MS).unref();
    this.#timer.refresh();
  }

  /** Takes some 15 ms, in which nothing else goes on. */
  collect(): void {
    if (process.memoryUsage().heapUsed > MAX_HEAP_BYTES) return;
    this.#collect ??= collector();
    this.#collect({ type: "major" });
  }
}

function collector(): Collect {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collect;
}
