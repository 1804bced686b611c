import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StorageError } from "../store.ts";
import { MIGRATIONS } from "./migrations.ts";

export type Db = Database.Database;

/** How to open the database. */
export interface OpenOptions {
  /** Absolute path, or `:memory:`. */
  file: string;
  /** Marks the file as ours. */
  applicationId: number;
  /** `full` syncs the disk at each commit. */
  sync: "normal" | "full";
  /** How long to wait for a former process to let go of the file. */
  busyTimeoutMs?: number;
}

/** Twice SQLite's own, since rows of 1 to 2 KB then share pages: about 10 % off a commit. */
const PAGE_BYTES = 8_192;

/** Pages in the log before a checkpoint: small enough that one never stalls the loop for more than a few ms. */
const CHECKPOINT_PAGES = 500;

/**
 * Opens the file, takes it for this process alone and brings its schema up to date. The one connection must stay open
 * until the end: closing a second one in the same process would drop the lock of the first.
 * @throws StorageError when another process has it, it is damaged, or a later version made it.
 */
export function openDatabase(options: OpenOptions): Db {
  try {
    if (options.file !== ":memory:") createPrivateFile(options.file);
    const db = new Database(options.file, { timeout: options.busyTimeoutMs ?? 1_000 });
    db.pragma("locking_mode = EXCLUSIVE");
    db.pragma(`page_size = ${PAGE_BYTES}`);
    mark(db, options.applicationId);
    db.pragma("journal_mode = WAL");
    db.pragma(`synchronous = ${options.sync === "full" ? "FULL" : "NORMAL"}`);
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    migrate(db);
    return db;
  } catch (error) {
    throw storageError(error, options.file);
  }
}

/** Only this user may read what people said to their agent. */
function createPrivateFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  closeSync(openSync(file, "a", 0o600));
  chmodSync(file, 0o600);
}

/**
 * Says whose file it is, before WAL: the mark must stand in the file itself, where a second server and a start after a
 * crash look for it, and not in a log that is written back much later.
 */
function mark(db: Db, applicationId: number): void {
  if (db.pragma("application_id", { simple: true }) !== applicationId)
    db.pragma(`application_id = ${applicationId}`);
}

function migrate(db: Db): void {
  const version = db.pragma("user_version", { simple: true }) as number;
  if (version > MIGRATIONS.length) {
    throw new StorageError(
      "newer",
      `The database was made by a later version (schema ${version}). Update this program.`,
    );
  }
  const apply = db.transaction(() => {
    for (const migration of MIGRATIONS.slice(version)) db.exec(migration);
    db.pragma(`user_version = ${MIGRATIONS.length}`);
  });
  // IMMEDIATE takes the write lock, which EXCLUSIVE mode then keeps.
  apply.immediate();
}

/** What an exception of the driver means. */
export function storageError(error: unknown, file: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
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
  if (code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB") {
    return new StorageError(
      "damaged",
      `${file} is damaged. Restore a backup, or move the file away to start afresh.`,
      cause,
    );
  }
  return new StorageError(
    "unavailable",
    `${file} cannot be used (${code === "" ? "unknown error" : code}).`,
    cause,
  );
}
