import { type BigIntStats, type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileIdentity } from "../../files/pin.ts";
import { compileGlob, type PathMatcher } from "./glob.ts";

/** What is protected at one moment. */
export interface Protected {
  /** Whether the real path, or the file itself under whatever name, is protected. */
  covers(real: string, stats?: BigIntStats): boolean;
}

/** What the kernel shows as files, among them the memory and the environment of the server's own process. */
const KERNEL_FILES = /^\/(proc|sys|dev(?!\/shm(\/|$)))(\/|$)/;

/** A directory that changed so recently may change again without a new time stamp, ms. */
const SETTLED_MS = 100;

/**
 * Looks up what a list of absolute paths protects right now: each file, each directory with all in it. Segments of a
 * path may be globs (`state.db*`, `profiles/*\/.env`). Names are compared without regard to case and Unicode form, and
 * files by device and inode too, so neither a link nor a case-insensitive disk gives an alias. Asked for each use,
 * because a database file comes and goes; the disk is read again when one of the directories has changed. Files of the
 * kernel are always protected.
 */
export class Protection {
  readonly #paths: readonly string[];
  #known: { protected: Protected; seen: Scan["seen"] } | undefined;

  constructor(paths: readonly string[]) {
    this.#paths = paths;
  }

  lookUp(): Protected {
    if (this.#known !== undefined && isUnchanged(this.#known.seen)) return this.#known.protected;
    const scan = new Scan();
    const entries = this.#paths.flatMap((path) => scan.entries(path));
    // The directory that was last found to be free: a walk asks for one of its files after the other.
    let free: string | undefined;
    const found: Protected = {
      covers: (real, stats) => {
        if (KERNEL_FILES.test(real)) return true;
        if (stats !== undefined && scan.identities.has(fileIdentity(stats))) return true;
        const path = foldPath(real);
        if (entries.some((matches) => matches(path))) return true;
        const parent = dirname(path);
        if (parent === free) return false;
        const ancestors = parentDirectories(parent);
        if (entries.some((matches) => ancestors.some(matches))) return true;
        free = parent;
        return false;
      },
    };
    this.#known = scan.isSettled ? { protected: found, seen: scan.seen } : undefined;
    return found;
  }
}

/** One look at the disk. */
class Scan {
  /** All protected files and directories by device and inode: a hard link can point to any of them. */
  readonly identities = new Set<string>();
  /** The state of each directory that was read. */
  readonly seen = new Map<string, string>();
  readonly #listings = new Map<string, Dirent[]>();
  readonly #startedAt = Date.now();
  isSettled = true;

  /** Protects a path and tells how to recognise its names. */
  entries(path: string): PathMatcher[] {
    const [first = "", ...rest] = path.split("/");
    return this.#below([first], rest);
  }

  #below(fixed: readonly string[], [next = "", ...rest]: readonly string[]): PathMatcher[] {
    if (rest.length > 0 && !next.includes("*")) return this.#below([...fixed, next], rest);
    // What does not exist yet is protected all the same, by the name that it will have.
    const parent = realPathOr(fixed.join("/") || "/");
    const name = compileGlob(foldPath(next));
    const found = this.#list(parent).filter((entry) => name(foldPath(entry.name)));
    if (rest.length > 0) return found.flatMap((entry) => this.#below([parent, entry.name], rest));
    for (const entry of found) this.#add(join(parent, entry.name));
    const folded = foldPath(parent);
    return [(real) => dirname(real) === folded && name(basename(real))];
  }

  #add(path: string): void {
    const stats = statIfThere(path);
    if (stats === undefined) return;
    this.identities.add(fileIdentity(stats));
    if (!stats.isDirectory()) return;
    // A link to a directory is not entered: it could lead round in circles.
    for (const entry of this.#list(path)) if (!entry.isSymbolicLink()) this.#add(join(path, entry.name));
  }

  #list(directory: string): Dirent[] {
    const known = this.#listings.get(directory);
    if (known !== undefined) return known;
    const stats = statIfThere(directory);
    this.seen.set(directory, directoryStamp(stats));
    if (stats !== undefined && Number(stats.mtimeMs) > this.#startedAt - SETTLED_MS) this.isSettled = false;
    const entries = listEntries(directory);
    this.#listings.set(directory, entries);
    return entries;
  }
}

function isUnchanged(seen: ReadonlyMap<string, string>): boolean {
  for (const [directory, stamp] of seen) if (directoryStamp(statIfThere(directory)) !== stamp) return false;
  return true;
}

/** Changes whenever an entry comes, goes or is renamed. */
function directoryStamp(stats: BigIntStats | undefined): string {
  return stats === undefined ? "" : `${fileIdentity(stats)}:${stats.mtimeNs}:${stats.ctimeNs}`;
}

function statIfThere(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // Not to be looked at: then there is no identity to compare, and the name protects it.
    return undefined;
  }
}

function listEntries(directory: string): Dirent[] {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    return [];
  }
}

function realPathOr(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}

function parentDirectories(path: string): string[] {
  const ancestors = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) ancestors.push(dirname(at));
  return ancestors;
}

function foldPath(path: string): string {
  return path.normalize("NFKC").toLowerCase();
}
