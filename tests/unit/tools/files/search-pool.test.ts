import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { ToolError } from "../../../../src/tools/define.ts";
import { createWorkspace } from "../../../../src/tools/files/workspace.ts";
import type { SearchRequest } from "../../../../src/tools/workspace.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";

/** Backtracks over each of its lines for a millisecond, 20,000 lines long. */
const SLOW = { pattern: { source: "x*y", flags: "" }, path: "slow" };
/** Never comes to an end. */
const RUNAWAY = { pattern: { source: "^(a+)+$", flags: "" }, path: "runaway" };
const QUICK = { pattern: { source: "needle", flags: "" }, path: "quick" };

async function open(files: Record<string, string> = {}) {
  const root = await temporaryDirectory();
  const usual = {
    "slow/file": `${"x".repeat(1_000)}\n`.repeat(20_000),
    "runaway/file": `${"a".repeat(60)}!`,
    "quick/file": "hay\nneedle\n",
  };
  for (const [path, text] of Object.entries({ ...usual, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const workspace = await createWorkspace({ root, protectedPaths: [] });
  const search = (terms: Partial<SearchRequest>, { signal } = new AbortController()) =>
    workspace.search({ path: ".", glob: "**", limit: 100, budgetMs: 20_000, ...terms }, signal);
  return { search };
}

const FOUND = { matches: [{ path: "quick/file", line: { number: 2, text: "needle" } }], passedOver: 0 };

describe("searches", () => {
  it("all get their answer when sixty are asked for at once", async () => {
    const { search } = await open();
    const run = new AbortController();
    const all = await Promise.all(Array.from({ length: 60 }, () => search(QUICK, run)));
    expect(all).toEqual(Array.from({ length: 60 }, () => FOUND));
  });

  it("searches of one run do not keep another run from its turn", async () => {
    const { search } = await open();
    const [busy, other] = [new AbortController(), new AbortController()];
    const order: string[] = [];
    const many = Array.from({ length: 60 }, () => search(QUICK, busy).then(() => order.push("busy")));
    await search(QUICK, other).then(() => order.push("other"));
    // Behind the two that were begun, and one of the waiting ones for each thread.
    expect(order.indexOf("other")).toBeLessThan(6);
    await Promise.all(many);
  });

  it("searches are not harmed by one whose pattern never comes to an end", async () => {
    const { search } = await open();
    const quick = Array.from({ length: 5 }, () => search(QUICK));
    const runaway = [search(RUNAWAY), search(RUNAWAY)];
    const later = Array.from({ length: 5 }, () => search(QUICK));
    for (const each of runaway)
      await expect(each).rejects.toThrow("The pattern takes too long: use a simpler one.");
    expect(await Promise.all([...quick, ...later])).toEqual(Array.from({ length: 10 }, () => FOUND));
  });

  it("give their threads back when their runs stop", async () => {
    const { search } = await open();
    const run = new AbortController();
    const stopped = Array.from({ length: 4 }, () =>
      expect(search(SLOW, run)).rejects.toThrow("the run was stopped"),
    );
    // It waits behind the slow ones, which would take their twenty seconds each.
    const quick = search(QUICK);
    run.abort(new Error("the run was stopped"));
    await Promise.all(stopped);
    expect(await quick).toEqual(FOUND);
    await expect(search(QUICK, run)).rejects.toThrow("the run was stopped");
  });

  it("give their threads back when their runs stop inside a pattern without end", async () => {
    const { search } = await open();
    const run = new AbortController();
    const stopped = [RUNAWAY, RUNAWAY].map((terms) => expect(search(terms, run)).rejects.toThrow("stopped"));
    const quick = search(QUICK);
    run.abort(new Error("stopped"));
    await Promise.all(stopped);
    expect(await quick).toEqual(FOUND);
  });

  it("keep what they have found when their time is over, and say so", async () => {
    const { search } = await open({ "slow/a": "x*y\n" });
    const { matches, cut } = await search({ ...SLOW, budgetMs: 1_000 });
    expect(matches).toEqual([{ path: "slow/a", line: { number: 1, text: "x*y" } }]);
    expect(cut).toBe("time");
  });

  it("searches are refused when too many wait already", async () => {
    const { search } = await open();
    const run = new AbortController();
    const many = Array.from({ length: 600 }, () => search(SLOW, run).catch(({ message }: Error) => message));
    await expect(search(QUICK)).rejects.toThrow("Too many searches are waiting: try again later.");
    run.abort(new Error("stopped"));
    expect(new Set(await Promise.all(many))).toEqual(
      new Set(["stopped", "Too many searches are waiting: try again later."]),
    );
    expect(await search(QUICK)).toEqual(FOUND);
  });

  it("searches that need more memory than a thread has are told so, and the next one goes on", {
    timeout: 30_000,
  }, async () => {
    const rules = (level: number) => Array.from({ length: 70_000 }, (_, at) => `${level}n${at}`).join("\n");
    const levels = Array.from({ length: 8 }, (_, at) => `big/${"d/".repeat(at)}.gitignore`);
    const { search } = await open(Object.fromEntries(levels.map((path, at) => [path, rules(at)])));
    const outcome = await search({ path: "big" }).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(ToolError);
    expect(String(outcome)).toContain("takes too much memory: narrow it");
    expect(await search(QUICK)).toEqual(FOUND);
  });
});
