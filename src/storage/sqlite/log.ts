import { closeSync, constants, fstatSync, fsync, open, openSync, type Stats } from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { StorageError } from "../store.ts";
import type { Db } from "./db.ts";
import { type Disk, SYSTEM_DISK } from "./disk.ts";
import { MIGRATIONS } from "./migrations.ts";
import type { Space } from "./space.ts";

/** What a log is opened with. */
export interface LogOptions {
  /** The database's absolute path. */
  file: string;
  /** `full`: a commit counts when the disk has it. */
  sync: "normal" | "full";
  /** By default the system's. */
  disk?: Disk;
  /** How long the log may become before it goes into the database: what is copied at once takes some ms. 8 MB by default. */
  logBytes?: number;
}

const USUAL_BYTES = 8 * 2 ** 20;

/** On a disk so slow that checkpoints would take too much of the time, it may become so long, and take so much of the space. */
const MOST_BYTES = 256 * 2 ** 20;
const SHARE_OF_SPACE = 16;

/** After a checkpoint that took longer than that, writers have the database for so many times as long. */
const SLOW_MS = 100;
const REST = 3;

/** Commits between two looks at how long the log is, unless the file itself grows. */
const LOOK_EVERY = 32;

/** Before what could not be done is tried again, ms. */
const RETRY_MS = 1_000;

interface CheckpointRow {
  busy: number;
  log: number;
  checkpointed: number;
}

/**
 * The write-ahead log of a database that this process alone has open. SQLite itself never waits for the disk
 * (`synchronous = OFF`): it would do so on the main thread, where requests wait with it. What its syncs are for is done
 * here, in the same order, while nobody writes (`checkpoint`).
 */
export class WriteAheadLog {
  readonly #db: Db;
  readonly #space: Space;
  readonly #path: string;
  readonly #isFull: boolean;
  readonly #disk: Disk;
  readonly #usualBytes: number;
  /** Open until the end: closing a file drops this process's locks on it, which are SQLite's. */
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

  /** Whether a path leads to the database that is open. */
  isAt({ dev, ino }: Stats): boolean {
    const open = fstatSync(this.#file);
    return open.dev === dev && open.ino === ino && open.nlink > 0;
  }

  /** Whether the log should go into the database now. */
  get isDue(): boolean {
    const { isShort, logBytes, freeBytes } = this.#space;
    if (isShort) return this.#usedBytes >= logBytes / 2;
    if (this.#usedBytes < Math.min(this.#usualBytes, logBytes)) return false;
    const most = Math.min(MOST_BYTES, freeBytes / SHARE_OF_SPACE);
    return this.#usedBytes >= most || performance.now() >= this.#restsUntil;
  }

  /**
   * After a commit: what to wait for before it is acknowledged, if anything.
   * @throws StorageError when nobody will find it, since the file was removed.
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
   * Copies what the log has into the database and begins the log anew. Nobody may write meanwhile. At each step a
   * power cut leaves a whole database:
   * - The log is synced before the copy: a page must not be in the database before the rest of its transaction is safe.
   * - The database is synced before the log begins anew: until then only the log is sure to have the pages.
   * - The log begins anew with one page, and is synced before there are more: of a longer beginning the disk could have
   *   the second page and not the first, and then the first page of the old log would count once more.
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

  /** Closes the database; nothing of the log is left unless the disk fails. */
  async close(): Promise<void> {
    const isCopied = await this.#copy().catch(() => false);
    // Whatever is left SQLite copies itself, with all its syncs.
    if (!isCopied) this.#db.pragma("synchronous = FULL");
    this.closeAsIs();
  }

  /** Closes the database and its files without a checkpoint. */
  closeAsIs(): void {
    this.#db.close();
    closeSync(this.#log);
    closeSync(this.#file);
  }

  /** False: not all of it, since something is being read. */
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

  /** A log that the disk has is of no use while its directory does not name it. */
  async #syncName(): Promise<void> {
    const directory = await promisify(open)(dirname(this.#path), "r").catch(() => undefined);
    // Not every system can do that.
    if (directory === undefined) return;
    await promisify(fsync)(directory).catch(() => undefined);
    closeSync(directory);
    this.#isNamed = true;
  }

  /** Commits that come while a sync goes on share the next one. */
  #synced(): Promise<void> {
    this.#nextSync ??= this.#syncNext();
    return this.#nextSync;
  }

  async #syncNext(): Promise<void> {
    // Whoever waits for it is told of its failure.
    await this.#syncing?.catch(() => undefined);
    this.#nextSync = undefined;
    this.#syncing = this.#sync(this.#log);
    await this.#syncing;
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "SQLITE_FULL";
}

/** The database is no more where it was: what is written into it nobody finds again. */
export function gone(file: string): StorageError {
  return new StorageError(
    "gone",
    `${file} was removed or replaced under the running server. Restart the server.`,
  );
}
