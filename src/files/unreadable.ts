import type { BigIntStats, Stats } from "node:fs";

/** A file that is there and is not read; the message says why, to stand after its name ("it is a directory"). */
export class Unreadable extends Error {
  override readonly name = "Unreadable";
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  ENOTDIR: "a part of the path is a file, not a directory",
  EACCES: "no permission",
  EPERM: "no permission",
  ELOOP: "its symbolic links lead round in circles",
  ENAMETOOLONG: "the name is too long",
  ESTALE: "it changed while it was used; try again",
  EROFS: "the disk is read-only",
  ENOSPC: "the disk is full",
};

/** What an error of the system means, in words; undefined when it is none. */
export function systemReason(error: unknown): string | undefined {
  const code = systemCode(error);
  return code === undefined ? undefined : (REASONS[code] ?? `the system refused it (${code})`);
}

/** The system's name for an error (`ENOENT`), or undefined when it is no system error. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** What something on a disk is, in words. */
export function describeKind(stats: BigIntStats | Stats): string {
  if (stats.isFile()) return "a file";
  if (stats.isDirectory()) return "a directory";
  if (stats.isSymbolicLink()) return "a symbolic link that leads nowhere";
  return "a device, socket or FIFO";
}
