import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Pin, platformPin } from "../../../../src/files/pin.ts";
import { createWorkspace } from "../../../../src/tools/files/workspace.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";

/** A pin that counts what it holds. */
function countingPin() {
  const count = { made: 0, held: 0 };
  const inner = platformPin();
  const pin: Pin = (path, follow) => {
    const pinned = inner(path, follow);
    count.made++;
    count.held++;
    const close = (): void => {
      count.held--;
      pinned.close();
    };
    return { ...pinned, close };
  };
  return { pin, count };
}

async function tree(files: Record<string, string>) {
  const root = await temporaryDirectory();
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  const { pin, count } = countingPin();
  const workspace = await createWorkspace({ root, protectedPaths: [], pin });
  const walk = (options: { path?: string; glob?: string; signal?: AbortSignal } = {}) =>
    workspace.walk({ path: ".", glob: "**", signal: AbortSignal.timeout(10_000), ...options });
  const paths = async (options: Parameters<typeof walk>[0] = {}): Promise<string[]> => {
    const found: string[] = [];
    for await (const file of walk(options)) found.push(file.path);
    return found.sort();
  };
  return { root, walk, paths, count };
}

describe("walk", () => {
  it("finds files in every directory with their sizes", async () => {
    const { walk } = await tree({ "a.txt": "12345", "b/c/d.txt": "", ".hidden/e": "x" });
    const found: Record<string, number> = {};
    for await (const { path, bytes } of walk()) found[path] = bytes;
    expect(found).toEqual({ "a.txt": 5, "b/c/d.txt": 0, ".hidden/e": 1 });
  });

  it("leaves out .git, node_modules and what .gitignore files exclude, the deeper ones last", async () => {
    const { paths } = await tree({
      ".git/config": "",
      "node_modules/x/index.js": "",
      "a/node_modules/y.js": "",
      ".gitignore": "*.log\n/build/\ntmp/\n!keep.log\n# comment\n\\#odd\n",
      "a.log": "",
      "keep.log": "",
      "#odd": "",
      "build/out.js": "",
      "src/build/in.js": "",
      "src/tmp/x": "",
      "src/.gitignore": "!b.log\n*.gen.ts\nKeep.log\n",
      "src/a.log": "",
      "src/b.log": "",
      "src/keep.log": "",
      "src/a.gen.ts": "",
      "other/a.gen.ts": "",
    });
    const expected = [
      ".gitignore",
      "keep.log",
      "other/a.gen.ts",
      "src/.gitignore",
      "src/b.log",
      "src/build/in.js",
      "src/keep.log",
    ];
    expect(await paths()).toEqual(expected);
  });

  it("applies the rules from above when it starts deeper, but searches an excluded directory that is asked for", async () => {
    const { paths } = await tree({
      ".gitignore": "dist/\n*.log\n",
      "dist/a.js": "",
      "dist/b.log": "",
      "src/a.log": "",
      "src/a.ts": "",
    });
    expect(await paths({ path: "src" })).toEqual(["src/a.ts"]);
    expect(await paths({ path: "dist" })).toEqual(["dist/a.js", "dist/b.log"]);
  });

  it("matches the glob against the path below the start", async () => {
    const { paths } = await tree({ "src/a.ts": "", "src/b/c.ts": "", "src/b/d.js": "" });
    expect(await paths({ path: "src", glob: "*.ts" })).toEqual(["src/a.ts"]);
    expect(await paths({ path: "src", glob: "**/*.ts" })).toEqual(["src/a.ts", "src/b/c.ts"]);
  });

  it("neither follows nor reports symbolic links, so circles end", async () => {
    const { root, paths } = await tree({ "a/b.txt": "" });
    await symlink("..", join(root, "a/up"));
    await symlink("/etc/hostname", join(root, "a/host"));
    await symlink("b.txt", join(root, "a/alias"));
    expect(await paths()).toEqual(["a/b.txt"]);
  });

  it("reads no more of the tree than its reader asks for, and lets go of everything", async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`d${index}/f`, ""]));
    const { walk, count } = await tree(files);
    for await (const _file of walk()) break;
    expect(count.made).toBeLessThan(10);
    expect(count.held).toBe(0);
  });

  it("stops at an abort and lets go of everything", async () => {
    const { walk, count } = await tree({ "a/b/c/d": "", "a/b/e": "", "f/g": "" });
    const controller = new AbortController();
    const all = async (): Promise<void> => {
      for await (const _file of walk({ signal: controller.signal })) controller.abort();
    };
    await expect(all()).rejects.toThrow("abort");
    expect(count.held).toBe(0);
  });

  it("survives hostile .gitignore rules and names", async () => {
    const { paths } = await tree({
      ".gitignore": `${"*a".repeat(60)}b\n\0\n[\n!\n`,
      ["a".repeat(250)]: "",
      "ok\nline": "",
    });
    const start = performance.now();
    expect(await paths()).toEqual([".gitignore", "a".repeat(250), "ok\nline"]);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
