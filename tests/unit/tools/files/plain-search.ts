import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ignore, { type Ignore } from "ignore";

interface Rules {
  base: string;
  matcher: Ignore;
}

/** The files that a search looks at, in its order: as plainly as it can be written. */
export function plainSearch(root: string, path = "", outer: readonly Rules[] = []): string[] {
  const entries = readdirSync(join(root, path)).sort((a, b) => (a < b ? -1 : 1));
  const rules = [...outer];
  if (entries.includes(".gitignore") && lstatSync(join(root, path, ".gitignore")).isFile()) {
    const text = readFileSync(join(root, path, ".gitignore"), "utf8");
    rules.push({ base: path, matcher: ignore({ ignoreCase: false }).add(text) });
  }
  return entries.flatMap((name) => {
    const stats = lstatSync(join(root, path, name));
    if (name === ".git" || name === "node_modules") return [];
    const here = path + name;
    if (stats.isDirectory() && !isOut(`${here}/`, rules)) return plainSearch(root, `${here}/`, rules);
    return stats.isFile() && !isOut(here, rules) ? [here] : [];
  });
}

function isOut(path: string, rules: readonly Rules[]): boolean {
  for (const { base, matcher } of rules.toReversed()) {
    const { ignored, unignored } = matcher.test(path.slice(base.length));
    if (ignored || unignored) return ignored;
  }
  return false;
}

/** The lines of a file that match, as a search tells them. */
export function plainLines(root: string, path: string, regex: RegExp) {
  const text = new TextDecoder().decode(readFileSync(join(root, path)));
  const lines = text.endsWith("\n") || text === "" ? text.split("\n").slice(0, -1) : text.split("\n");
  return lines.flatMap((each, at) => {
    const line = each.replace(/\r$/, "");
    const shown = line.length > 300 ? `${line.slice(0, 300)}…` : line;
    return regex.test(line.slice(0, 2_000)) ? [{ path, line: { number: at + 1, text: shown } }] : [];
  });
}
