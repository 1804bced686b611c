import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { databaseOwner } from "../../lib/database-header.ts";
import { StorageError } from "../store.ts";
import { MIGRATIONS } from "./migrations.ts";

export type Db = Database.Database;

/** Options of a database. */
export interface OpenOptions {
  /** Absolute path, or `:memory:`. */
  file: string;
  /** Marks the file as this program's. */
  applicationId: number;
  /** How long to wait until a former process releases the file, ms. */
  busyTimeoutMs?: number;
}

/** Twice SQLite's default: rows of 1 to 2 KB share pages, which makes a commit about 10 % cheaper. */
const PAGE_BYTES = 8_192;

/**
 * Files up to this size are checked page by page before the start, some 3 ms per MB; damage in larger files is
 * reported when it is met.
 */
const CHECKED_BYTES = 64 * 1024 * 1024;

/**
 * Opens the file, locks it for this process and updates its schema. The connection must stay open until the end:
 * closing a second connection in the same process would drop the lock of the first.
 * @throws StorageError when another process has the file, it is damaged, a later version made it, or it belongs to
 * another program.
 */
export function openDatabase(options: OpenOptions): Db {
  let db: Db | undefined;
  try {
    const isNew = options.file === ":memory:" || claimFile(options.file, options.applicationId);
    db = new Database(options.file, { timeout: options.busyTimeoutMs ?? 1_000 });
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma(`page_size = ${PAGE_BYTES}`);
    // Written first, directly to the file: after a crash the file must still say which program it belongs to.
    if (isNew) db.pragma(`application_id = ${options.applicationId}`);
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    const update = db.transaction((opened: Db) => {
      if (!isNew) check(opened, options.file);
      migrate(opened);
    });
    // IMMEDIATE takes the write lock, which EXCLUSIVE mode then keeps. A refused file is not changed.
    update.immediate(db);
    return db;
  } catch (error) {
    db?.close();
    throw storageError(error, options.file);
  }
}

/**
 * Creates the file if there is none, readable by this user only: it holds what people told their agent. Returns
 * whether it is empty. Another program's database is not opened, because SQLite might write to it.
 * @throws StorageError for another program's database.
 */
function claimFile(file: string, applicationId: number): boolean {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const fd = openSync(file, "a+", 0o600);
  try {
    const owner = databaseOwner(fd);
    if (typeof owner === "number" && owner !== applicationId) {
      throw new StorageError("unavailable", `${file} is another program's database; it was left as it is.`);
    }
    chmodSync(file, 0o600);
    return owner === "empty";
  } finally {
    closeSync(fd);
  }
}

function migrate(db: Db): void {
  const version = db.pragma("user_version", { simple: true }) as number;
  if (version > MIGRATIONS.length) {
    throw new StorageError(
      "newer",
      `The database was made by a later version (schema ${version}). Update this program.`,
    );
  }
  if (version === MIGRATIONS.length) return;
  for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
  db.pragma(`user_version = ${MIGRATIONS.length}`);
}

/** Refuses a damaged file. */
function check(db: Db, file: string): void {
  const pages = db.pragma("page_count", { simple: true }) as number;
  if (pages * PAGE_BYTES > CHECKED_BYTES) return;
  if (db.pragma("integrity_check(1)", { simple: true }) !== "ok") throw damaged(file);
}

/** Creates the error for a file that must not be used. */
export function damaged(file: string, cause?: unknown): StorageError {
  const message = `${file} is damaged. Restore a backup, or move the file away to start afresh.`;
  return new StorageError("damaged", message, { cause });
}

/** Translates an exception of the driver. */
export function storageError(error: unknown, file: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = sqliteCode(error);
  const cause = { cause: error };
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new StorageError(
      "busy",
      `Another process is using ${file}. Only one server may run per profile.`,
      cause,
    );
  }
  if (code.startsWith("SQLITE_FULL") || code === "ENOSPC")
    return new StorageError("full", "The disk is full.", cause);
  // JSON that this program wrote and cannot be parsed is damaged.
  const isDamage = code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
  if (isDamage || error instanceof SyntaxError) return damaged(file, error);
  return new StorageError(
    "unavailable",
    `${file} cannot be used (${code === "" ? "unknown error" : code}).`,
    cause,
  );
}

/** Whether the disk failed, not the request. */
export function isOfDisk({ cause }: StorageError): boolean {
  return /^(SQLITE_(IOERR|READONLY|CANTOPEN)|E[A-Z]+$)/.test(sqliteCode(cause));
}

function sqliteCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
