import { fdatasync } from "node:fs";
import { promisify } from "node:util";
import { type DiskSpace, diskSpace } from "../../lib/disk.ts";

/** What a database needs of the disk. None of it blocks the main thread. */
export interface Disk {
  /** Syncs an open file, so that its content survives a power cut. @throws Error of the operating system. */
  sync(fd: number): Promise<void>;
  /** Returns the total and free bytes of a directory's disk. @throws Error of the operating system. */
  space(directory: string): Promise<Pick<DiskSpace, "freeBytes" | "totalBytes">>;
}

/** The operating system's disk; Node's thread pool does the syncs. */
export const SYSTEM_DISK: Disk = { sync: promisify(fdatasync), space: diskSpace };
