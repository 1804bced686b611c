import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pinByPath, platformPin } from "../../../../src/files/pin.ts";
import type { Limits } from "../../../../src/tools/files/confinement.ts";
import { Protection } from "../../../../src/tools/files/protection.ts";
import { search } from "../../../../src/tools/files/search.ts";
import type { SearchMatch } from "../../../../src/tools/workspace.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";
import { plainLines, plainSearch } from "./plain-search.ts";

function limitsOf(root: string, pin = platformPin()): Limits {
  return { root, alias: root, protection: new Protection([]), pin };
}

/** Searches in this thread. */
function found(
  limits: Limits,
  terms: { pattern?: string; path?: string; budgetMs?: number } = {},
  onFound: () => void = () => undefined,
) {
  const { pattern, path = ".", budgetMs = 10_000 } = terms;
  const matches: SearchMatch[] = [];
  const regex = pattern === undefined ? {} : { pattern: { source: pattern, flags: "" } };
  const job = { ...limits, path, glob: "**", limit: 100_000, budgetMs, ...regex };
  const end = search(limits, job, {
    found: (match) => {
      matches.push(match);
      onFound();
    },
    step: () => undefined,
  });
  return { ...end, matches };
}

async function tree(files: Record<string, string>): Promise<string> {
  const root = await temporaryDirectory();
  for (const [path, content] of Object.entries(files)) {
    // A random path may want a directory where another has a file.
    await mkdir(dirname(join(root, path)), { recursive: true })
      .then(() => writeFile(join(root, path), content))
      .catch(() => undefined);
  }
  return root;
}

const NAMES = [
  "a",
  "b",
  "B",
  "build",
  "a.log",
  "b.ts",
  "x y",
  "é",
  "ab\ncd",
  "\x1b[2J",
  "[a]",
  "*",
  "!b",
  "#c",
];
const name = fc.constantFrom(
  ...NAMES,
  "node_modules",
  ".git",
  "\u202eb",
  "-",
  "a.b.log",
  "😀",
  '"q"',
  "o:1: x",
);
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
const RULES = [
  "a",
  "b/",
  "*.log",
  "!a.log",
  "/build",
  "a/b",
  "**/b",
  "!b",
  "# x",
  "\\#c",
  "\\!b",
  "x y",
  "x\\ y",
  "[ab]",
];
const rule = fc.constantFrom(
  ...RULES,
  "*",
  "!*.ts",
  "a/*",
  "a/**",
  "é",
  "B ",
  "",
  "build/a",
  "!/build/a",
  "*.b.log",
  "?",
);
const directory = fc.array(name, { maxLength: 3 }).map((names) => names.map((each) => `${each}/`).join(""));
const ignoreFile = fc.tuple(
  directory.map((each) => `${each}.gitignore`),
  fc.array(rule, { maxLength: 8 }).map((rules) => rules.join("\n")),
);
const WORDS = [
  "x",
  "xy",
  "\n",
  "\r\n",
  "\r",
  "é",
  "\ufeff",
  "\ufffd",
  " ",
  "^x",
  "\u2028",
  "y".repeat(2_100),
];
const content = fc.array(fc.constantFrom(...WORDS), { maxLength: 12 }).map((words) => words.join(""));

describe("search", () => {
  it("search finds what a plain walk with one test per line finds, in the same order", async () => {
    const files = fc.array(fc.oneof({ weight: 4, arbitrary: fc.tuple(path, content) }, ignoreFile), {
      minLength: 1,
      maxLength: 25,
    });
    const pattern = fc.constantFrom(
      "x",
      "^x",
      "y$",
      "^$",
      "x\\s",
      "[^y]",
      "^\\s*x",
      "(?!x)y",
      "é|\\ufeff",
      "\\r",
      "y{3}$",
    );
    const property = fc.asyncProperty(files, pattern, async (all, source) => {
      const root = await tree(Object.fromEntries(all));
      const paths = plainSearch(root);
      expect(found(limitsOf(root)).matches.map((match) => match.path)).toEqual(paths);
      const lines = paths.flatMap((each) => plainLines(root, each, new RegExp(source)));
      expect(found(limitsOf(root), { pattern: source }).matches).toEqual(lines);
      expect(found(limitsOf(root, pinByPath), { pattern: source }).matches).toEqual(lines);
    });
    await fc.assert(property, { numRuns: 40 });
  });

  it("search gives each line its number and its text, wherever the reads cut it", async () => {
    const lines = Array.from({ length: 30_000 }, (_, at) =>
      at % 1_000 === 0 ? `needle ${at} é` : "hay".repeat(at % 9),
    );
    const root = await tree({ big: lines.join("\r\n") });
    const expected = lines.flatMap((text, at) =>
      text.startsWith("needle") ? [{ path: "big", line: { number: at + 1, text } }] : [],
    );
    expect(found(limitsOf(root), { pattern: "é$" }).matches).toEqual(expected);
    expect(found(limitsOf(root), { pattern: "é$", path: "big" }).matches).toEqual(expected);
  });

  it("search looks at the first 2,000 characters of a line, and not at what is said of the rest", async () => {
    const root = await tree({ long: `${"x".repeat(2_000)}needle\n${"x".repeat(1_994)}needle\n` });
    expect(found(limitsOf(root), { pattern: "needle" }).matches.map(({ line }) => line?.number)).toEqual([2]);
    expect(found(limitsOf(root), { pattern: "more characters" }).matches).toEqual([]);
  });

  it("search reads a file that lies behind a link only when it is asked for by name", async () => {
    const root = await tree({ "a/b": "x" });
    await symlink("a/b", join(root, "link"));
    expect(found(limitsOf(root), { pattern: "x" }).matches.map((match) => match.path)).toEqual(["a/b"]);
    expect(found(limitsOf(root), { pattern: "x", path: "link" }).matches).toHaveLength(1);
  });

  it("search is not slowed down by 20,000 rules about names", async () => {
    const rules = Array.from(
      { length: 20_000 },
      (_, at) => [`name${at}`, `*.end${at}`, `/a/b${at}/`][at % 3],
    );
    const files = Object.fromEntries(
      Array.from({ length: 600 }, (_, at) => [`d${at % 20}/name${at}.end${at}`, ""]),
    );
    const root = await tree({ ".gitignore": rules.join("\n"), ...files });
    const { matches, cut } = found(limitsOf(root));
    expect(cut).toBeUndefined();
    // A third of the rules is about an ending.
    expect(matches).toHaveLength(1 + 600 - 200);
  });

  it.each([
    ["files", undefined],
    ["lines", "x"],
  ])("ends when its time is over and keeps the %s that it has found", async (_, pattern) => {
    const limits = limitsOf(await tree({ a: "x", b: "x" }));
    const budgetMs = 20;
    const began = performance.now();
    const { matches, cut } = found(limits, { budgetMs, ...(pattern && { pattern }) }, () => {
      while (performance.now() - began <= budgetMs * 2);
    });
    expect(matches.map((match) => match.path)).toEqual(["a"]);
    expect(cut).toBe("time");
  });
});
