import { closeSync, type Dir, type Dirent, lstatSync, opendirSync, readSync } from "node:fs";
import { join } from "node:path";
import type { Pinned } from "../../files/pin.ts";
import { type Limits, type OpenFile, pinInside } from "./confinement.ts";
import { compileGlob, type PathMatcher } from "./glob.ts";
import { IgnoreRules, isIgnored } from "./ignore-rules.ts";
import type { Protected } from "./protection.ts";

/** In a git worktree `.git` is a file. */
const SKIPPED = new Set([".git", "node_modules"]);
const IGNORE_FILE = ".gitignore";
const MAX_IGNORE_FILE_BYTES = 512 * 1024;
/** Each directory on the way down costs descriptors. */
const MAX_DEPTH = 100;
/** Entries that are read and sorted at a time; each directory on the way down holds so many at most. */
const PORTION = 2_000;

/** A regular file by its name in a directory, which is held while the walk stands there. */
interface WalkedFile {
  /** Relative to the workspace, with `/`. */
  path: string;
  directory: Pinned;
  name: string;
  /** What was protected when the directory was entered. The file has still to be compared with it. */
  secrets: Protected;
}

/** How a walk looks for files. */
interface WalkOptions {
  /** Glob that a file's path relative to the start must match. */
  glob: string;
  /** Called before each entry; what it throws ends the walk. */
  pace(): void;
}

/** A directory on the way from the start down to where the walk is. */
interface Level {
  pinned: Pinned;
  entries: SortedEntries;
  /** Relative to the workspace: `""` or `a/b/`. */
  path: string;
  rules: readonly IgnoreRules[];
  secrets: Protected;
}

interface Walk {
  limits: Limits;
  matches: PathMatcher;
  /** Length of the start's path, which the glob does not see. */
  prefix: number;
}

/**
 * Walks depth first in the order of names, which is that of the disk from portion to portion of a very large directory.
 * Holds one directory per level and little else. Takes over the start's pin. Symbolic links are neither followed nor
 * reported; directories that may not be read are passed over. Synchronous: it belongs into a thread of its own.
 */
export function* walkFiles(limits: Limits, start: Pinned, options: WalkOptions): Generator<WalkedFile> {
  const path = relativeTo(limits.root, start.real);
  const walk: Walk = { limits, matches: compileGlob(options.glob), prefix: path.length };
  const levels: Level[] = [];
  try {
    descend(walk, levels, { pinned: start, path, rules: rulesAbove(limits, path) });
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      options.pace();
      const entry = level.entries.next();
      if (entry === undefined) leave(levels.pop());
      else if (SKIPPED.has(entry.name)) continue;
      else if (entry.isDirectory()) enterDirectory(walk, levels, entry.name);
      else if (entry.isFile() && isWanted(walk, level, entry.name)) {
        const { pinned: directory, secrets } = level;
        yield { path: level.path + entry.name, directory, name: entry.name, secrets };
      }
    }
  } finally {
    for (const level of levels) leave(level);
  }
}

function isWanted(walk: Walk, level: Level, name: string): boolean {
  const path = level.path + name;
  return walk.matches(path.slice(walk.prefix)) && !isIgnored(level.rules, path);
}

function enterDirectory(walk: Walk, levels: Level[], name: string): void {
  const parent = levels.at(-1);
  if (parent === undefined || levels.length >= MAX_DEPTH) return;
  const path = `${parent.path}${name}/`;
  if (isIgnored(parent.rules, path)) return;
  const child = orUndefined(() => walk.limits.pin(parent.pinned.at(name), false));
  if (child === undefined) return;
  // A directory that was swapped for a link, or moved away, since its name was read.
  const same = child.stats.isDirectory() && child.real === join(parent.pinned.real, name);
  if (!same || parent.secrets.covers(child.real, child.stats)) child.close();
  else descend(walk, levels, { pinned: child, path, rules: parent.rules });
}

