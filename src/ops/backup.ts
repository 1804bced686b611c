import { rmSync } from "node:fs";
import { open, rm, stat, unlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { backupGoesOn, draining, noSpaceForBackup } from "../domain/error.ts";
import type { DiskSpace } from "../lib/disk.ts";
import type { Store } from "../storage/store.ts";

/** What backups need. */
interface BackupDeps {
  store: Pick<Store, "copyTo">;
  /** The database file; its size tells how much space a copy needs. */
  databaseFile: string;
  /** The disk that the copy is written to. */
  disk(): Promise<DiskSpace>;
}

/** A copy of the database, to be read once. */
interface Backup {
  sizeBytes: number;
  /** The copy is deleted when the stream ends or is destroyed. */
  content: Readable;
}

/** Free space that must be left for the server itself. */
const SPARE_BYTES = 64 * 2 ** 20;

/** The path of the copy when the database is in memory. */
const NO_FILE = { size: 0 };

/** Copies the database while it is in use, one copy at a time. */
export class Backups {
  readonly #deps: BackupDeps;
  readonly #file: string;
  #isBusy = false;
  #isClosed = false;

  constructor(deps: BackupDeps) {
    this.#deps = deps;
    this.#file = `${deps.databaseFile}-backup`;
    // A killed process may have left a copy.
    rmSync(this.#file, { force: true });
  }

  /**
   * Creates a copy that has everything acknowledged before the call.
   * @throws ApiError 409 while another copy is made or read, 503 when the server stops, 507 without enough space,
   * otherwise as the store.
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
      // The end or the close, whichever comes first: a client that has read everything may ask for the next copy at
      // once.
      backup.content.once("end", free).once("close", free);
      return backup;
    } catch (error) {
      this.#isBusy = false;
      // The copy needs its database: it ends when that closes.
      throw this.#isClosed ? draining() : error;
    }
  }

  /** Refuses further copies. */
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
      // The copy is deleted whatever happens to its reader.
      await unlink(this.#file);
      const { size: sizeBytes } = await handle.stat();
      return { sizeBytes, content: handle.createReadStream() };
    } catch (error) {
      await rm(this.#file, { force: true });
      throw error;
    }
  }
}
