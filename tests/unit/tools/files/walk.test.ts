import { mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Pin, platformPin } from "../../../../src/files/pin.ts";
import { pinInside } from "../../../../src/tools/files/confinement.ts";
import { Protection } from "../../../../src/tools/files/protection.ts";
import { walkFiles } from "../../../../src/tools/files/walk.ts";
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
  const limits = { root, alias: root, protection: new Protection([]), pin };
  const walk = ({ path = ".", glob = "**", pace = () => undefined }: Walk = {}) =>
    walkFiles(limits, pinInside(limits, path, "a directory"), { glob, pace });
  const paths = (options: Walk = {}) => Array.from(walk(options), ({ path }) => path);
  return { root, walk, paths, count };
}

/** How a test walks: the whole tree unless it says otherwise. */
interface Walk {
  path?: string;
  glob?: string;
  pace?: () => void;
}

describe("walk", () => {
  it("walk finds files in every directory, in the order of names", async () => {
    const { paths } = await tree({ "c.txt": "", "b/d.txt": "", "b/c/d.txt": "", a: "", ".hidden/e": "" });
    expect(paths()).toEqual([".hidden/e", "a", "b/c/d.txt", "b/d.txt", "c.txt"]);
  });

  it("walk leaves out .git, node_modules and what .gitignore files exclude, the deeper ones last", async () => {
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
    expect(paths()).toEqual(expected);
  });

  it("walk applies the rules from above when it starts deeper, but searches an excluded directory that is asked for", async () => {
    const { paths } = await tree({
      ".gitignore": "dist/\n*.log\n",
      "dist/a.js": "",
      "dist/b.log": "",
      "src/a.log": "",
      "src/a.ts": "",
    });
    expect(paths({ path: "src" })).toEqual(["src/a.ts"]);
    expect(paths({ path: "dist" })).toEqual(["dist/a.js", "dist/b.log"]);
  });

  it("walk matches the glob against the path below the start", async () => {
    const { paths } = await tree({ "src/a.ts": "", "src/b/c.ts": "", "src/b/d.js": "" });
    expect(paths({ path: "src", glob: "*.ts" })).toEqual(["src/a.ts"]);
    expect(paths({ path: "src", glob: "**/*.ts" })).toEqual(["src/a.ts", "src/b/c.ts"]);
  });

  it("neither follows nor reports symbolic links, so circles end", async () => {
    const { root, paths } = await tree({ "a/b.txt": "" });
    await symlink("..", join(root, "a/up"));
    await symlink("/etc/hostname", join(root, "a/host"));
    await symlink("b.txt", join(root, "a/alias"));
    expect(paths()).toEqual(["a/b.txt"]);
  });

  it("walk reads no more of the tree than its reader asks for, and lets go of everything", async () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`d${index}/f`, ""]));
    const { walk, count } = await tree(files);
    for (const _file of walk()) break;
    expect(count.made).toBeLessThan(10);
    expect(count.held).toBe(0);
  });

  it("walk asks before each entry whether to go on, and lets go of everything when not", async () => {
    const { paths, count } = await tree({ "a/b/c/d": "", "a/b/e": "", "f/g": "" });
    let asked = 0;
    const pace = (): void => {
      if (++asked === 4) throw new Error("enough");
    };
    expect(() => paths({ pace })).toThrow("enough");
    expect(count.made).toBeGreaterThan(2);
    expect(count.held).toBe(0);
  });

  it("walk survives hostile .gitignore rules and names", async () => {
    const { paths } = await tree({
      ".gitignore": `${"*a".repeat(60)}b\n\0\n[\n!\n`,
      ["a".repeat(250)]: "",
      "ok\nline": "",
    });
    const start = performance.now();
    expect(paths()).toEqual([".gitignore", "a".repeat(250), "ok\nline"]);
    expect(performance.now() - start).toBeLessThan(2_000);
  });
});
