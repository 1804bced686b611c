import { constants } from "node:fs";
import { join, resolve } from "node:path";
import { isInside } from "../../files/inside.ts";
import type { Pin, Pinned } from "../../files/pin.ts";
import { describeKind, systemCode, systemReason } from "../../files/unreadable.ts";
import { shownPath, ToolError } from "../define.ts";
import type { Protection } from "./protection.ts";

/** Systems refuse longer ones, but some only after a part of it was created. */
const MAX_PATH_CHARS = 4_096;

/** The limits of a workspace. */
export interface Limits {
  /** The real path of the workspace. */
  root: string;
  /** Another absolute path by which it is called, for example through a symbolic link. */
  alias: string;
  /** What is never touched. */
  protection: Protection;
  pin: Pin;
}

/** What a pinned thing must be. */
export type Kind = "a file" | "a directory";

/**
 * The absolute path that a model's path means, before the disk is asked.
 * @throws ToolError when the text alone shows that it is no path inside.
 */
export function lexicalPath(limits: Limits, path: string): string {
  if (path.includes("\0")) throw new ToolError("a path cannot hold a NUL character.");
  if (path === "~" || path.startsWith("~/")) {
    throw new ToolError(`~ is not expanded; give a path relative to the workspace, ${limits.root}.`);
  }
  const absolute = resolve(limits.root, path);
  if (absolute.length > MAX_PATH_CHARS) throw new ToolError("the path is too long.");
  const base = [limits.root, limits.alias].find((root) => isInside(root, absolute));
  if (base === undefined) throw leadsOut(limits);
  return join(limits.root, absolute.slice(base.length));
}

/**
 * Pins what a path names, links followed.
 * @throws ToolError when it is outside, protected or of another kind.
 */
export function pinInside(limits: Limits, path: string, kind: Kind): Pinned {
  return admit(limits, limits.pin(lexicalPath(limits, path), true), kind);
}

/** A file that is open for reading. */
export interface OpenFile {
  /** The caller closes it. */
  fd: number;
  /** Its length when it was opened, bytes. */
  size: number;
}

/**
 * Opens a regular file for reading.
 * @throws ToolError when the path does not name one inside.
 */
export function openInside(limits: Limits, path: string): OpenFile {
  const pinned = pinInside(limits, path, "a file");
  try {
    return { fd: pinned.open(constants.O_RDONLY), size: Number(pinned.stats.size) };
  } finally {
    pinned.close();
  }
}

/**
 * Returns what was pinned when it is allowed; else closes it.
 * @throws ToolError when it is outside, protected or of another kind.
 */
export function admit(limits: Limits, pinned: Pinned, kind: Kind): Pinned {
  try {
    if (!isInside(limits.root, pinned.real)) throw leadsOut(limits);
    refuseProtected(limits, pinned.real, pinned);
    const found = describeKind(pinned.stats);
    if (found !== kind) throw new ToolError(`it is ${found}, not ${kind}.`);
    return pinned;
  } catch (error) {
    pinned.close();
    throw error;
  }
}

/** @throws ToolError when the real path, or what is pinned there, is the server's own. */
export function refuseProtected(limits: Limits, real: string, pinned?: Pinned): void {
  if (limits.protection.lookUp().covers(real, pinned?.stats)) {
    throw new ToolError(
      "it is the server's own (settings, keys or database) or the kernel's; tools cannot use it.",
    );
  }
}

/** Runs something with a path; what goes wrong is put into words for the model, after the path. */
export async function explained<Result>(path: string, use: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await use();
  } catch (error) {
    throw explain(path, error);
  }
}

/** The error that the model should read for one that a path caused; any other error as it is. */
export function explain(path: string, error: unknown): unknown {
  if (error instanceof ToolError) return new ToolError(`${shownPath(path)}: ${error.message}`);
  const reason = systemReason(error);
  return reason === undefined ? error : new ToolError(`${shownPath(path)}: ${reason}.`);
}

/** The result, or undefined when there is no such file. */
export function ifPresent<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

function leadsOut(limits: Limits): ToolError {
  return new ToolError(`it leads out of the workspace, ${limits.root}.`);
}
