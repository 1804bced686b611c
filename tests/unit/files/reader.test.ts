import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, link, mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type Hold, holdByDescriptor, holdByPath, platformHold } from "../../../src/files/hold.ts";
import { Unreadable } from "../../../src/files/unreadable.ts";
import { readerOf } from "../../helpers/confined-reader.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { FORBIDDEN, INSIDE, swapFile } from "../../helpers/swapped-file.ts";

const HOLDS: [name: string, hold: Hold][] = [["by path", holdByPath]];
if (process.platform === "linux") HOLDS.push(["by descriptor", holdByDescriptor]);

/** A workspace with a file outside and a secret inside. */
async function open(hold?: Hold) {
  const base = await temporaryDirectory();
  const root = join(base, "work");
  await mkdir(join(root, "down"), { recursive: true });
  await writeFile(join(root, "file"), "inside");
  await writeFile(join(root, "down/file"), "deep inside");
  await writeFile(join(base, "outside"), "OUTSIDE");
  await mkdir(join(root, "keys"));
  for (const name of [".env", "keys/key"]) await writeFile(join(root, name), "SECRET");
  const secrets = [join(root, ".env"), join(root, "keys")];
  const reader = readerOf(secrets, hold && { hold });
  const read = (name: string, maxBytes = 1_000) => reader.text({ within: root, name }, maxBytes);
  return { base, root, reader, read };
}

describe.each(HOLDS)("a reader that holds %s", (_name, hold) => {
  test("reads files, also through links that stay inside", async () => {
    const { root, read } = await open(hold);
    await symlink("down/file", join(root, "relative"));
    await symlink(join(root, "relative"), join(root, "absolute"));
    await symlink("down", join(root, "directory"));
    expect(await read("file")).toBe("inside");
    for (const name of ["down/file", "relative", "absolute", "directory/file", "down/../down/file"])
      expect(await read(name), name).toBe("deep inside");
  });

  test("takes a directory that is itself reached through a link", async () => {
    const { base, root, reader } = await open(hold);
    await symlink("work", join(base, "alias"));
    expect(await reader.text({ within: join(base, "alias"), name: "file" }, 10)).toBe("inside");
    expect((await reader.find({ within: join(base, "alias"), name: "file" }, { maxBytes: 10 }))?.real).toBe(
      join(root, "file"),
    );
  });

  test("never gives out what lies outside, whatever names it", async () => {
    const { base, root, read, reader } = await open(hold);
    await symlink("../outside", join(root, "link"));
    await symlink("link", join(root, "chain"));
    await symlink("..", join(root, "up"));
    for (const name of ["link", "chain", "up/outside", "../outside", `../${"work/../".repeat(5)}outside`]) {
      await expect(read(name), name).rejects.toThrow("it leads out of its directory");
      expect(await reader.find({ within: root, name }, { maxBytes: 10 }), name).toBeUndefined();
      expect(await reader.stamp({ within: root, name: "link" })).toContain("leads out");
    }
    expect(await reader.entries({ within: root, name: "up" })).toEqual([]);
    // A neighbour whose name begins as the directory's does.
    await mkdir(join(base, "work-too"));
    await writeFile(join(base, "work-too/file"), "OUTSIDE");
    await expect(read("../work-too/file")).rejects.toThrow(Unreadable);
  });

  test("never gives out a secret, by whatever link or spelling", async () => {
    const { root, read } = await open(hold);
    await symlink(".env", join(root, "link"));
    await link(join(root, ".env"), join(root, "hard"));
    await link(join(root, "keys/key"), join(root, "hard-key"));
    await symlink("keys", join(root, "directory"));
    // What a disk without regard to case would take for the secret.
    await writeFile(join(root, ".ENV"), "SECRET");
    for (const name of [".env", "link", "hard", "hard-key", "keys/key", "directory/key", ".ENV"])
      await expect(read(name), name).rejects.toThrow("it is the server's own");
  });

  test("opens neither a FIFO, a socket nor a device, and no directory as a file", async () => {
    const { root, read, reader } = await open(hold);
    execFileSync("mkfifo", [join(root, "fifo")]);
    const socket = createServer().listen(join(root, "socket"));
    onTestFinished(() => void socket.close());
    await once(socket, "listening");
    for (const name of ["fifo", "socket"])
      await expect(read(name), name).rejects.toThrow("it is a device, socket or FIFO, not a file");
    await expect(read("down")).rejects.toThrow("it is a directory, not a file");
    await expect(reader.text({ within: "/", name: "/dev/zero" }, 10)).rejects.toThrow("or the kernel's");
    expect(await reader.entries({ within: root, name: "fifo" })).toEqual([]);
  });

  test("says why a file is not read, and tells it from one that is not there", async () => {
    const { root, read } = await open(hold);
    await symlink("nowhere", join(root, "dangling"));
    await symlink("round", join(root, "round"));
    for (const name of ["none", "dangling", "none/none", "file/below"])
      expect(await read(name), name).toBeUndefined();
    await expect(read("round")).rejects.toThrow("its symbolic links lead round in circles");
    await expect(read("x".repeat(300))).rejects.toThrow("the name is too long");
    await expect(read("a\0b")).rejects.toThrow(Unreadable);
    await writeFile(join(root, "latin"), Buffer.from("caf\xe9", "latin1"));
    await expect(read("latin")).rejects.toThrow("it is not UTF-8 text");
  });

  test("reads no file that is too big, and no more of another than it is asked for", async () => {
    const { root, read, reader } = await open(hold);
    await writeFile(join(root, "huge"), "");
    await truncate(join(root, "huge"), 10 * 2 ** 30);
    await expect(read("huge")).rejects.toThrow("it is too big (over 1000 bytes)");
    await expect(read("file", 5)).rejects.toThrow("it is too big");
    expect(await read("file", 6)).toBe("inside");
    const place = { within: root, name: "huge" };
    const head = await reader.find(place, { maxBytes: Number.POSITIVE_INFINITY, firstBytes: 4 });
    expect(head).toMatchObject({ text: "\0\0\0\0", real: join(root, "huge") });
  });

  test("follows no link below its directory where none may lead", async () => {
    const { root, reader } = await open(hold);
    await symlink("file", join(root, "link"));
    await symlink("down", join(root, "directory"));
    const find = (name: string) =>
      reader.find({ within: root, name, isDirect: true }, { maxBytes: 100 }).then((found) => found?.text);
    expect([await find("link"), await find("directory/file")]).toEqual([undefined, undefined]);
    expect([await find("file"), await find("down/file")]).toEqual(["inside", "deep inside"]);
    const names = (name: string) => reader.entries({ within: root, name, isDirect: true });
    expect(await names("directory")).toEqual([]);
    expect((await names("down")).map(({ name }) => name)).toEqual(["file"]);
  });

  test("has a stamp that changes with the content, the permissions and what a link leads to", async () => {
    const { root, reader } = await open(hold);
    const stamp = (name: string) => reader.stamp({ within: root, name });
    await symlink("file", join(root, "link"));
    const seen = new Set([await stamp("link"), await stamp("none")]);
    expect(await stamp("link")).toBe(await stamp("file"));
    await chmod(join(root, "file"), 0o600);
    seen.add(await stamp("link"));
    await writeFile(join(root, "file"), "other");
    seen.add(await stamp("link"));
    expect(seen.size).toBe(4);
  });
});

