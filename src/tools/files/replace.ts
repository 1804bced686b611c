import { randomUUID } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Pinned, stale } from "../../files/pin.ts";
import { systemCode } from "../../files/unreadable.ts";
import type { Written } from "../workspace.ts";
import { admit, ifPresent, type Kind, type Limits, lexicalPath, refuseProtected } from "./confinement.ts";

const NEW_FILE_MODE = 0o666;
/** Set-user-id and the like do not pass to new content. */
const PERMISSIONS = 0o777;

/** The place of a file that is to be written. */
export interface Place {
  parent: Pinned;
  name: string;
  /** What is there now, or undefined when there is nothing. */
  existing: Pinned | undefined;
}

/**
 * The real path of a file to be written, which need not exist. A link to a file inside is followed, so that it stays
 * a link.
 * @throws ToolError when the path leads out, is protected or names something else than a file.
 */
export function resolveTarget(limits: Limits, path: string): string {
  const absolute = lexicalPath(limits, path);
  const existing = resolveReal(limits, absolute, "a file");
  if (existing !== undefined) return existing;
  const target = join(resolveParent(limits, absolute), basename(absolute));
  refuseProtected(limits, target);
  return target;
}

function resolveReal(limits: Limits, absolute: string, kind: Kind): string | undefined {
  const found = ifPresent(() => admit(limits, limits.pin(absolute, true), kind));
  found?.close();
  return found?.real;
}

/** Where the directory of a path is, or will be once it is created. */
function resolveParent(limits: Limits, absolute: string): string {
  const parent = dirname(absolute);
  return resolveReal(limits, parent, "a directory") ?? join(resolveParent(limits, parent), basename(parent));
}

/**
 * Holds the place of a file while something is done with it; missing parents are created. `target` is its real path,
 * as `resolveTarget` gives it.
 * @throws ToolError when the place is not allowed, or holds something else than a regular file.
 * @throws NodeJS.ErrnoException with code `ESTALE` when a link by now leads the path elsewhere.
 */
export async function withPlace<Result>(
  limits: Limits,
  target: string,
  use: (place: Place) => Promise<Result>,
): Promise<Result> {
  const name = basename(target);
  const parent = await pinParent(limits, dirname(target), true);
  let existing: Pinned | undefined;
  try {
    refuseProtected(limits, join(parent.real, name));
    existing = ifPresent(() => admit(limits, limits.pin(parent.at(name), false), "a file"));
    return await use({ parent, name, existing });
  } finally {
    existing?.close();
    parent.close();
  }
}

/** Writes a new file beside the place and renames it into it: no reader ever sees a half-written one. */
export async function replaceFile({ parent, name, existing }: Place, content: string): Promise<Written> {
  const temporary = parent.at(`.${randomUUID()}.tmp`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const handle = await open(temporary, flags, existing === undefined ? NEW_FILE_MODE : 0o600);
  try {
    try {
      await handle.writeFile(content);
      if (existing !== undefined) await takeOver(handle, existing);
    } finally {
      await handle.close();
    }
    parent.verify();
    await rename(temporary, parent.at(name));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return { created: existing === undefined, bytes: Buffer.byteLength(content) };
}

/** Gives a new file the owner and the permissions of the one that it replaces. */
async function takeOver(handle: FileHandle, { stats }: Pinned): Promise<void> {
  const own = await handle.stat({ bigint: true });
  if (own.uid !== stats.uid || own.gid !== stats.gid) {
    // Only root may give files away; anybody else keeps the new file, as editors do.
    await handle.chown(Number(stats.uid), Number(stats.gid)).catch(() => undefined);
  }
  await handle.chmod(Number(stats.mode) & PERMISSIONS);
}

/** Pins a directory by its real path, creating what is missing of it; each step is checked where it really is. */
async function pinParent(limits: Limits, absolute: string, create: boolean): Promise<Pinned> {
  const pin = () => pinUnmoved(limits, absolute);
  const found = create ? ifPresent(pin) : pin();
  if (found !== undefined) return admit(limits, found, "a directory");
  const parent = await pinParent(limits, dirname(absolute), true);
  const name = basename(absolute);
  try {
    refuseProtected(limits, join(parent.real, name));
    await mkdir(parent.at(name)).catch((error: unknown) => {
      if (systemCode(error) !== "EEXIST") throw error;
    });
  } finally {
    parent.close();
  }
  return pinParent(limits, absolute, false);
}

/** What was judged is the real path: a link that has come into it since must not lead the write elsewhere. */
function pinUnmoved({ pin }: Limits, real: string): Pinned {
  const pinned = pin(real, true);
  if (pinned.real === real) return pinned;
  pinned.close();
  throw stale(real);
}
