import { posix } from "node:path";
import { compileGlob, type PathMatcher } from "../files/glob.ts";

const GLOB = /[*?[]/;
/** What a `*` of a protected path may stand for where a text names it. */
const ANY_NAME = "[^\\s/'\"]{1,64}";

/** A path that no tool may touch; its segments may be globs. All that it is asked about is in lower case. */
export interface Secret {
  /** Whether a path, which may be a glob, stands for it or for something in it. */
  matches(path: string): boolean;
  /** Whether it lies below a directory. */
  isBelow(directory: string): boolean;
  /** Whether a text names it. */
  isIn(text: string): boolean;
}

/** Compiles a protected path; `home` is the user's. */
export function compileSecret(path: string, home: string): Secret {
  const segments = splitPath(path.toLowerCase()).map(matchSegment);
  const [fixed = ""] = path.toLowerCase().split("*", 1);
  const spelling = spelled(path.toLowerCase(), home.toLowerCase());
  const isAt = (candidate: readonly string[]) =>
    candidate.every((name, index) => segments[index]?.(name) ?? true);
  return {
    matches: (candidate) => {
      if (!GLOB.test(candidate) && !candidate.startsWith(fixed)) return false;
      const names = splitPath(candidate);
      return names.length >= segments.length && isAt(names);
    },
    isBelow: (directory) => {
      const names = splitPath(directory);
      return names.length < segments.length && isAt(names);
    },
    isIn: (text) => spelling.test(text),
  };
}

function splitPath(path: string): string[] {
  return path.split("/").filter((name) => name !== "");
}

/** Whether a name, which may be a glob itself, can be that of the segment. */
function matchSegment(pattern: string): PathMatcher {
  const matches = compileGlob(pattern);
  const example = pattern.replaceAll("*", "");
  return (name) => matches(name) || (GLOB.test(name) && compileGlob(name)(example));
}

/** As a whole name, `.env` but not `.env.example`, unless its end is open; below the user's home in whatever way it is reached. */
function spelled(path: string, home: string): RegExp {
  const fromHome = posix.relative(home, path);
  const isBelowHome = fromHome.includes("/") && !fromHome.startsWith("..");
  const text = (isBelowHome ? fromHome : path).replace(/\*$/, "").split("*").map(escaped).join(ANY_NAME);
  return new RegExp(path.endsWith("*") ? text : `${text}(?![\\w-]|\\.\\w)`);
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
}
