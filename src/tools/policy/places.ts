import { posix } from "node:path";
import { compileGlob } from "../files/glob.ts";

const MAX_PATH_CHARS = 4_096;
const GLOB = /[*?[]/;

/** What the policy must know of the machine; all paths are absolute. */
export interface PolicyContext {
  /** The home directory of the user that commands run as. */
  home: string;
  /** The server's own directory: configuration, keys, database. */
  hermesHome: string;
  /** Files and directories that no tool may touch; the last segment may be a glob. */
  protectedPaths: readonly string[];
  /** Where relative paths begin. */
  workspaceRoot: string;
  /** The server's process id. */
  pid: number;
}

/** Gives paths the names that rules speak of. */
export interface Places {
  /**
   * A path as rules see it: absolute and without `.` and `..`, then `@protected`, `@hermes/…` for the server's own
   * directory, `~/…` for the user's, or as it is. Undefined when the text cannot be a path.
   */
  nameOf(path: string, cwd: string): string | undefined;
  /** The absolute path, with `~` expanded. */
  resolve(path: string, cwd: string): string;
  /** Whether a directory has something protected in it, at whatever depth. */
  holdsProtected(path: string, cwd: string): boolean;
  /** Whether a text of any kind names something protected. */
  mentionsProtected(text: string): boolean;
}

interface Secret {
  /** Whether a path in lower case, which may be a glob, stands for it or for something in it. */
  matches(path: string): boolean;
  /** Whether it lies below a directory, given in lower case. */
  isBelow(directory: string): boolean;
  /** Whether a text in lower case names it. */
  isIn(text: string): boolean;
}

/** Compiles the names for one context. */
export function createPlaces(context: PolicyContext): Places {
  const secrets = context.protectedPaths.map((path) => secretOf(path, context));
  const bases = basesOf(context);
  const resolve = (path: string, cwd: string): string => resolvePath(path, cwd, context);
  return {
    resolve,
    nameOf: (path, cwd) => {
      if (path === "" || path.length > MAX_PATH_CHARS) return undefined;
      const absolute = resolve(path, cwd);
      if (secrets.some((secret) => secret.matches(absolute.toLowerCase()))) return "@protected";
      const base = bases.find(
        ({ directory }) => absolute === directory || absolute.startsWith(`${directory}/`),
      );
      return base === undefined ? absolute : base.name + absolute.slice(base.directory.length);
    },
    holdsProtected: (path, cwd) => {
      const directory = path.length > MAX_PATH_CHARS ? "" : resolve(path, cwd).toLowerCase();
      return secrets.some((secret) => secret.isBelow(directory));
    },
    mentionsProtected: (text) => {
      const folded = text.toLowerCase();
      return secrets.some((secret) => secret.isIn(folded));
    },
  };
}

/** The most specific first: the server's directory often lies in the user's, and a workspace may lie in either. */
function basesOf({ home, hermesHome, workspaceRoot }: PolicyContext): { directory: string; name: string }[] {
  const bases = [
    { directory: hermesHome, name: "@hermes" },
    { directory: home, name: "~" },
  ];
  if (workspaceRoot.startsWith(`${hermesHome}/`))
    bases.push({ directory: workspaceRoot, name: workspaceRoot });
  return bases.sort((a, b) => b.directory.length - a.directory.length);
}

function resolvePath(path: string, cwd: string, { home }: PolicyContext): string {
  const local = path.replace(/^file:\/\//, "");
  const expanded = local
    .replace(/^~(?=\/|$)/, home)
    .replace(/^~([a-z][\w-]*)/, (_, user: string) => posix.join(posix.dirname(home), user));
  const absolute = posix.resolve(cwd, expanded);
  // This process's root is the root.
  return absolute.replace(/^\/proc\/(self|thread-self)\/root(?=\/|$)/, "") || "/";
}

function secretOf(path: string, { home }: PolicyContext): Secret {
  const lower = path.toLowerCase();
  const isName = compileGlob(lower);
  const depth = lower.split("/").length;
  const [fixed = lower] = lower.split("*", 1);
  const example = lower.replaceAll("*", "");
  const isOpen = fixed !== lower;
  const fromHome = posix.relative(home.toLowerCase(), fixed);
  const spellings = fromHome.includes("/") && !fromHome.startsWith("..") ? [fromHome] : [fixed];
  return {
    matches: (candidate) => {
      const isGlob = GLOB.test(candidate);
      if (!isGlob && !candidate.startsWith(fixed)) return false;
      const head = candidate.split("/").slice(0, depth).join("/");
      return isName(head) || (isGlob && compileGlob(head)(example));
    },
    isBelow: (directory) => fixed.startsWith(directory.endsWith("/") ? directory : `${directory}/`),
    isIn: (text) => spellings.some((spelling) => hasName(text, spelling, isOpen)),
  };
}

/** Whether the spelling stands in the text as a whole name, `.env` but not `.env.example`, unless its end is open. */
function hasName(text: string, spelling: string, isOpen: boolean): boolean {
  for (let at = text.indexOf(spelling); at >= 0; at = text.indexOf(spelling, at + 1)) {
    const next = text.slice(at + spelling.length, at + spelling.length + 2);
    if (isOpen || !/^[\w-]|^\.\w/.test(next)) return true;
  }
  return false;
}
