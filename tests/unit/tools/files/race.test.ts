import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { describe, expect, it, onTestFinished } from "vitest";
import { pinByDescriptor } from "../../../../src/files/pin.ts";
import { ToolError } from "../../../../src/tools/define.ts";
import { createWorkspace } from "../../../../src/tools/files/workspace.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";

const MIN_SWAPS = 2_000;
const MIN_OUTCOMES = 50;

/** Two ways of making `entry` lead inside and out by turns, without pause. */
const SWAPS = {
  "a directory is swapped for a link": `
    renameSync(entry, parked);
    renameSync(link, entry);
    renameSync(entry, link);
    renameSync(parked, entry);`,
  "a link is swapped for another": `
    symlinkSync("../outside", parked);
    renameSync(parked, entry);
    symlinkSync("home", parked);
    renameSync(parked, entry);`,
};

const SWAPPER = (swap: string): string => `
  const { renameSync, rmSync, symlinkSync } = require("node:fs");
  const { workerData: { entry, parked, link, control } } = require("node:worker_threads");
  while (Atomics.load(control, 0) === 0) {
    try {
      ${swap}
      Atomics.add(control, 1, 1);
    } catch {
      // A write has created the directory anew while it was away, and may be doing so again.
      for (let away = true; away; ) {
        try {
          rmSync(entry, { recursive: true, force: true });
          renameSync(parked, entry);
          away = false;
        } catch {}
      }
    }
  }
`;

async function raced(swap: keyof typeof SWAPS) {
  const base = await temporaryDirectory();
  const [root, outside] = [join(base, "work"), join(base, "outside")];
  const isDirectory = swap === "a directory is swapped for a link";
  const home = join(root, isDirectory ? "entry" : "home");
  await mkdir(home, { recursive: true });
  await mkdir(outside);
  await writeFile(join(home, "file"), "inside");
  await writeFile(join(outside, "file"), "OUTSIDE");
  await writeFile(join(outside, "only-outside"), "OUTSIDE");
  await symlink(isDirectory ? outside : "home", join(root, isDirectory ? "link" : "entry"));
  const control = new Int32Array(new SharedArrayBuffer(8));
  const paths = { entry: join(root, "entry"), parked: join(root, "parked"), link: join(root, "link") };
  const swapper = new Worker(SWAPPER(SWAPS[swap]), { eval: true, workerData: { ...paths, control } });
  const stopped = new Promise((resolve) => swapper.once("exit", resolve));
  const stop = async (): Promise<void> => {
    Atomics.store(control, 0, 1);
    await stopped;
  };
  onTestFinished(stop);
  const workspace = await createWorkspace({ root, protectedPaths: [], pin: pinByDescriptor });
  return { workspace, home, outside, stop, swaps: () => Atomics.load(control, 1) };
}

/** Tries until there were enough swaps and both outcomes were seen often. */
async function tryOften(race: { swaps(): number }, attempts: (() => Promise<void>)[]): Promise<void> {
  const outcomes = { done: 0, refused: 0 };
  const isEnough = (): boolean =>
    race.swaps() >= MIN_SWAPS && Math.min(outcomes.done, outcomes.refused) >= MIN_OUTCOMES;
  const deadline = performance.now() + 10_000;
  for (let turn = 0; !isEnough() && performance.now() < deadline; turn++) {
    try {
      await attempts[turn % attempts.length]?.();
      outcomes.done++;
    } catch (error) {
      expect(error).toBeInstanceOf(ToolError);
      outcomes.refused++;
    }
  }
  expect(outcomes.done).toBeGreaterThanOrEqual(MIN_OUTCOMES);
  expect(outcomes.refused).toBeGreaterThanOrEqual(MIN_OUTCOMES);
  expect(race.swaps()).toBeGreaterThanOrEqual(MIN_SWAPS);
}

const KINDS = Object.keys(SWAPS).map((kind): [keyof typeof SWAPS] => [kind as keyof typeof SWAPS]);

describe.runIf(process.platform === "linux").each(KINDS)("while %s", (kind) => {
  it("no read leads out", async () => {
    const race = await raced(kind);
    const read = async (): Promise<void> => {
      const lines: string[] = [];
      const options = { maxChars: 100, signal: AbortSignal.timeout(5_000) };
      for await (const batch of race.workspace.lines("entry/file", options)) lines.push(...batch);
      expect(lines).toEqual(["inside"]);
    };
    await tryOften(race, [read]);
  });

  it("no search finds what is outside", async () => {
    const race = await raced(kind);
    const found = new Set<string>();
    const search = async (pattern?: { source: string; flags: string }): Promise<void> => {
      const request = { path: "entry", glob: "**", limit: 100, budgetMs: 5_000, ...(pattern && { pattern }) };
      const { matches } = await race.workspace.search(request, AbortSignal.timeout(10_000));
      for (const { path, line } of matches) found.add(`${path} ${line?.text ?? ""}`);
    };
    await tryOften(race, [() => search(), () => search({ source: "", flags: "" })]);
    expect([...found].some((one) => one.endsWith("/file inside"))).toBe(true);
    expect([...found].filter((one) => /outside/i.test(one))).toEqual([]);
  });

  it("no write leads out", async () => {
    const race = await raced(kind);
    let count = 0;
    await tryOften(race, [
      async () => void (await race.workspace.write("entry/new", "x")),
      async () => void (await race.workspace.write(`entry/deep${count++ % 50}/new`, "x")),
      async () => void (await race.workspace.edit("entry/file", (content) => content)),
    ]);
    await race.stop();
    expect((await readdir(race.outside)).sort()).toEqual(["file", "only-outside"]);
    expect(await readFile(join(race.outside, "file"), "utf8")).toBe("OUTSIDE");
    expect((await readdir(race.home)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });
});
