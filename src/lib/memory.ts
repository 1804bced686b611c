import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (how: { type: "major"; flavor?: "last-resort" }) => void;

let collect: Collect | undefined;

function collector(): Collect {
  if (collect === undefined) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as Collect;
  }
  return collect;
}

/** Gives memory back that only the start has needed, some 18 MB; nothing else goes on meanwhile, for some 50 ms. */
export function giveMemoryBack(): void {
  collector()({ type: "major", flavor: "last-resort" });
}

/** How long nothing large must have come. */
const LATER_MS = 4_000;
/** To look through more would hold up others, and a server that holds so much collects by itself. */
const MAX_HEAP_BYTES = 128 * 1024 * 1024;

let later: NodeJS.Timeout | undefined;

/** Gives back what something large has needed, a while after it: without new work nothing would. Takes some 15 ms then. */
export function giveMemoryBackLater(): void {
  later ??= setTimeout(() => {
    if (process.memoryUsage().heapUsed < MAX_HEAP_BYTES) collector()({ type: "major" });
  }, LATER_MS).unref();
  later.refresh();
}
