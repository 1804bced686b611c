import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createWorkspace } from "../../../src/tools/files/workspace.ts";
import { tool } from "../../../tools/search-files.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { callTool, toolContext } from "../../helpers/tools.ts";

type Search = Parameters<typeof callTool<typeof tool.parameters>>[1];

/** A workspace with these files, and the means to search it; results without their order. */
async function files(contents: Record<string, string | Uint8Array>) {
  const root = await temporaryDirectory();
  for (const [path, content] of Object.entries(contents)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const workspace = await createWorkspace({ root, protectedPaths: [join(root, ".env")] });
  const search = async (args: Search, signal = AbortSignal.timeout(10_000)) => {
    const lines = (await callTool(tool, args, await toolContext({ workspace, signal }))).split("\n");
    return { footer: lines.pop(), results: lines.sort() };
  };
  return { root, search };
}

describe("search_files for content", () => {
  it("answers matching lines with their file and number", async () => {
    const { search } = await files({ "a.ts": "one\ntwo\nTwo\n", "b/c.md": "\r\n two \r\n" });
    const { results, footer } = await search({ pattern: "\\btwo\\b" });
    expect(results).toEqual(["a.ts:2: two", "b/c.md:2:  two "]);
    expect(footer).toBe("[2 found.]");
    expect((await search({ pattern: "(?i)TWO", path: "a.ts" })).results).toEqual([
      "a.ts:2: two",
      "a.ts:3: Two",
    ]);
    expect(await search({ pattern: "^three$" })).toEqual({ results: [], footer: "[Nothing found.]" });
  });

  it("search_files for content searches a directory, a glob or one file", async () => {
    const { search } = await files({ "a.ts": "x", "src/a.ts": "x", "src/b/c.ts": "x", "src/b/c.js": "x" });
    const found = async (args: Omit<Search, "pattern">) => (await search({ pattern: "x", ...args })).results;
    expect(await found({ path: "src" })).toEqual(["src/a.ts:1: x", "src/b/c.js:1: x", "src/b/c.ts:1: x"]);
    expect(await found({ path: "src", glob: "*.ts" })).toEqual(["src/a.ts:1: x", "src/b/c.ts:1: x"]);
    expect(await found({ glob: "src/*.ts" })).toEqual(["src/a.ts:1: x"]);
    expect(await found({ path: "src/b/c.js" })).toEqual(["src/b/c.js:1: x"]);
    await expect(found({ path: "missing" })).rejects.toThrow("missing: there is no such file or directory.");
  });

  it("numbers lines over many reads", async () => {
    const { search } = await files({ big: `${"filler line\n".repeat(50_000)}needle\n` });
    expect((await search({ pattern: "needle" })).results).toEqual(["big:50001: needle"]);
  });

  it("search_files for content says when there is more than the limit", async () => {
    const { search } = await files({ a: "x\n".repeat(10) });
    const { results, footer } = await search({ pattern: "x", limit: 3 });
    expect(results).toEqual(["a:1: x", "a:2: x", "a:3: x"]);
    expect(footer).toContain("there are more than the limit of 3");
    expect((await search({ pattern: "x", limit: 10 })).footer).toBe("[10 found.]");
  });

  it("search_files for content passes over binary files and says so, and shortens long lines", async () => {
    const { search } = await files({ bin: Buffer.from("x\0"), long: `x${"y".repeat(5_000)}` });
    const { results, footer } = await search({ pattern: "x" });
    expect(results).toEqual([`long:1: x${"y".repeat(299)}…`]);
    expect(footer).toBe("[1 found; 1 files that are no text were passed over.]");
  });

  it("search_files for content finds nothing in protected files or outside", async () => {
    const { root, search } = await files({ ".env": "KEY=canary", "a/.env": "KEY=other" });
    await symlink("/etc", join(root, "etc"));
    expect((await search({ pattern: "KEY|root" })).results).toEqual(["a/.env:1: KEY=other"]);
    await expect(search({ pattern: "KEY", path: ".env" })).rejects.toThrow("the server's own");
    await expect(search({ pattern: "root", path: "etc" })).rejects.toThrow("leads out");
    await expect(search({ pattern: "root", path: "/etc/passwd" })).rejects.toThrow("leads out");
  });

  it("search_files for content stops a pattern that runs away without blocking the server", async () => {
    const { search } = await files({ a: `${"a".repeat(60)}!` });
    let turns = 0;
    const counting = setInterval(() => turns++, 1);
    await expect(search({ pattern: "^(a+)+$" })).rejects.toThrow("takes too long: use a simpler one");
    clearInterval(counting);
    expect(turns).toBeGreaterThan(20);
  });

  it("ends at once when the run stops, also inside a pattern that runs away", async () => {
    const { search } = await files({ a: `${"a".repeat(60)}!` });
    const start = performance.now();
    await expect(search({ pattern: "^(a+)+$" }, AbortSignal.timeout(200))).rejects.toThrow(
      "aborted due to timeout",
    );
    expect(performance.now() - start).toBeLessThan(1_000);
  });

  it("search_files for content says what is wrong with a pattern that is none", async () => {
    const { search } = await files({ a: "x" });
    await expect(search({ pattern: "(" })).rejects.toThrow("Invalid regular expression");
  });
});

describe("search_files for files", () => {
  it("search_files for files finds files by glob or by a part of their name", async () => {
    const { search } = await files({
      "a.test.ts": "",
      "src/b.test.ts": "",
      "src/b.ts": "",
      "x/src/c.ts": "",
    });
    const found = async (pattern: string, path = ".") =>
      (await search({ pattern, path, target: "files" })).results;
    expect(await found("*.test.ts")).toEqual(["a.test.ts", "src/b.test.ts"]);
    expect(await found("src/**/*.ts")).toEqual(["src/b.test.ts", "src/b.ts"]);
    expect(await found("*.{test.ts,md}")).toEqual(["a.test.ts", "src/b.test.ts"]);
    expect(await found("test")).toEqual(["a.test.ts", "src/b.test.ts"]);
    expect(await found("*.ts", "x")).toEqual(["x/src/c.ts"]);
  });

  it("search_files for files says when there is more, and takes no second glob", async () => {
    const { search } = await files({ a1: "", a2: "", a3: "" });
    const { results, footer } = await search({ pattern: "a*", target: "files", limit: 2 });
    expect(results).toHaveLength(2);
    expect(footer).toContain("more than the limit of 2");
    await expect(search({ pattern: "a", target: "files", glob: "*" })).rejects.toThrow("put it into pattern");
  });
});

describe("search_files and names that could be taken for results", () => {
  const ODD = {
    "ab\ncd.ts:1: found": '"ab\\ncd.ts:1: found"',
    "clear\u001b[2Jed": '"clear\\u001b[2Jed"',
    "back\u202ewards": '"back\\u202ewards"',
    "next\u2028line\u0085\u007f": '"next\\u2028line\\u0085\\u007f"',
    "a.ts:7: forged": '"a.ts:7: forged"',
    '"quoted"': '"\\"quoted\\""',
    "plain: name 世界 é😀": "plain: name 世界 é😀",
  };

  it("search_files and names that could be taken for results quotes them, one line each, as JSON that reads back as the name", async () => {
    const { search } = await files(Object.fromEntries(Object.keys(ODD).map((name) => [name, "x"])));
    const shown = Object.values(ODD);
    expect((await search({ pattern: "*", target: "files" })).results).toEqual(shown.toSorted());
    const lines = shown.map((name) => `${name}:1: x`);
    expect((await search({ pattern: "x" })).results).toEqual(lines.toSorted());
    for (const [name, quoted] of Object.entries(ODD))
      if (quoted.startsWith('"')) expect(JSON.parse(quoted)).toBe(name);
  });

  it("search_files and names that could be taken for results quotes them in errors, too", async () => {
    const { search } = await files({});
    await expect(search({ pattern: "x", path: "no\nfile" })).rejects.toThrow(
      '"no\\nfile": there is no such file or directory.',
    );
  });
});

it("search_files takes only the arguments that it knows, within their limits", () => {
  const isValid = (args: unknown): boolean => tool.parameters.safeParse(args).success;
  expect(isValid({ pattern: "a" })).toBe(true);
  expect(isValid({ pattern: "" })).toBe(false);
  expect(isValid({ pattern: "a", target: "symbols" })).toBe(false);
  expect(isValid({ pattern: "a", limit: 1_001 })).toBe(false);
  expect(isValid({ pattern: "a", context: 3 })).toBe(false);
});
