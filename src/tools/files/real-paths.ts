import { type BigIntStats, lstatSync, opendirSync, readlinkSync } from "node:fs";
import { posix } from "node:path";
import { fileIdentity } from "../../files/pin.ts";
import { compileGlob } from "./glob.ts";

/** Each takes some 3 µs, for which other requests wait. */
const MAX_LOOKUPS = 2_000;
const MAX_LINKS = 40;
const MAX_PATH_CHARS = 4_096;
const LOOKUPS_OF_LISTING = 50;
/** Entries of a directory that are looked at, and those among them that a glob stands for. */
const MAX_LISTED = 2_000;
const MAX_MATCHES = 256;
/** Its links are no files, and lead each process elsewhere. */
const UNREAL = /^\/(proc|dev)(\/|$)/;

/**
 * Where paths lead at the moment of one judgement, links followed as the kernel does. What does not exist yet lies
 * where it would be created.
 */
export class RealPaths {
  readonly #known = new Map<string, string>();
  readonly #seen = new Map<string, BigIntStats | undefined>();
  /** Directories that have other paths too, such as bind mounts, by device and inode. */
  readonly #identities = new Map<string, string>();
  #lookups = 0;
  #links = 0;

  /** `directories` are recognised by what they are, whatever path leads to them. */
  constructor(directories: readonly string[] = []) {
    for (const directory of directories) {
      const stats = lstatIfThere(this.of(directory));
      if (stats !== undefined) this.#identities.set(fileIdentity(stats), this.of(directory));
    }
  }

  /** Whether there were more paths than can be looked up. */
  get isSpent(): boolean {
    return this.#lookups > MAX_LOOKUPS;
  }

  /** The real path of an absolute one, in which `..` may follow a link. */
  of(path: string): string {
    if (path.length < 2 || path.length > MAX_PATH_CHARS || UNREAL.test(path)) return path || "/";
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const name = posix.basename(path);
    const parent = this.of(posix.dirname(path));
    const real = name === "." ? parent : name === ".." ? posix.dirname(parent) : this.#entry(parent, name);
    this.#known.set(path, real);
    return real;
  }

  /** What there is by that path, links followed; undefined: nothing. */
  kindOf(path: string): "directory" | "file" | undefined {
    const stats = this.#look(this.of(path));
    return stats && (stats.isDirectory() ? "directory" : "file");
  }

  /** The paths that a shell makes of a glob in the last segment, a few hundred at most. */
  matching(path: string): string[] {
    const directory = posix.dirname(path);
    const glob = posix.basename(path);
    const matches = compileGlob(glob);
    this.#lookups += LOOKUPS_OF_LISTING;
    if (this.isSpent) return [];
    return listNames(this.of(directory))
      .filter((name) => (glob.startsWith(".") || !name.startsWith(".")) && matches(name))
      .slice(0, MAX_MATCHES)
      .map((name) => posix.join(directory, name));
  }

  #entry(parent: string, name: string): string {
    const path = posix.join(parent, name);
    const stats = this.#look(path);
    if (stats?.isDirectory() === true) return this.#identities.get(fileIdentity(stats)) ?? path;
    if (stats?.isSymbolicLink() !== true || ++this.#links > MAX_LINKS) return path;
    const target = readlinkSync(path);
    return this.of(target.startsWith("/") ? target : `${parent}/${target}`);
  }

  #look(path: string): BigIntStats | undefined {
    if (this.#seen.has(path)) return this.#seen.get(path);
    const stats = ++this.#lookups > MAX_LOOKUPS ? undefined : lstatIfThere(path);
    this.#seen.set(path, stats);
    return stats;
  }
}

function lstatIfThere(path: string): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // A part of it is a file, too long, or not to be looked at: it leads no further.
    return undefined;
  }
}

function listNames(directory: string): string[] {
  const names: string[] = [];
  try {
    const entries = opendirSync(directory);
    try {
      for (
        let entry = entries.readSync();
        entry !== null && names.length < MAX_LISTED;
        entry = entries.readSync()
      )
        names.push(entry.name);
    } finally {
      entries.closeSync();
    }
  } catch {
    // What cannot be listed has nothing that a glob could stand for.
  }
  return names;
}
