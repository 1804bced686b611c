import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { describeKind, Unreadable } from "./unreadable.ts";

/**
 * Uses one of the operator's own files before anything is served, by an open descriptor. Links are followed; a FIFO or a
 * device is not waited for.
 * @throws Unreadable when it is no regular file; NodeJS.ErrnoException when it cannot be opened.
 */
export function useAtStart<Result>(path: string, use: (fd: number, bytes: number) => Result): Result {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw new Unreadable(`it is ${describeKind(stats)}`);
    return use(fd, stats.size);
  } finally {
    closeSync(fd);
  }
}
