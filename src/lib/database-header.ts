import { readSync } from "node:fs";

/** @see https://www.sqlite.org/fileformat.html */
const HEADER_BYTES = 100;
const MAGIC = "SQLite format 3\0";
const APPLICATION_ID_OFFSET = 68;

/**
 * Whose an SQLite file is, by its `application_id`; `empty` may become anybody's, `unreadable` is no database (any
 * more). Read from the open file itself: SQLite could change a foreign database when it opens it.
 */
export function databaseOwner(fd: number): number | "empty" | "unreadable" {
  const header = Buffer.alloc(HEADER_BYTES);
  if (readSync(fd, header, 0, HEADER_BYTES, 0) === 0) return "empty";
  const isDatabase = header.toString("latin1", 0, MAGIC.length) === MAGIC;
  return isDatabase ? header.readUInt32BE(APPLICATION_ID_OFFSET) : "unreadable";
}
