import { posix } from "node:path";
import { RealPaths } from "../files/real-paths.ts";
import { secretOf } from "./secrets.ts";

const MAX_PATH_CHARS = 4_096;
const LAST_IS_GLOB = /[*?[][^/]*$/;

/** What the policy must know of the machine; all paths are absolute. */
export interface PolicyContext {
  /** The home directory of the user that commands run as. */
  home: string;
  /** The server's own directory: configuration, keys, database. */
  hermesHome: string;
  /** Further directories that are the server's own with all in them, such as the base home of a profile. */
  ownDirectories?: readonly string[];
  /** Files and directories that no tool may touch; segments may be globs. */
  protectedPaths: readonly string[];
  /** Where relative paths begin, and where file tools work. */
  workspaceRoot: string;
  /** The server's process id. */
  pid: number;
}

/** Gives paths the names that rules speak of, in one judgement. */
export interface Places {
  /**
   * A path as rules see it: absolute and without `.` and `..`, then `@protected`, `@hermes/…` for the server's own
   * directory, `~/…` for the user's, or as it is; and the same for where its links lead. None when the text cannot be
   * a path. What a glob at its end stands for is named, too.
   */
  namesOf(path: string, cwd: string): string[];
  /** The absolute path, with `~` expanded. */
  resolve(path: string, cwd: string): string;
  /** Where a path leads, links followed. */
  realOf(path: string, cwd: string): string;
  /** Whether a directory has something protected of a home in it, at whatever depth. */
  holdsProtected(path: string, cwd: string): boolean;
  /** Whether a text of any kind names something protected. */
  mentionsProtected(text: string): boolean;
  /** What there is by that path, links followed; undefined: nothing. */
  kindOf(path: string, cwd: string): "directory" | "file" | undefined;
  /** Whether a real path lies outside the workspace. */
  isOutside(real: string): boolean;
  /** Whether there were more paths than can be looked up. */
  readonly isSpent: boolean;
}

/** Compiles the names for one context; each judgement then looks at the disk anew. */
export function createPlaces(context: PolicyContext): () => Places {
  const { home, hermesHome, ownDirectories = [] } = context;
  const atStart = new RealPaths();
  const own = [...new Set([hermesHome, ...ownDirectories])];
  const compiled = (paths: readonly string[]) =>
    [...withReal(paths, atStart)].map((path) => secretOf(path, home));
  const secrets = compiled(context.protectedPaths);
  const ofHomes = compiled(
    context.protectedPaths.filter((path) => own.some((directory) => isIn(directory, path))),
  );
  const bases = basesOf(context, own, atStart);
  const workspaces = [...withReal([context.workspaceRoot], atStart)];
  const nameOf = (absolute: string): string => {
    const folded = absolute.toLowerCase();
    if (secrets.some((secret) => secret.matches(folded))) return "@protected";
    const base = bases.find(({ directory }) => isIn(directory, absolute));
    return base === undefined ? absolute : base.name + absolute.slice(base.directory.length);
  };
  return () => {
    const paths = new RealPaths(own);
    const resolve = (path: string, cwd: string): string => resolvePath(path, cwd, home);
    const realOf = (path: string, cwd: string): string => paths.of(absoluteOf(path, cwd, home));
    const named = new Map<string, string[]>();
    const namesAt = (absolute: string): string[] => {
      const found = LAST_IS_GLOB.test(absolute) ? paths.matching(absolute) : [];
      const lexical = withoutOwnRoot(posix.resolve(absolute));
      const all = [lexical, paths.of(absolute), ...found, ...found.map((match) => paths.of(match))];
      return [...new Set(all)].map(nameOf);
    };
    return {
      resolve,
      realOf,
      namesOf: (path, cwd) => {
        if (path === "" || path.length > MAX_PATH_CHARS) return [];
        const absolute = absoluteOf(path, cwd, home);
        const names = named.get(absolute) ?? namesAt(absolute);
        named.set(absolute, names);
        return names;
      },
      holdsProtected: (path, cwd) =>
        path.length <= MAX_PATH_CHARS &&
        [resolve(path, cwd), realOf(path, cwd)].some((directory) =>
          ofHomes.some((secret) => secret.isBelow(directory.toLowerCase())),
        ),
      mentionsProtected: (text) => {
        const folded = text.toLowerCase();
        return secrets.some((secret) => secret.isIn(folded));
      },
      kindOf: (path, cwd) => paths.kindOf(absoluteOf(path, cwd, home)),
      isOutside: (real) => !workspaces.some((root) => isIn(root, real)),
      get isSpent() {
        return paths.isSpent;
      },
    };
  };
}

interface Base {
  directory: string;
  name: string;
}

/** Parts of a home that are the server's own even when the workspace lies in them. */
const INNER = /^(cron|hooks|keys|logs|memories|plugins|profiles|scripts|sessions|skills)(\/|$)/;

/** The most specific first: the server's directory often lies in the user's, and a workspace may lie in either. */
function basesOf({ home, workspaceRoot }: PolicyContext, own: readonly string[], paths: RealPaths): Base[] {
  const named = (directories: Iterable<string>, name?: string) =>
    [...directories].map((directory) => ({ directory, name: name ?? directory }));
  const homes = [...withReal(own, paths)].sort((a, b) => b.length - a.length);
  const workspaces = [...withReal([workspaceRoot], paths)].filter((root) => {
    const around = homes.find((directory) => root.startsWith(`${directory}/`));
    return around !== undefined && !INNER.test(posix.relative(around, root));
  });
  const bases = [...named(homes, "@hermes"), ...named(withReal([home], paths), "~"), ...named(workspaces)];
  return bases.sort((a, b) => b.directory.length - a.directory.length);
}

/** The paths, and those that their links lead to; what follows a glob stays as it is. */
function withReal(paths: readonly string[], real: RealPaths): Set<string> {
  const all = new Set(paths);
  for (const path of paths) {
    const [, fixed = path, rest = ""] = /^([^*]*)(\/[^/]*\*.*)$/.exec(path) ?? [];
    all.add(real.of(fixed) + rest);
  }
  return all;
}

function isIn(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}

/** As the kernel reads it: `..` behind a link leads to the parent of where the link leads. */
function absoluteOf(path: string, cwd: string, home: string): string {
  const expanded = expandTilde(path, home);
  return withoutOwnRoot(expanded.startsWith("/") ? expanded : `${cwd}/${expanded}`);
}

function resolvePath(path: string, cwd: string, home: string): string {
  return withoutOwnRoot(posix.resolve(cwd, expandTilde(path, home)));
}

function expandTilde(path: string, home: string): string {
  return path
    .replace(/^file:\/\//, "")
    .replace(/^~(?=\/|$)/, home)
    .replace(/^~([a-z][\w-]*)/, (_, user: string) => posix.join(posix.dirname(home), user));
}

/** This process's root is the root. */
function withoutOwnRoot(absolute: string): string {
  return absolute.replace(/^\/proc\/(self|thread-self)\/root(?=\/|$)/, "") || "/";
}
