import type { BigIntStats, Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { compileGlob, type PathMatcher } from "./glob.ts";
import { identityOf } from "./pin.ts";

/** What is protected at one moment. */
export interface Protected {
  /** Whether the real path, or the file itself under whatever name, is protected. */
  covers(real: string, stats?: BigIntStats): boolean;
}

/**
 * Looks up what a list of absolute paths protects right now: each file, each directory with all in it. The last
 * segment of a path may be a glob (`state.db*`). Names are compared without regard to case and Unicode form, and
 * files by device and inode too, so neither a link nor a case-insensitive disk gives an alias. Looked up anew for
 * each use, because a database file comes and goes.
 */
export async function lookUpProtected(paths: readonly string[]): Promise<Protected> {
  const entries = await Promise.all(paths.map(lookUpOne));
  const identities = new Set(entries.flatMap((entry) => entry.identities));
  return {
    covers: (real, stats) => {
      if (stats !== undefined && identities.has(identityOf(stats))) return true;
      const ancestors = ancestorsOf(fold(real));
      return entries.some((entry) => ancestors.some(entry.matches));
    },
  };
}

interface Entry {
  matches: PathMatcher;
  identities: string[];
}

async function lookUpOne(path: string): Promise<Entry> {
  // What does not exist yet is protected all the same, by the name that it will have.
  const parent = await realpath(dirname(path)).catch(() => dirname(path));
  const name = compileGlob(fold(basename(path)));
  const folded = fold(parent);
  const siblings = await readdir(parent).catch((): string[] => []);
  const found = siblings.filter((entry) => name(fold(entry))).map((entry) => join(parent, entry));
  return {
    matches: (real) => dirname(real) === folded && name(basename(real)),
    identities: (await Promise.all(found.map(identitiesBelow))).flat(),
  };
}

/** A hard link can also point into a protected directory, so its files count one by one. */
async function identitiesBelow(path: string): Promise<string[]> {
  const stats = await stat(path, { bigint: true }).catch(() => undefined);
  if (stats === undefined) return [];
  if (!stats.isDirectory()) return [identityOf(stats)];
  const entries = await readdir(path, { withFileTypes: true }).catch((): Dirent[] => []);
  // A link to a directory is not entered: it could lead round in circles.
  const inside = entries.filter((entry) => !entry.isSymbolicLink()).map((entry) => join(path, entry.name));
  return [identityOf(stats), ...(await Promise.all(inside.map(identitiesBelow))).flat()];
}

function ancestorsOf(path: string): string[] {
  const ancestors = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) ancestors.push(dirname(at));
  return ancestors;
}

function fold(path: string): string {
  return path.normalize("NFKC").toLowerCase();
}
