import { closeSync, constants, fstatSync, fsync, open, openSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { StorageError } from "../store.ts";
import type { Db } from "./db.ts";
import { type Disk, SYSTEM_DISK } from "./disk.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Space } from "./space.ts";

/** Options of a write-ahead log. */
export interface LogOptions {
  /** The database's absolute path. */
  file: string;
  /** `full`: a commit is acknowledged after the disk has it. */
  sync: "normal" | "full";
  /** The operating system's disk by default. */
  disk?: Disk;
  /** Length at which the log is copied into the database, 8 MB by default: a copy of that size takes some ms. */
  logBytes?: number;
}

const USUAL_BYTES = 8 * 2 ** 20;

/**
 * Limit of the log on a slow disk, where checkpoints would take too much of the time; also a share of the free space.
 */
const MOST_BYTES = 256 * 2 ** 20;
const SHARE_OF_SPACE = 16;

/** After a checkpoint slower than SLOW_MS, writers get the database for REST times as long. */
const SLOW_MS = 100;
const REST = 3;

/** Commits between two measurements of the log, unless its file grows. */
const LOOK_EVERY = 32;

/** Delay before a failed checkpoint is tried again, ms. */
const RETRY_MS = 1_000;

interface CheckpointRow {
  busy: number;
  log: number;
  checkpointed: number;
}

/**
 * The write-ahead log of a database that this process owns. SQLite never syncs (`synchronous = OFF`), because it
 * would do so on the main thread, where requests would wait for the disk. Its syncs are done here, in the same order,
 * while nobody writes (`checkpoint`).
 */
export class WriteAheadLog {
  readonly #db: Db;
  readonly #space: Space;
  readonly #path: string;
  readonly #isFull: boolean;
  readonly #disk: Disk;
  readonly #usualBytes: number;
  /** Kept open until the end: closing a file drops all locks of this process on it, including SQLite's. */
  readonly #file: number;
  readonly #log: number;
  readonly #look;
  readonly #toFile;
  readonly #beginAnew;
  readonly #frameBytes: number;
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  #isNamed = false;
  #commits = 0;
  #seenBytes = 0;
  #usedBytes = 0;
  #restsUntil = 0;

  constructor(db: Db, space: Space, options: LogOptions) {
    const { file, sync, disk = SYSTEM_DISK, logBytes = USUAL_BYTES } = options;
    this.#db = db;
    this.#space = space;
    this.#path = file;
    this.#isFull = sync === "full";
    this.#disk = disk;
    this.#usualBytes = logBytes;
    this.#frameBytes = (db.pragma("page_size", { simple: true }) as number) + 24;
    this.#look = db.prepare<[], CheckpointRow>("PRAGMA wal_checkpoint(NOOP)");
    this.#toFile = db.prepare<[], CheckpointRow>("PRAGMA wal_checkpoint(PASSIVE)");
    this.#beginAnew = db.prepare<[]>(`PRAGMA user_version = ${MIGRATIONS.length}`);
    db.pragma("synchronous = OFF");
    db.pragma("wal_autocheckpoint = 0");
    db.pragma(`journal_size_limit = ${2 * USUAL_BYTES}`);
    this.#file = openSync(file, constants.O_RDWR);
    this.#log = openSync(`${file}-wal`, constants.O_RDWR);
  }

  /** Returns whether a path still leads to the open database. */
  isAt({ dev, ino }: Stats): boolean {
    const open = fstatSync(this.#file);
    return open.dev === dev && open.ino === ino && open.nlink > 0;
  }

  /** Whether a checkpoint is due. */
  get isDue(): boolean {
    const { isShort, logBytes, freeBytes } = this.#space;
    if (isShort) return this.#usedBytes >= logBytes / 2;
    if (this.#usedBytes < Math.min(this.#usualBytes, logBytes)) return false;
    const most = Math.min(MOST_BYTES, freeBytes / SHARE_OF_SPACE);
    return this.#usedBytes >= most || performance.now() >= this.#restsUntil;
  }

  /**
   * Called after a commit. Returns what to wait for before the commit is acknowledged, or undefined.
   * @throws StorageError when the database file was removed, so that nobody would find the commit.
   */
  committed(): Promise<void> | undefined {
    const { nlink, size } = fstatSync(this.#log);
    if (nlink === 0) throw gone(this.#path);
    if (size > this.#seenBytes || ++this.#commits % LOOK_EVERY === 0) {
      this.#seenBytes = size;
      this.#usedBytes = (this.#look.get()?.log ?? 0) * this.#frameBytes;
    }
    return this.#isFull ? this.#synced() : undefined;
  }

  /**
   * Copies the log into the database and restarts the log. Nobody may write meanwhile. A power cut at any step leaves
   * a consistent database:
   * - The log is synced before the copy: a page must not reach the database before the rest of its transaction is
   * safe.
   * - The database is synced before the log restarts: until then only the log is sure to have the pages.
   * - The log restarts with one page, which is synced before more are written: with several pages, the disk could
   * have the second page but not the first, and the first page of the old log would be valid again.
   */
  async checkpoint(): Promise<void> {
    const began = performance.now();
    try {
      this.#restsUntil = began + RETRY_MS;
      if (!(await this.#copy())) return;
      this.#beginAnew.run();
      this.#usedBytes = 0;
      await this.#sync(this.#log);
      this.#restsUntil = 0;
    } finally {
      const ended = performance.now();
      if (ended - began > SLOW_MS) this.#restsUntil = ended + REST * (ended - began);
    }
  }

  /** Closes the database; the log is empty afterwards, unless the disk fails. */
  async close(): Promise<void> {
    const isCopied = await this.#copy().catch(() => false);
    // SQLite copies the rest itself, with its own syncs.
    if (!isCopied) this.#db.pragma("synchronous = FULL");
    this.closeAsIs();
  }

  /** Closes the database and its files without a checkpoint. */
  closeAsIs(): void {
    this.#db.close();
    closeSync(this.#log);
    closeSync(this.#file);
  }

  /** Returns false if a reader kept a part of the log from being copied. */
  async #copy(): Promise<boolean> {
    await this.#sync(this.#log);
    const { busy, log, checkpointed } = this.#intoFile();
    await this.#sync(this.#file);
    return busy === 0 && log === checkpointed;
  }

  #intoFile(): CheckpointRow {
    const done = () => this.#toFile.get() ?? { busy: 1, log: 0, checkpointed: 0 };
    try {
      return done();
    } catch (error) {
      if (!isFull(error) || !this.#space.release()) throw error;
      return done();
    }
  }

  async #sync(fd: number): Promise<void> {
    const synced = this.#disk.sync(fd);
    await (fd === this.#log && !this.#isNamed ? Promise.all([synced, this.#syncName()]) : synced);
  }

  /** A synced log is lost if its directory entry is not synced. */
  async #syncName(): Promise<void> {
    const directory = await promisify(open)(dirname(this.#path), "r").catch(() => undefined);
    // Not every operating system can sync a directory.
    if (directory === undefined) return;
    await promisify(fsync)(directory).catch(() => undefined);
    closeSync(directory);
    this.#isNamed = true;
  }

  /** Commits that arrive during a sync share the next one. */
  #synced(): Promise<void> {
    this.#nextSync ??= this.#syncNext();
    return this.#nextSync;
  }

  async #syncNext(): Promise<void> {
    // Each waiter gets the failure of its own sync.
    await this.#syncing?.catch(() => undefined);
    this.#nextSync = undefined;
    this.#syncing = this.#sync(this.#log);
    await this.#syncing;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_FULL";
}

/** The database file was moved or removed; what is written to it would be lost. */
export function gone(file: string): StorageError {
  return new StorageError(
    "gone",
    `${file} was removed or replaced under the running server. Restart the server.`,
  );
}