function descend(walk: Walk, levels: Level[], next: Pick<Level, "pinned" | "path" | "rules">): void {
  const entries = orUndefined(() => new SortedEntries(next.pinned));
  if (entries === undefined) {
    next.pinned.close();
    return;
  }
  const secrets = walk.limits.protection.lookUp();
  const own = rulesIn({ directory: next.pinned, path: next.path, secrets });
  levels.push({ ...next, entries, rules: own === undefined ? next.rules : [...next.rules, own], secrets });
}

function leave(level: Level | undefined): void {
  level?.entries.close();
  level?.pinned.close();
}

/** The entries of a directory in the order of their names, a portion at a time. */
class SortedEntries {
  readonly #directory: Dir;
  /** Read but not handed out, backwards. */
  readonly #portion: Dirent[] = [];

  /** @throws NodeJS.ErrnoException when the directory may not be read. */
  constructor(pinned: Pinned) {
    this.#directory = opendirSync(pinned.at("."), { bufferSize: 256 });
  }

  next(): Dirent | undefined {
    if (this.#portion.length === 0) this.#read();
    return this.#portion.pop();
  }

  close(): void {
    this.#directory.closeSync();
  }

  #read(): void {
    while (this.#portion.length < PORTION) {
      const entry = orUndefined(() => this.#directory.readSync());
      if (!entry) break;
      this.#portion.push(entry);
    }
    this.#portion.sort((a, b) => (a.name < b.name ? 1 : -1));
  }
}

/** The rules that hold at a directory from above; none when they exclude it, since it was asked for by name. */
function rulesAbove(limits: Limits, path: string): IgnoreRules[] {
  const rules: IgnoreRules[] = [];
  const secrets = limits.protection.lookUp();
  for (let end = 0; end < path.length; end = path.indexOf("/", end) + 1) {
    const above = path.slice(0, end);
    if (above !== "" && isIgnored(rules, above)) return [];
    const directory = orUndefined(() => pinInside(limits, above === "" ? "." : above, "a directory"));
    const found = directory && rulesIn({ directory, path: above, secrets });
    directory?.close();
    if (found !== undefined) rules.push(found);
  }
  return path !== "" && isIgnored(rules, path) ? [] : rules;
}

/** A missing, unreadable or odd .gitignore excludes nothing; git does not follow a link of that name either. */
function rulesIn(place: Omit<WalkedFile, "name">): IgnoreRules | undefined {
  const name = IGNORE_FILE;
  // Most directories have none, and an error costs more than a look.
  if (!lstatSync(place.directory.at(name), { throwIfNoEntry: false })?.isFile()) return undefined;
  const file = orUndefined(() => openWalked({ ...place, name }));
  if (file === undefined) return undefined;
  try {
    return new IgnoreRules(place.path, readBeginning(file));
  } finally {
    closeSync(file.fd);
  }
}

function readBeginning({ fd, size }: OpenFile): string {
  const buffer = Buffer.alloc(Math.min(size, MAX_IGNORE_FILE_BYTES));
  return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0));
}

/**
 * Opens a file that a walk came to; undefined when it is no regular file by now, or is protected.
 * @throws NodeJS.ErrnoException when it is gone, has become a link or may not be read.
 */
export function openWalked({ directory, name, secrets }: Omit<WalkedFile, "path">): OpenFile | undefined {
  const { fd, stats } = directory.openEntry(name);
  if (stats.isFile() && !secrets.covers(join(directory.real, name), stats)) {
    return { fd, size: Number(stats.size) };
  }
  closeSync(fd);
  return undefined;
}

/** Whether a file that a walk came to is still there and may be told of. */
export function isShown({ directory, name, secrets }: Omit<WalkedFile, "path">): boolean {
  const stats = orUndefined(() => lstatSync(directory.at(name), { bigint: true }));
  return stats?.isFile() === true && !secrets.covers(join(directory.real, name), stats);
}

function orUndefined<Result>(use: () => Result): Result | undefined {
  try {
    return use();
  } catch {
    return undefined;
  }
}

function relativeTo(root: string, real: string): string {
  const path = real.slice(root.length).replace(/^\//, "");
  return path === "" ? "" : `${path}/`;
}
