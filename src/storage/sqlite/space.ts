import { constants, statSync, truncateSync } from "node:fs";
import { open } from "node:fs/promises";
import { dirname } from "node:path";
import type { Db } from "./db.ts";
import { type Disk, SYSTEM_DISK } from "./disk.ts";

/** Kept in the log, and as much again in a file of its own; less on a small disk. */
const RESERVE_BYTES = 8 * 2 ** 20;
const SHARE_OF_DISK = 32;

/** So many times the reserve must be free before the database may grow again. */
const ENOUGH = 4;

/** By so many pages it may grow for what makes room: what is deleted leaves entries of indexes behind. */
const MARGIN_PAGES = 64;

/** SQLite's own limit. */
const NO_LIMIT = 4_294_967_294;

const PIECE = Buffer.alloc(2 ** 20);

/**
 * The space on the disk. When there is none, the database stays as large as it is and works within that: rows can be
 * deleted, and others take their place. Two things must lie there before, whoever fills the disk:
 * - the log's first megabytes, since every change goes through the log;
 * - as much in `<file>-reserve`, given up when pages that are committed must still go into the database.
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

  /** Whether so much was deleted that there is space within the file. */
  get hasRoomInside(): boolean {
    return (this.#db.pragma("freelist_count", { simple: true }) as number) >= MARGIN_PAGES;
  }

  /** As it was seen last. */
  get freeBytes(): number {
    return this.#freeBytes;
  }

  /** How long the log may become without more space. */
  get logBytes(): number {
    return this.#reserveBytes;
  }

  /** Whether the reserve is to be taken, and there is space for it. */
  get isToBeTaken(): boolean {
    return !this.#isTaken && this.#freeBytes > ENOUGH * this.#reserveBytes;
  }

  /** Looks how full the disk is. @throws Error of the system. */
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

  /** Takes the reserve; nobody may write meanwhile. @throws Error of the system, without space for it, too. */
  async take(): Promise<void> {
    this.#isTaken = true;
    await extend(`${this.#file}-wal`, this.#reserveBytes);
    await extend(this.#reserve, this.#reserveBytes);
  }

  /** Gives up the reserve; false: there was none. */
  release(): boolean {
    this.#isTaken = false;
    const { size } = statSync(this.#reserve, { throwIfNoEntry: false }) ?? { size: 0 };
    if (size > 0) truncateSync(this.#reserve, 0);
    return size > 0;
  }

  /** Does what makes room, for which the database may grow a little. */
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

  /** The database may have so many pages more than now. */
  #limit(more: number): void {
    const pages = this.#db.pragma("page_count", { simple: true }) as number;
    this.#db.pragma(`max_page_count = ${pages + more}`);
  }
}

/** Makes a file that long, with blocks of its own. */
async function extend(path: string, bytes: number): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    let { size: at } = await file.stat();
    while (at < bytes)
      at += (await file.write(PIECE, 0, Math.min(PIECE.length, bytes - at), at)).bytesWritten;
  } finally {
    await file.close();
  }
}