test.runIf(process.platform === "linux")(
  "a file of the kernel is not read, even where its directory may be",
  async () => {
    const reader = readerOf();
    const read = reader.text({ within: "/", name: "proc/self/environ" }, 1_000);
    await expect(read).rejects.toThrow("or the kernel's");
  },
);

describe("a disk that does not answer", () => {
  /** A reader whose disk answers nothing until it is told to answer all. */
  async function stuck(deadlineMs: number) {
    const { root } = await open();
    const disk = Promise.withResolvers<void>();
    let asked = 0;
    const hold: Hold = async (path) => {
      asked++;
      await disk.promise;
      return platformHold()(path);
    };
    const reader = readerOf([], { hold, deadlineMs });
    const read = () => reader.text({ within: root, name: "file" }, 100);
    return { read, answer: () => disk.resolve(), asked: () => asked };
  }

  test("a disk that does not answer keeps nobody longer than the deadline, and only one thread busy", async () => {
    const { read, asked } = await stuck(20);
    const first = await Promise.allSettled([read(), read(), read()]);
    expect(first.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    await expect(read()).rejects.toThrow("its disk does not answer");
    expect(asked()).toBe(1);
  });

  test("a disk that does not answer is read again once it has answered", async () => {
    const { read, answer } = await stuck(20);
    await expect(read()).rejects.toThrow("it did not answer in time");
    answer();
    await vi.waitFor(async () => expect(await read()).toBe("inside"), { interval: 5, timeout: 5_000 });
  });

  test("a disk that does not answer is not blamed for a process that stood still", async () => {
    const { read, answer, asked } = await stuck(200);
    const reading = read();
    await vi.waitFor(() => expect(asked()).toBe(1), { interval: 1 });
    for (const end = performance.now() + 400; performance.now() < end; );
    answer();
    expect(await reading).toBe("inside");
  });
});

describe("while its name leads elsewhere all the time", () => {
  test.each(
    HOLDS.filter(([name]) => name === "by descriptor"),
  )("a reader that holds %s gives out the file or says why not, and nothing else", async (_name, hold) => {
    const { root } = await open();
    const base = await temporaryDirectory();
    const secret = join(root, ".env");
    const file = await swapFile({ base, root, name: "entry", secret, seed: 7 });
    onTestFinished(() => file.stop());
    const reader = readerOf([secret], { hold });
    const outcomes = new Map<string, number>();
    const place = { within: root, name: "entry" };
    const deadline = performance.now() + 10_000;
    while ((file.swaps() < 3_000 || outcomes.size < 6) && performance.now() < deadline) {
      const outcome = await reader.text(place, 1_000).catch((error: unknown) => {
        expect(error).toBeInstanceOf(Unreadable);
        return (error as Unreadable).message;
      });
      expect(outcome ?? "").not.toContain(FORBIDDEN.slice(0, 9));
      outcomes.set(outcome ?? "none", 1 + (outcomes.get(outcome ?? "none") ?? 0));
    }
    expect(outcomes.get(INSIDE)).toBeGreaterThan(0);
    expect(outcomes.size).toBeGreaterThanOrEqual(6);
  });
});
