import { open } from "node:fs/promises";
import type { Db } from "./db.ts";

/** Pages that are copied before others have their turn: about 1 ms. */
const STEP_PAGES = 32;

/** Pages between two syncs of the copy: all at the end would stop the process for as long as the disk takes. */
const SYNC_PAGES = 2_000;

/**
 * Copies a database that is in use into a new file for this user only, a few pages at a time. What is committed meanwhile
 * through the same connection goes into the copy as well, which is the database as it is at the end.
 * @throws Error of the system when the file exists or cannot be written, of the driver when the copy fails.
 */
export async function copyDatabase(db: Db, file: string): Promise<void> {
  const copy = await open(file, "wx+", 0o600);
  try {
    let synced = 0;
    let syncing: Promise<void> | undefined;
    let fault: unknown;
    await db.backup(file, {
      progress: ({ totalPages, remainingPages }) => {
        if (fault !== undefined) throw fault;
        const copied = totalPages - remainingPages;
        const isLast = remainingPages <= STEP_PAGES;
        if (syncing === undefined && copied > synced && (isLast || copied - synced >= SYNC_PAGES)) {
          synced = copied;
          syncing = copy
            .datasync()
            .catch((error: unknown) => {
              fault = error;
            })
            .finally(() => {
              syncing = undefined;
            });
        }
        return syncing === undefined ? STEP_PAGES : 0;
      },
    });
    await syncing;
  } finally {
    await copy.close();
  }
}
