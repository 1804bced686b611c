import { constants, statSync, truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Db } from "./db.ts";
import { type Disk, SYSTEM_DISK } from "./disk.ts";

/** Space kept in the log, and as much again in a file of its own; less on a small disk. */
const RESERVE_BYTES = 8 * 2 ** 20;
const SHARE_OF_DISK = 32;

/** The database may grow again when this multiple of the reserve is free. */
const ENOUGH = 4;

/** Pages by which a deletion may grow the database: deleting leaves index entries behind. */
const MARGIN_PAGES = 64;

/** SQLite's own limit of pages. */
const NO_LIMIT = 4_294_967_294;

const PIECE = Buffer.alloc(2 ** 20);

/**
 * The space on the disk. When the disk is full, the database keeps its size and reuses the pages of deleted rows. Two
 * things are allocated in advance, so that this works whoever fills the disk:
 * - the first megabytes of the log, because every change goes through it;
 * - as much again in `<file>-reserve`, which is released when committed pages must still be copied into the database.
 */
export class Space {
  readonly #db: Db;
  readonly #file: string;
  readonly #disk: Disk;
  #reserveBytes = RESERVE_BYTES;
  #isShort = false;
  #isTaken = false;
  #freeBytes = Number.POSITIVE_INFINITY;

  constructor(db: Db, { file, disk = SYSTEM_DISK }: { file: string; disk?: Disk }) {
    this.#db = db;
    this.#file = file;
    this.#disk = disk;
  }

  /** Whether the database must not grow. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** Whether deletions have freed enough pages inside the file. */
  get hasRoomInside(): boolean {
    return (this.#db.pragma("freelist_count", { simple: true }) as number) >= MARGIN_PAGES;
  }

  /** Free bytes of the disk, at the last measurement. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** How long the log may become without allocating more space. */
  get logBytes(): number {
    return this.#reserveBytes;
  }

  /** Whether the reserve is missing and there is space for it. */
  get isToBeTaken(): boolean {
    return !this.#isTaken && this.#freeBytes > ENOUGH * this.#reserveBytes;
  }

  /** Measures the free space. @throws Error of the operating system. */
  async look(): Promise<void> {
    const { freeBytes, totalBytes } = await this.#disk.space(dirname(this.#file));
    if (!this.#db.open) return;
    this.#freeBytes = freeBytes;
    this.#reserveBytes = Math.min(RESERVE_BYTES, Math.floor(totalBytes / SHARE_OF_DISK));
    if (freeBytes < this.#reserveBytes) {
      this.#isShort = true;
      this.#limit(0);
    } else if (this.#isShort && freeBytes > ENOUGH * this.#reserveBytes) {
      this.#isShort = false;
      this.#db.pragma(`max_page_count = ${NO_LIMIT}`);
    }
  }

  /**
   * Allocates the reserve; nobody may write meanwhile. @throws Error of the operating system, also when there is no
   * space.
   */
  async take(): Promise<void> {
    this.#isTaken = true;
    await allocateFile(`${this.#file}-wal`, this.#reserveBytes);
    await allocateFile(this.#reserve, this.#reserveBytes);
  }

  /** Releases the reserve; returns false if there was none. */
  release(): boolean {
    this.#isTaken = false;
    const { size } = statSync(this.#reserve, { throwIfNoEntry: false }) ?? { size: 0 };
    if (size > 0) truncateSync(this.#reserve, 0);
    return size > 0;
  }

  /** Runs a write that frees space; the database may grow by a few pages for it. */
  withMargin<Result>(work: () => Result): Result {
    this.#limit(MARGIN_PAGES);
    try {
      return work();
    } finally {
      this.#limit(0);
    }
  }

  get #reserve(): string {
    return `${this.#file}-reserve`;
  }

  /** Limits the database to its present size plus some pages. */
  #limit(more: number): void {
    const pages = this.#db.pragma("page_count", { simple: true }) as number;
    this.#db.pragma(`max_page_count = ${pages + more}`);
  }
}

/** Creates a file of that length whose blocks are allocated. */
async function allocateFile(path: string, bytes: number): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    let { size: at } = await file.stat();
    while (at < bytes)
      at += (await file.write(PIECE, 0, Math.min(PIECE.length, bytes - at), at)).bytesWritten;
  } finally {
    await file.close();
  }
}
