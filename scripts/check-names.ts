/**
 * Fails when a source file exports a name that no other file uses (a test may be the only one), or when two source files
 * have a function of the same name. Protocols are alike on purpose: their folders may repeat each other's names.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

const ROOT = join(import.meta.dirname, "..");
/** Where names are made, and where else they may be used. */
const SOURCES = ["src", "routes", "tools"];
const USERS = [...SOURCES, "tests", "scripts", "bench", "examples"];

/** Names that something outside of the program's text reads. */
const READ_BY_NAME: ReadonlySet<string> = new Set([
  // Each file of tools/ is loaded for these two.
  "tool",
  "toolset",
]);

interface Source {
  path: string;
  /** Without comments and strings. */
  code: string;
}

function read(folder: string): Source[] {
  const entries = readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => posix.join(entry.parentPath.slice(ROOT.length + 1), entry.name))
    .sort()
    .map((path) => ({ path, code: withoutComments(readFileSync(join(ROOT, path), "utf8")) }));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:\\"'])\/\/[^\n]*/g, " ");
}

const EXPORT = /^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/gm;
const FUNCTION = /^(?:export )?(?:async )?function\*? (\w+)/gm;

function namesIn({ code }: Source, pattern: RegExp): string[] {
  return [...new Set([...code.matchAll(pattern)].map(([, name = ""]) => name))];
}

function kindOf({ code }: Source, name: string): string {
  return new RegExp(`^export (?:async )?(?:function\\*?|const|class) ${name}\\b`, "m").test(code)
    ? "value"
    : "type";
}

/** A whole module, at once or later: what it is used for is told by the names in the importing file. */
const WHOLE = /(?:import\s+\*\s+as\s+\w+\s+from\s*|\bimport\()"(\.[^"]+)"/g;

/** The names that a file imports, by the file that they come from. */
function importsOf({ path, code }: Source): string[] {
  const whole = [...code.matchAll(WHOLE)].flatMap(([, from = ""]) => {
    const target = posix.join(posix.dirname(path), from);
    return [...new Set(code.match(/\b\w+\b/g))].map((name) => `${target}#${name}`);
  });
  const imports = code.matchAll(/(?:import|export)\s+(?:type\s+)?\{([^}]*)\}\s*from\s*"(\.[^"]+)"/g);
  const named = [...imports].flatMap(([, names = "", from = ""]) => {
    const target = posix.join(posix.dirname(path), from);
    return names.split(",").map((name) => {
      const plain = name.trim().replace(/^type\s+/, "");
      return `${target}#${plain.split(/\s+as\s+/)[0]}`;
    });
  });
  return [...whole, ...named];
}

const sources = SOURCES.flatMap(read);
const used = new Set(USERS.flatMap(read).flatMap(importsOf));
const unused = sources.flatMap((source) =>
  namesIn(source, EXPORT)
    .filter((name) => !READ_BY_NAME.has(name) && !used.has(`${source.path}#${name}`))
    .map((name) => `${source.path}: ${kindOf(source, name)} ${name} is exported, and no other file uses it.`),
);

const places = new Map<string, string[]>();
for (const source of sources.filter(({ path }) => !path.startsWith("src/providers/protocols/"))) {
  for (const name of namesIn(source, FUNCTION)) places.set(name, [...(places.get(name) ?? []), source.path]);
}
const doubles = [...places]
  .filter(([, paths]) => paths.length > 1)
  .sort(([a], [b]) => Number(a > b) - Number(a < b))
  .map(([name, paths]) => `${name} is a function in ${paths.length} files: ${paths.join(", ")}`);

console.log([...unused, ...doubles].join("\n"));
console.log(`${unused.length} unused exports, ${doubles.length} names of several functions`);
if (unused.length + doubles.length > 0) process.exitCode = 1;
