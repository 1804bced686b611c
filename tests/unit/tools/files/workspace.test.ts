import { execFileSync } from "node:child_process";
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { type Pin, pinByDescriptor, pinByPath } from "../../../../src/files/pin.ts";
import { ToolError } from "../../../../src/tools/define.ts";
import { createWorkspace } from "../../../../src/tools/files/workspace.ts";
import type { Workspace } from "../../../../src/tools/workspace.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";

const PINS: [name: string, pin: Pin][] = [["by path", pinByPath]];
if (process.platform === "linux") PINS.push(["by descriptor", pinByDescriptor]);

interface Scene {
  workspace: Workspace;
  root: string;
  outside: string;
}

/** A workspace beside a directory with a secret, both in a new directory. */
async function scene(
  pin: Pin,
  protect: (root: string, outside: string) => string[] = () => [],
): Promise<Scene> {
  const base = await temporaryDirectory();
  const root = join(base, "work");
  const outside = join(base, "outside");
  await mkdir(root);
  await mkdir(outside);
  await writeFile(join(outside, "secret"), "SECRET");
  return {
    workspace: await createWorkspace({ root, protectedPaths: protect(root, outside), pin }),
    root,
    outside,
  };
}

async function contentOf(workspace: Workspace, path: string): Promise<string> {
  const lines: string[] = [];
  const options = { maxChars: 1_000_000, signal: AbortSignal.timeout(5_000) };
  for await (const batch of workspace.lines(path, options)) lines.push(...batch);
  return lines.join("\n");
}

