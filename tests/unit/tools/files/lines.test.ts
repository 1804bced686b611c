import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readLines } from "../../../../src/tools/files/lines.ts";
import { temporaryDirectory } from "../../../helpers/directory.ts";

async function linesOf(content: string | Uint8Array, maxChars = 1_000_000): Promise<string[]> {
  const path = join(await temporaryDirectory(), "file");
  await writeFile(path, content);
  return linesIn(path, maxChars);
}

async function linesIn(path: string, maxChars: number): Promise<string[]> {
  const handle = await open(path);
  const file = { fd: handle.fd, size: (await handle.stat()).size };
  const lines: string[] = [];
  try {
    for await (const batch of readLines(file, { maxChars, signal: AbortSignal.timeout(10_000) }))
      lines.push(...batch);
  } finally {
    await handle.close();
  }
  return lines;
}

describe("readLines", () => {
  it("readLines splits at LF and CRLF, with or without one at the end", async () => {
    expect(await linesOf("a\r\nb\n\nc")).toEqual(["a", "b", "", "c"]);
    expect(await linesOf("a\n")).toEqual(["a"]);
    expect(await linesOf("")).toEqual([]);
    expect(await linesOf("\ufeffa\rb")).toEqual(["a\rb"]);
  });

  it("readLines gives back every text, wherever the reads cut it", async () => {
    const path = join(await temporaryDirectory(), "file");
    const character = fc.constantFrom("a", "é", "世", "😀", "\n", "\n", " ");
    const property = fc.asyncProperty(fc.array(character, { minLength: 1, maxLength: 9 }), async (unit) => {
      const text = unit.join("").repeat(Math.ceil(70_000 / unit.join("").length));
      await writeFile(path, text);
      const expected = text.split("\n");
      if (expected.at(-1) === "") expected.pop();
      expect(await linesIn(path, 1_000_000)).toEqual(expected);
    });
    await fc.assert(property, { numRuns: 30 });
  });

  it("cuts a long line and says how much is missing, across reads too", async () => {
    const [first, second] = await linesOf(`${"x".repeat(200_000)}\nshort`, 10);
    expect(first).toBe("xxxxxxxxxx [... 199990 more characters in this line]");
    expect(second).toBe("short");
    expect(await linesOf("0123456789\r\n", 10)).toEqual(["0123456789"]);
  });

  it("readLines refuses a file with a NUL byte", async () => {
    await expect(linesOf(Buffer.from("text\n\0"))).rejects.toThrow("binary");
  });

  it("readLines stops when it is aborted", async () => {
    const path = join(await temporaryDirectory(), "file");
    await writeFile(path, "a\n".repeat(100_000));
    const handle = await open(path);
    const controller = new AbortController();
    const all = async (): Promise<void> => {
      for await (const _batch of readLines(
        { fd: handle.fd, size: 200_000 },
        { maxChars: 10, signal: controller.signal },
      ))
        controller.abort();
    };
    await expect(all()).rejects.toThrow("abort");
    await handle.close();
  });
});
