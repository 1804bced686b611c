import { posix } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGlob, expandBraces } from "../../../../src/tools/files/glob.ts";

describe("compileGlob", () => {
  const cases: [glob: string, path: string, matches: boolean][] = [
    ["a.ts", "a.ts", true],
    ["a.ts", "b.ts", false],
    ["*.ts", "a.ts", true],
    ["*.ts", ".ts", true],
    ["*.ts", "src/a.ts", false],
    ["*", ".env", true],
    ["?.ts", "a.ts", true],
    ["?.ts", "ab.ts", false],
    ["?.ts", "/.ts", false],
    ["**", "a/b/c", true],
    ["**/*.ts", "a.ts", true],
    ["**/*.ts", "a/b/c.ts", true],
    ["**/*.ts", "a/b/c.js", false],
    ["src/**", "src/a/b", true],
    ["src/**", "lib/a", false],
    ["src/**/test/*.ts", "src/test/a.ts", true],
    ["src/**/test/*.ts", "src/a/b/test/c.ts", true],
    ["src/**/test/*.ts", "src/a/testing/c.ts", false],
    ["a/**/**/b", "a/b", true],
    ["*.{ts,tsx}", "a.tsx", true],
    ["*.{ts,tsx}", "a.js", false],
    ["{src,lib}/{a,b}.ts", "lib/b.ts", true],
    ["{a,{b,c}}.ts", "c.ts", true],
    ["{a}.ts", "{a}.ts", true],
    ["[abc].ts", "b.ts", true],
    ["[a-c].ts", "d.ts", false],
    ["[!a-c].ts", "d.ts", true],
    ["[^a-c].ts", "a.ts", false],
    ["[]a].ts", "].ts", true],
    ["[a.ts", "[a.ts", true],
    ["\\*.ts", "*.ts", true],
    ["\\*.ts", "a.ts", false],
    ["a*b*c", "aXbYbZc", true],
    ["a*b*c", "aXbYbZ", false],
    ["*a*", "bab", true],
  ];
  it.each(cases)("%s on %s: %s", (glob, path, expected) => {
    expect(compileGlob(glob)(path)).toBe(expected);
  });

  it("compileGlob agrees with node's own matcher", () => {
    const part = fc.constantFrom("a", "b", "*", "?", "[ab]", "[!a]", "ab");
    const segment = fc.oneof(
      fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("")),
      fc.constant("**"),
    );
    // Node treats `**` inside a segment as two stars, and so do we; the generator makes each only as its own kind.
    const glob = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join("/"));
    const name = fc
      .array(fc.constantFrom("a", "b", "c"), { minLength: 1, maxLength: 4 })
      .map((chars) => chars.join(""));
    const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
    const property = fc.property(glob, path, (pattern, text) => {
      expect(compileGlob(pattern)(text)).toBe(posix.matchesGlob(text, pattern));
    });
    fc.assert(property, { numRuns: 2_000 });
  });

  it("compileGlob stays fast on a pattern that makes regular expressions explode", () => {
    const matches = compileGlob(`${"*a".repeat(500)}b`);
    const start = performance.now();
    expect(matches("a".repeat(4_000))).toBe(false);
    expect(performance.now() - start).toBeLessThan(1_000);
  });
});

describe("expandBraces", () => {
  it("expandBraces keeps the order of the alternatives", () => {
    expect(expandBraces("{a,b}{1,2}")).toEqual(["a1", "a2", "b1", "b2"]);
  });

  it("expandBraces leaves open and empty groups alone", () => {
    expect(expandBraces("{a,b")).toEqual(["{a,b"]);
    expect(expandBraces("a}{}")).toEqual(["a}{}"]);
  });

  it("expandBraces stops multiplying at its limit", () => {
    expect(expandBraces("{a,b}".repeat(30), 32).length).toBeLessThanOrEqual(64);
  });
});
