import { closeSync, type Dir, type Dirent, readSync } from "node:fs";
import { lstat, opendir } from "node:fs/promises";
import { join } from "node:path";
import type { Pinned } from "../../files/pin.ts";
import type { FoundFile, WalkOptions } from "../workspace.ts";
import { type Limits, type OpenFile, openInside } from "./confinement.ts";
import { compileGlob, type PathMatcher } from "./glob.ts";
import { IgnoreRules, isIgnored } from "./ignore-rules.ts";
import type { Protected } from "./protection.ts";

/** In a git worktree `.git` is a file. */
const SKIPPED = new Set([".git", "node_modules"]);
const MAX_IGNORE_FILE_BYTES = 1024 * 1024;
/** Each open directory on the way down costs descriptors. */
const MAX_DEPTH = 100;

/** A directory on the way from the start down to where the walk is. */
interface Level {
  pinned: Pinned;
  entries: Dir;
  /** Relative to the workspace: `""` or `a/b/`. */
  path: string;
  rules: readonly IgnoreRules[];
}

interface Walk {
  limits: Limits;
  secrets: Protected;
  matches: PathMatcher;
  /** Length of the start's path, which the glob does not see. */
  prefix: number;
}

/**
 * Walks depth first in the order of the disk, holding one open directory per level and nothing else. Takes over the
 * start's pin. Symbolic links are neither followed nor reported; directories that may not be read are passed over.
 */
export async function* walkFiles(
  limits: Limits,
  start: Pinned,
  options: WalkOptions,
): AsyncGenerator<FoundFile> {
  const path = relativeTo(limits.root, start.real);
  const walk: Walk = {
    limits,
    secrets: limits.protection.lookUp(),
    matches: compileGlob(options.glob),
    prefix: path.length,
  };
  const levels: Level[] = [];
  try {
    const outer = rulesAbove(limits, path);
    await descend(walk, levels, { pinned: start, path, rules: outer });
    for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
      options.signal.throwIfAborted();
      const entry = await level.entries.read();
      if (entry === null) await leave(levels.pop());
      else if (SKIPPED.has(entry.name)) continue;
      else if (entry.isDirectory()) await enter(walk, levels, entry.name);
      else if (entry.isFile()) yield* reported(walk, level, entry);
    }
  } finally {
    for (const level of levels) await leave(level);
  }
}

async function enter(walk: Walk, levels: Level[], name: string): Promise<void> {
  const parent = levels.at(-1);
  if (parent === undefined || levels.length >= MAX_DEPTH) return;
  const path = `${parent.path}${name}/`;
  if (isIgnored(parent.rules, path)) return;
  const child = orUndefined(() => walk.limits.pin(parent.pinned.at(name), false));
  if (child === undefined) return;
  // A directory that was swapped for a link, or moved away, since its name was read.
  const same = child.stats.isDirectory() && child.real === join(parent.pinned.real, name);
  if (!same || walk.secrets.covers(child.real, child.stats)) child.close();
  else await descend(walk, levels, { pinned: child, path, rules: parent.rules });
}

async function descend(walk: Walk, levels: Level[], next: Omit<Level, "entries">): Promise<void> {
  const entries = await opendir(next.pinned.at("."), { bufferSize: 128 }).catch(() => undefined);
  if (entries === undefined) return next.pinned.close();
  const own = rulesIn(walk.limits, next.path);
  levels.push({ ...next, entries, rules: own === undefined ? next.rules : [...next.rules, own] });
}

async function leave(level: Level | undefined): Promise<void> {
  await level?.entries.close();
  level?.pinned.close();
}

async function* reported(walk: Walk, level: Level, entry: Dirent): AsyncGenerator<FoundFile> {
  const path = level.path + entry.name;
  if (!walk.matches(path.slice(walk.prefix)) || isIgnored(level.rules, path)) return;
  const stats = await lstat(level.pinned.at(entry.name), { bigint: true }).catch(() => undefined);
  if (stats === undefined || walk.secrets.covers(join(level.pinned.real, entry.name), stats)) return;
  yield { path, bytes: Number(stats.size) };
}

/** The rules that hold at a directory from above; none when they exclude it, since it was asked for by name. */
function rulesAbove(limits: Limits, path: string): IgnoreRules[] {
  const rules: IgnoreRules[] = [];
  for (let end = 0; end < path.length; end = path.indexOf("/", end) + 1) {
    const found = rulesIn(limits, path.slice(0, end));
    if (found !== undefined) rules.push(found);
  }
  return path !== "" && isIgnored(rules, path) ? [] : rules;
}

function rulesIn(limits: Limits, path: string): IgnoreRules | undefined {
  // A missing, unreadable or odd .gitignore excludes nothing.
  const file = orUndefined(() => openInside(limits, `${path}.gitignore`));
  if (file === undefined) return undefined;
  try {
    return new IgnoreRules(path, beginningOf(file));
  } finally {
    closeSync(file.fd);
  }
}

function beginningOf({ fd, size }: OpenFile): string {
  const buffer = Buffer.alloc(Math.min(size, MAX_IGNORE_FILE_BYTES));
  return buffer.toString("utf8", 0, readSync(fd, buffer, 0, buffer.length, 0));
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
