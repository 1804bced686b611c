import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { databaseOwner } from "../../lib/database-header.ts";
import { StorageError } from "../store.ts";
import { MIGRATIONS } from "./migrations.ts";

export type Db = Database.Database;

/** How to open the database. */
export interface OpenOptions {
  /** Absolute path, or `:memory:`. */
  file: string;
  /** Marks the file as ours. */
  applicationId: number;
  /** How long to wait for a former process to let go of the file. */
  busyTimeoutMs?: number;
}

/** Twice SQLite's own, since rows of 1 to 2 KB then share pages: about 10 % off a commit. */
const PAGE_BYTES = 8_192;

/** Up to here every page and index is looked at before the start, some 3 ms per MB; a larger file's damage is told where it is met. */
const CHECKED_BYTES = 64 * 1024 * 1024;

/**
 * Opens the file, takes it for this process alone and brings its schema up to date. The one connection must stay open
 * until the end: closing a second one in the same process would drop the lock of the first.
 * @throws StorageError when another process has it, it is damaged, a later version made it, or it is not ours.
 */
export function openDatabase(options: OpenOptions): Db {
  let db: Db | undefined;
  try {
    const isNew = options.file === ":memory:" || claimFile(options.file, options.applicationId);
    db = new Database(options.file, { timeout: options.busyTimeoutMs ?? 1_000 });
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma(`page_size = ${PAGE_BYTES}`);
    // Before anything else, and before the log takes writes away from the file itself: a file that a killed process
    // left behind must say whose it is.
    if (isNew) db.pragma(`application_id = ${options.applicationId}`);
    db.pragma("journal_mode = WAL");
    db.pragma("synchronous = FULL");
    const update = db.transaction((opened: Db) => {
      if (!isNew) check(opened, options.file);
      migrate(opened);
    });
    // IMMEDIATE takes the write lock, which EXCLUSIVE mode then keeps. What is refused is left as it was.
    update.immediate(db);
    return db;
  } catch (error) {
    db?.close();
    throw storageError(error, options.file);
  }
}

/**
 * Makes the file when there is none, for this user only: it holds what people said to their agent. Tells whether it is
 * empty. Another program's database is not even opened, since SQLite could write to it.
 * @throws StorageError for another program's.
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

/** A damaged file must not be served from as if nothing were wrong. */
function check(db: Db, file: string): void {
  const pages = db.pragma("page_count", { simple: true }) as number;
  if (pages * PAGE_BYTES > CHECKED_BYTES) return;
  if (db.pragma("integrity_check(1)", { simple: true }) !== "ok") throw damaged(file);
}

/** A file that must not be worked with as if nothing were wrong. */
export function damaged(file: string, cause?: unknown): StorageError {
  const message = `${file} is damaged. Restore a backup, or move the file away to start afresh.`;
  return new StorageError("damaged", message, { cause });
}

/** What an exception of the driver means. */
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
  // What we wrote as JSON and cannot read as JSON is no longer what we wrote.
  const isDamage = code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB";
  if (isDamage || error instanceof SyntaxError) return damaged(file, error);
  return new StorageError(
    "unavailable",
    `${file} cannot be used (${code === "" ? "unknown error" : code}).`,
    cause,
  );
}

/** Whether it was the disk that failed, and not what was asked of it. */
export function isOfDisk({ cause }: StorageError): boolean {
  return /^(SQLITE_(IOERR|READONLY|CANTOPEN)|E[A-Z]+$)/.test(sqliteCode(cause));
}

function sqliteCode(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
