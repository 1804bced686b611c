import { rmSync } from "node:fs";
import { open, rm, stat, unlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { backupGoesOn, draining, noSpaceForBackup } from "../domain/error.ts";
import type { DiskSpace } from "../lib/disk.ts";
import type { Store } from "../storage/store.ts";

/** What backups are made of. */
export interface BackupDeps {
  store: Pick<Store, "copyTo">;
  /** The database's own file, for its size. */
  databaseFile: string;
  /** The disk that the copy will lie on. */
  disk(): Promise<DiskSpace>;
}

/** A copy of everything that is stored, to be read once. */
export interface Backup {
  sizeBytes: number;
  /** Ends by itself or is destroyed; then the copy is gone. */
  content: Readable;
}

/** What must be left on the disk beside the copy, for the server itself. */
const SPARE_BYTES = 64 * 2 ** 20;

/** Where the store is in memory. */
const NO_FILE = { size: 0 };

/** Copies of the database, made while it is in use, one at a time. */
export class Backups {
  readonly #deps: BackupDeps;
  readonly #file: string;
  #isBusy = false;
  #isClosed = false;

  constructor(deps: BackupDeps) {
    this.#deps = deps;
    this.#file = `${deps.databaseFile}-backup`;
    // What a killed process left.
    rmSync(this.#file, { force: true });
  }

  /**
   * Makes a copy; all that was acknowledged before is in it.
   * @throws ApiError 409 while another one is made or read, 503 when the server stops, 507 without space for it, else as
   * the store.
   */
  async make(): Promise<Backup> {
    if (this.#isClosed) throw draining();
    if (this.#isBusy) throw backupGoesOn();
    this.#isBusy = true;
    try {
      const backup = await this.#copy();
      const free = () => {
        this.#isBusy = false;
      };
      // Whichever is first: who has read all of it may ask for the next at once.
      backup.content.once("end", free).once("close", free);
      return backup;
    } catch (error) {
      this.#isBusy = false;
      // The copy ends with the database that it is made of.
      throw this.#isClosed ? draining() : error;
    }
  }

  /** No more are made. */
  close(): void {
    this.#isClosed = true;
  }

  async #copy(): Promise<Backup> {
    const { store, databaseFile, disk } = this.#deps;
    const { size } = await stat(databaseFile).catch(() => NO_FILE);
    const needed = size + SPARE_BYTES;
    if ((await disk()).freeBytes < needed) throw noSpaceForBackup(needed);
    try {
      await store.copyTo(this.#file);
      const handle = await open(this.#file, "r");
      // Whatever becomes of the reader, nothing of it stays.
      await unlink(this.#file);
      const { size: sizeBytes } = await handle.stat();
      return { sizeBytes, content: handle.createReadStream() };
    } catch (error) {
      await rm(this.#file, { force: true });
      throw error;
    }
  }
}
