import { createHook } from "node:async_hooks";
import { readdir, readlink } from "node:fs/promises";

/** What a piece of the program opened and has not closed. */
export interface HandleWatch {
  /** Timers and sockets of the program's own code, each with the line that made it. */
  handles(): Promise<string[]>;
  /** Ends the watch. */
  stop(): void;
}

const WATCHED = /^(Timeout|TCP|PIPE|FSEVENT)/;

/** Watches timers (also those that keep no process alive) and sockets from now on, as far as code of `src` makes them. */
export function watchHandles(): HandleWatch {
  const open = new Map<number, string>();
  const hook = createHook({
    init(id, type) {
      if (!WATCHED.test(type)) return;
      const line = new Error(type).stack?.split("\n").find((text) => text.includes("/src/"));
      if (line !== undefined) open.set(id, `${type} ${line.trim()}`);
    },
    destroy: (id) => void open.delete(id),
  }).enable();
  return {
    async handles() {
      // The hook hears of what was closed after the tick.
      await new Promise(setImmediate);
      return [...open.values()];
    },
    stop: () => void hook.disable(),
  };
}

/** The files under a directory that this process holds open. Linux only. */
export async function openFilesUnder(directory: string): Promise<string[]> {
  const descriptors = await readdir("/proc/self/fd");
  const files = await Promise.all(descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")));
  return files.filter((file) => file.startsWith(directory));
}
