import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** Where the repository lies. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** What is made or fetched, never written: the same names as in .gitignore. */
const SKIPPED: ReadonlySet<string> = new Set([
  ".git",
  ".vitest",
  "node_modules",
  "dist",
  "coverage",
  "results",
]);

/** Every file below a directory of the repository ("" for all of it), by its path from the root, sorted. */
export function filesIn(directory: string): string[] {
  const entries = readdirSync(join(ROOT, directory), { withFileTypes: true });
  const found = entries.flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (SKIPPED.has(entry.name)) return [];
    return entry.isDirectory() ? filesIn(path) : [path];
  });
  return found.sort();
}

/** A file's text, by its path from the root. */
export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

/** One import of a module, of any form. */
export interface Import {
  /** As it is written; undefined when a dynamic import computes it. */
  specifier: string | undefined;
  /** Nothing of it is left when the program runs. */
  isType: boolean;
  line: number;
}

const STATEMENT = /^[ \t]*(?:import|export)\b(?<names>[^;"'`(=]*?\bfrom\b|\s*)\s*"(?<specifier>[^"]+)"/gm;
const CALL = /(?<![\w.$#])(?:import|require)\s*\(\s*(?:"(?<specifier>[^"]+)"\s*\)(?<after>\s*\.)?)?/g;

/** Every import, re-export, dynamic import, `require` and `import("x")` type of a TypeScript text. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const at = (index = 0) => code.slice(0, index).split("\n").length;
  const statements = [...code.matchAll(STATEMENT)].map((match): Import => {
    const { names = "", specifier } = match.groups ?? {};
    return { specifier, isType: /^\s+type\b(?!\s*(,|from\b))/.test(names), line: at(match.index) };
  });
  const calls = [...code.matchAll(CALL)].map((match): Import => {
    const isType = match.groups?.["after"] !== undefined;
    return { specifier: match.groups?.["specifier"], isType, line: at(match.index) };
  });
  return [...statements, ...calls];
}

/** Comments as blanks, so that lines keep their numbers; strings are stepped over, since they may look like comments. */
function withoutComments(text: string): string {
  const tokens =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`|\/\*[\s\S]*?\*\/|(?<![:\\])\/\/[^\n]*/g;
  return text.replace(tokens, (token) =>
    token.startsWith("//") || token.startsWith("/*") ? token.replace(/[^\n]/g, " ") : token,
  );
}
