import { fdatasync } from "node:fs";
import { promisify } from "node:util";
import { type DiskSpace, diskSpace } from "../../lib/disk.ts";

/** What a database needs of the disk. Nothing of it is waited for on the main thread. */
export interface Disk {
  /** Makes what was written to an open file survive a power cut. @throws Error of the system. */
  sync(fd: number): Promise<void>;
  /** How full the disk of a directory is. @throws Error of the system. */
  space(directory: string): Promise<Pick<DiskSpace, "freeBytes" | "totalBytes">>;
}

/** The system's own; syncs are done by Node's thread pool. */
export const SYSTEM_DISK: Disk = { sync: promisify(fdatasync), space: diskSpace };
