import { posix } from "node:path";
import { RealPaths } from "../files/real-paths.ts";
import { compileSecret, type Secret } from "./secrets.ts";

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

/** What the server itself reads as instructions, in the workspace and where a call is made. */
const INSTRUCTIONS = "AGENTS.md";

/** Compiles the names for one context; each judgement, of a call that is made in `cwd`, then looks at the disk anew. */
export function createPlaces(context: PolicyContext): (cwd: string) => Places {
  const { home, hermesHome, ownDirectories = [], protectedPaths, workspaceRoot } = context;
  const atStart = new RealPaths();
  const own = [...new Set([hermesHome, ...ownDirectories])];
  const compiled = (paths: readonly string[]) =>
    [...withReal(paths, atStart)].map((path) => compileSecret(path, home));
  const layout: Layout = {
    home,
    own,
    secrets: compiled(protectedPaths),
    ofHomes: compiled(protectedPaths.filter((path) => own.some((directory) => isIn(directory, path)))),
    bases: listBases(context, own, atStart),
    workspaces: [...withReal([workspaceRoot], atStart)],
  };
  return (cwd) => new Places(layout, cwd);
}

/** What of a context stays the same. */
interface Layout {
  home: string;
  /** The server's own directories. */
  own: readonly string[];
  secrets: readonly Secret[];
  /** Those that lie in the server's own directories. */
  ofHomes: readonly Secret[];
  bases: readonly Base[];
  workspaces: readonly string[];
}

/** Gives paths the names that rules speak of, in one judgement. */
export class Places {
  readonly #layout: Layout;
  readonly #paths: RealPaths;
  /** Files of this real path are instructions, whatever they are called. */
  readonly #instructions: readonly string[];
  readonly #named = new Map<string, string[]>();

  constructor(layout: Layout, cwd: string) {
    this.#layout = layout;
    this.#paths = new RealPaths(layout.own);
    this.#instructions = [...new Set([...layout.workspaces, cwd])].map((root) =>
      posix.join(root, INSTRUCTIONS),
    );
  }

  /** Whether there were more paths than can be looked up. */
  get isSpent(): boolean {
    return this.#paths.isSpent;
  }

  /**
   * A path as rules see it: absolute and without `.` and `..`, then `@protected`, `@hermes/…` for the server's own
   * directory, `~/…` for the user's, or as it is; and the same for where its links lead. None when the text cannot be
   * a path. What a glob at its end stands for is named, too.
   */
  namesOf(path: string, cwd: string): string[] {
    if (path === "" || path.length > MAX_PATH_CHARS) return [];
    const absolute = this.#absolute(path, cwd);
    const names = this.#named.get(absolute) ?? this.#namesAt(absolute);
    this.#named.set(absolute, names);
    return names;
  }

  /** The absolute path, with `~` expanded. */
  resolve(path: string, cwd: string): string {
    return withoutOwnRoot(posix.resolve(cwd, expandTilde(path, this.#layout.home)));
  }

  /** Where a path leads, links followed. */
  realOf(path: string, cwd: string): string {
    return this.#paths.of(this.#absolute(path, cwd));
  }

  /** What there is by that path, links followed; undefined: nothing. */
  kindOf(path: string, cwd: string): "directory" | "file" | undefined {
    return this.#paths.kindOf(this.#absolute(path, cwd));
  }

  /** Whether a directory has something protected of a home in it, at whatever depth. */
  holdsProtected(path: string, cwd: string): boolean {
    if (path.length > MAX_PATH_CHARS) return false;
    const directories = [this.resolve(path, cwd), this.realOf(path, cwd)].map((name) => name.toLowerCase());
    return this.#layout.ofHomes.some((secret) => directories.some((directory) => secret.isBelow(directory)));
  }

  /** Whether a text of any kind names something protected. */
  mentionsProtected(text: string): boolean {
    const folded = text.toLowerCase();
    return this.#layout.secrets.some((secret) => secret.isIn(folded));
  }

  /** Whether a real path lies outside the workspace. */
  isOutside(real: string): boolean {
    return !this.#layout.workspaces.some((root) => isIn(root, real));
  }

  #namesAt(absolute: string): string[] {
    const found = LAST_IS_GLOB.test(absolute) ? this.#paths.matching(absolute) : [];
    const lexical = withoutOwnRoot(posix.resolve(absolute));
    const real = [absolute, ...found].map((path) => this.#paths.of(path));
    // A link of that name makes another file the instructions.
    const meant = this.#instructions.filter((path) => real.includes(this.#paths.of(path)));
    return [...new Set([lexical, ...found, ...real, ...meant])].map((path) => this.#nameOf(path));
  }

  #nameOf(absolute: string): string {
    const { secrets, bases } = this.#layout;
    const folded = absolute.toLowerCase();
    if (secrets.some((secret) => secret.matches(folded))) return "@protected";
    const base = bases.find(({ directory }) => isIn(directory, absolute));
    return base === undefined ? absolute : base.name + absolute.slice(base.directory.length);
  }

  /** As the kernel reads it: `..` behind a link leads to the parent of where the link leads. */
  #absolute(path: string, cwd: string): string {
    const expanded = expandTilde(path, this.#layout.home);
    return withoutOwnRoot(expanded.startsWith("/") ? expanded : `${cwd}/${expanded}`);
  }
}

interface Base {
  directory: string;
  name: string;
}

/** Parts of a home that are the server's own even when the workspace lies in them. */
const INNER = /^(cron|hooks|keys|logs|memories|plugins|profiles|scripts|sessions|skills)(\/|$)/;

/** The most specific first: the server's directory often lies in the user's, and a workspace may lie in either. */
function listBases({ home, workspaceRoot }: PolicyContext, own: readonly string[], paths: RealPaths): Base[] {
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