describe.each(PINS)("a workspace that pins %s", (_, pin) => {
  it("opens files by relative and absolute path, and through links inside", async () => {
    const { workspace, root } = await scene(pin);
    await mkdir(join(root, "a"));
    await writeFile(join(root, "a/b.txt"), "hello");
    await symlink("a", join(root, "link"));
    for (const path of ["a/b.txt", "./a/../a/b.txt", join(root, "a/b.txt"), "link/b.txt"]) {
      expect(await contentOf(workspace, path)).toBe("hello");
    }
    expect(await workspace.directory("link")).toBe(join(root, "a"));
  });

  it("may be called by a path that is itself a link", async () => {
    const { root, outside } = await scene(pin);
    await symlink(root, join(outside, "alias"));
    const workspace = await createWorkspace({ root: join(outside, "alias"), protectedPaths: [], pin });
    await writeFile(join(root, "a.txt"), "hello");
    expect(workspace.root).toBe(root);
    expect(await contentOf(workspace, join(outside, "alias/a.txt"))).toBe("hello");
  });

  const escapes = [
    "../outside/secret",
    "a/../../outside/secret",
    "/etc/passwd",
    "/proc/self/environ",
    "/proc/self/root/etc/passwd",
    "~",
    "~/secret",
    "link",
    "links/secret",
    "root/etc/passwd",
    "environ",
    "loop",
    "nul\0byte",
    "x".repeat(300),
    "x/".repeat(3_000),
    "",
    ".",
  ];
  it.each(escapes.map((path) => [path]))("neither reads nor writes %.60j", async (path) => {
    const { workspace, root, outside } = await scene(pin);
    await mkdir(join(root, "a"));
    await symlink(join(outside, "secret"), join(root, "link"));
    await symlink(outside, join(root, "links"));
    await symlink("/proc/self/root", join(root, "root"));
    await symlink("/proc/self/environ", join(root, "environ"));
    await symlink("loop", join(root, "loop"));
    await expect(contentOf(workspace, path)).rejects.toThrow(ToolError);
    await expect(workspace.write(path, "changed")).rejects.toThrow(ToolError);
    await expect(workspace.edit(path, () => "changed")).rejects.toThrow(ToolError);
    await expect(
      workspace
        .lines(path, { maxChars: 10, signal: AbortSignal.timeout(5_000) })
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toThrow(ToolError);
    expect(await readdir(outside)).toEqual(["secret"]);
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("SECRET");
  });

  it("creates nothing through a link that leads to a file outside that is not there yet", async () => {
    const { workspace, root, outside } = await scene(pin);
    await symlink(join(outside, "new"), join(root, "dangling"));
    await expect(workspace.write("dangling", "x")).rejects.toThrow("leads nowhere");
    await expect(workspace.write("dangling/deeper/x", "x")).rejects.toThrow(ToolError);
    expect(await readdir(outside)).toEqual(["secret"]);
  });

  it("takes names with ~ inside as they are", async () => {
    const { workspace, root } = await scene(pin);
    await workspace.write("~notes", "a");
    await workspace.write("a~/b~", "b");
    expect(await readFile(join(root, "a~/b~"), "utf8")).toBe("b");
    expect(await contentOf(workspace, "~notes")).toBe("a");
  });

  it("neither blocks on a FIFO nor opens a socket or a directory", async () => {
    const { workspace, root } = await scene(pin);
    execFileSync("mkfifo", [join(root, "fifo")]);
    const server = createServer().listen(join(root, "socket"));
    onTestFinished(() => void server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    for (const path of ["fifo", "socket"]) {
      await expect(contentOf(workspace, path)).rejects.toThrow("a device, socket or FIFO, not a file");
      await expect(workspace.write(path, "x")).rejects.toThrow("a device, socket or FIFO, not a file");
    }
    await expect(contentOf(workspace, ".")).rejects.toThrow("it is a directory, not a file");
    await expect(workspace.directory("fifo")).rejects.toThrow("not a directory");
  });

  it("protects the server's files through every name", async () => {
    const { workspace, root, outside } = await scene(pin, (inside, other) => [
      join(inside, ".env"),
      join(inside, "state.db*"),
      join(inside, "keys"),
      join(other, "secret"),
    ]);
    await writeFile(join(root, ".env"), "SECRET");
    await writeFile(join(root, "state.db-wal"), "SECRET");
    await mkdir(join(root, "keys/deep"), { recursive: true });
    await writeFile(join(root, "keys/deep/one"), "SECRET");
    await symlink(".env", join(root, "link"));
    await link(join(root, ".env"), join(root, "hard"));
    await link(join(root, "keys/deep/one"), join(root, "hard-key"));
    await link(join(outside, "secret"), join(root, "hard-secret"));
    const names = [
      ".env",
      ".ENV",
      "./.env",
      "link",
      "hard",
      "hard-key",
      "hard-secret",
      "state.db-wal",
      "STATE.DB",
      "keys/deep/one",
      "keys/new",
      "keys",
    ];
    for (const name of names) {
      await expect(contentOf(workspace, name), name).rejects.toThrow(ToolError);
      await expect(workspace.write(name, "x"), name).rejects.toThrow(ToolError);
    }
    expect(await readFile(join(root, ".env"), "utf8")).toBe("SECRET");
    expect(await readdir(join(root, "keys"))).toEqual(["deep"]);
    const everything = { path: ".", glob: "**", limit: 100, budgetMs: 5_000 };
    const search = async (pattern?: { source: string; flags: string }) =>
      workspace.search({ ...everything, ...(pattern && { pattern }) }, AbortSignal.timeout(10_000));
    const nothing = { matches: [], passedOver: 0 };
    expect([await search(), await search({ source: "", flags: "" })]).toEqual([nothing, nothing]);
  });

  it("reads and finds through a hard link what is outside, but never changes it there", async () => {
    const { workspace, root, outside } = await scene(pin);
    await link(join(outside, "secret"), join(root, "hard"));
    expect(await contentOf(workspace, "hard")).toBe("SECRET");
    const request = {
      path: ".",
      glob: "**",
      limit: 10,
      budgetMs: 5_000,
      pattern: { source: "SECRET", flags: "" },
    };
    const { matches } = await workspace.search(request, AbortSignal.timeout(10_000));
    expect(matches.map(({ path }) => path)).toEqual(["hard"]);
    await workspace.write("hard", "changed");
    expect(await readFile(join(outside, "secret"), "utf8")).toBe("SECRET");
  });

  it("protects a file that does not exist yet, and one that appeared after the workspace was made", async () => {
    const { workspace, root } = await scene(pin, (inside) => [join(inside, "keys/api.key")]);
    await expect(workspace.write("keys/api.key", "mine")).rejects.toThrow("the server's own");
    await mkdir(join(root, "keys"), { recursive: true });
    await writeFile(join(root, "keys/api.key"), "SECRET");
    await link(join(root, "keys/api.key"), join(root, "alias"));
    await expect(contentOf(workspace, "alias")).rejects.toThrow("the server's own");
  });

  it("creates files with their directories, and replaces them", async () => {
    const { workspace, root } = await scene(pin);
    expect(await workspace.write("a/b/c.txt", "héllo")).toEqual({ created: true, bytes: 6 });
    expect(await workspace.write("a/b/c.txt", "x")).toEqual({ created: false, bytes: 1 });
    expect(await readFile(join(root, "a/b/c.txt"), "utf8")).toBe("x");
    expect(await readdir(join(root, "a/b"))).toEqual(["c.txt"]);
    await expect(workspace.write("a/b/c.txt/d", "x")).rejects.toThrow("a part of the path is a file");
  });

  it("keeps the permissions and the owner of a file that it replaces, and the link that led to it", async () => {
    const { workspace, root } = await scene(pin);
    await writeFile(join(root, "run.sh"), "old");
    await chmod(join(root, "run.sh"), 0o750);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) await chown(join(root, "run.sh"), 12_345, 23_456);
    await symlink("run.sh", join(root, "link"));
    await workspace.write("link", "new");
    const after = await stat(join(root, "run.sh"));
    expect(after.mode & 0o7777).toBe(0o750);
    if (isRoot) expect([after.uid, after.gid]).toEqual([12_345, 23_456]);
    expect(await readFile(join(root, "run.sh"), "utf8")).toBe("new");
    expect(await readlink(join(root, "link"))).toBe("run.sh");
  });

  it("writes where a call was judged to write, or nowhere", async () => {
    const { workspace, root } = await scene(pin);
    await mkdir(join(root, "a/deep"), { recursive: true });
    await mkdir(join(root, "b"));
    await symlink("a", join(root, "link"));
    const judged = ["link/x", "link/deep/new/y"].map((path) => workspace.target(path));
    expect(judged).toEqual([join(root, "a/x"), join(root, "a/deep/new/y")]);
    const writing = workspace.writingOnly(judged);
    await writing.write("link/x", "1");
    await writing.write("link/deep/new/y", "2");
    await rm(join(root, "link"));
    await symlink("b", join(root, "link"));
    for (const path of ["link/x", "link/deep/new/y", "other"])
      await expect(writing.write(path, "3"), path).rejects.toThrow("it changed while it was used");
    await expect(writing.edit("link/x", () => "3")).rejects.toThrow("it changed while it was used");
    expect([await readdir(join(root, "b")), await readFile(join(root, "a/x"), "utf8")]).toEqual([[], "1"]);
  });

  it("does not hand the set-user-id bit to new content", async () => {
    const { workspace, root } = await scene(pin);
    await writeFile(join(root, "tool"), "old");
    await chmod(join(root, "tool"), 0o4755);
    await workspace.write("tool", "new");
    expect((await lstat(join(root, "tool"))).mode & 0o7777).toBe(0o755);
  });

  it("loses no change when a file is edited many times at once", async () => {
    const { workspace, root } = await scene(pin);
    await writeFile(join(root, "count"), "");
    await symlink("count", join(root, "alias"));
    const paths = Array.from({ length: 40 }, (_unused, index) => (index % 2 === 0 ? "count" : "alias"));
    await Promise.all(paths.map((path) => workspace.edit(path, (content) => `${content}+`)));
    expect(await readFile(join(root, "count"), "utf8")).toBe("+".repeat(40));
  });

  it("leaves a file and its directory as they were when an edit fails", async () => {
    const { workspace, root } = await scene(pin);
    await writeFile(join(root, "a.txt"), "old");
    const failing = workspace.edit("a.txt", () => {
      throw new ToolError("no such text.");
    });
    await expect(failing).rejects.toThrow("a.txt: no such text.");
    expect(await workspace.edit("a.txt", (content) => `${content}!`)).toEqual({ created: false, bytes: 4 });
    expect(await readdir(root)).toEqual(["a.txt"]);
  });

  it("edits neither binary files nor other encodings, and keeps a byte order mark", async () => {
    const { workspace, root } = await scene(pin);
    await writeFile(join(root, "latin"), Buffer.from([0x68, 0xe9]));
    await writeFile(join(root, "binary"), Buffer.from([1, 0, 2]));
    await writeFile(join(root, "bom"), "\ufeffa");
    await expect(workspace.edit("latin", (text) => text)).rejects.toThrow("not UTF-8");
    await expect(workspace.edit("binary", (text) => text)).rejects.toThrow("binary");
    await expect(workspace.edit("missing", (text) => text)).rejects.toThrow("no such file");
    await workspace.edit("bom", (text) => `${text}b`);
    expect(await readFile(join(root, "bom"), "utf8")).toBe("\ufeffab");
  });
});

it("refuses a root that does not exist", async () => {
  const options = { root: join(await temporaryDirectory(), "missing"), protectedPaths: [] };
  await expect(createWorkspace(options)).rejects.toThrow("ENOENT");
});

describe.runIf(process.platform === "linux")("a workspace that is the whole machine", () => {
  it.each([
    "/proc/self/environ",
    "/proc/self/maps",
    "/proc/1/status",
    "/sys/kernel/notes",
    "/dev/null",
  ])("does not open %s, which is the kernel's", async (path) => {
    const workspace = await createWorkspace({ root: "/", protectedPaths: [] });
    await expect(contentOf(workspace, path)).rejects.toThrow("or the kernel's; tools cannot use it");
  });

  it("does not search what is the kernel's", async () => {
    const workspace = await createWorkspace({ root: "/", protectedPaths: [] });
    const request = { path: "/proc", glob: "*", limit: 1, budgetMs: 5_000 };
    await expect(workspace.search(request, new AbortController().signal)).rejects.toThrow("or the kernel's");
  });

  it("does not open the kernel's files through a link", async () => {
    const directory = await temporaryDirectory();
    await symlink("/proc/self/environ", join(directory, "link"));
    const workspace = await createWorkspace({ root: "/", protectedPaths: [] });
    await expect(contentOf(workspace, join(directory, "link"))).rejects.toThrow("or the kernel's");
  });
});
