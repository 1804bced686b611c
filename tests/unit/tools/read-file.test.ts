import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { ToolContext } from "../../../src/tools/define.ts";
import type { Workspace } from "../../../src/tools/workspace.ts";
import { tool } from "../../../tools/read-file.ts";
import { callTool, toolContext } from "../../helpers/tools.ts";

async function contextWith(content: string | Uint8Array): Promise<ToolContext> {
  const context = await toolContext();
  await writeFile(join(context.workspace.root, "file"), content);
  return context;
}

describe("read_file", () => {
  it("numbers lines and says where the file ends", async () => {
    const context = await contextWith("a\r\n\nc");
    expect(await callTool(tool, { path: "file" }, context)).toBe("1|a\n2|\n3|c\n[End of the file: 3 lines.]");
    expect(await callTool(tool, { path: "file" }, await contextWith(""))).toBe("[The file is empty.]");
  });

  it("read_file reads by pages that fit together", async () => {
    const text = Array.from({ length: 95 }, (_, index) => `line ${index + 1}`);
    const context = await contextWith(`${text.join("\n")}\n`);
    const seen: string[] = [];
    let pages = 0;
    for (let offset: number | undefined = 1; offset !== undefined; pages++) {
      const lines: string[] = (await callTool(tool, { path: "file", offset, limit: 10 }, context)).split(
        "\n",
      );
      const footer = lines.pop() ?? "";
      seen.push(...lines.map((line) => line.slice(line.indexOf("|") + 1)));
      const next = /go on with offset (\d+)/.exec(footer)?.[1];
      offset = next === undefined ? undefined : Number(next);
    }
    expect(seen).toEqual(text);
    expect(pages).toBe(10);
  });

  it("read_file does not promise more when a page ends with the file", async () => {
    const answer = await callTool(tool, { path: "file", offset: 2, limit: 1 }, await contextWith("a\nb\n"));
    expect(answer).toBe("2|b\n[End of the file: 2 lines.]");
  });

  it("read_file says how long the file is when the page is behind its end", async () => {
    const answer = await callTool(tool, { path: "file", offset: 9 }, await contextWith("a\nb\n"));
    expect(answer).toBe("[The file ends before line 9: it has 2 lines.]");
  });

  it("cuts long lines and long pages", async () => {
    const context = await contextWith(`${"x".repeat(5_000)}\n`.repeat(100));
    const answer = await callTool(tool, { path: "file" }, context);
    expect(answer.length).toBeLessThan(55_000);
    expect(answer).toMatch(/^1\|x{2000} \[\.\.\. 3000 more characters in this line\]\n2\|/);
    expect(answer).toMatch(/\n\[There is more: go on with offset 26\.\]$/);
  });

  it("read_file reads no more of a file than the page needs", async () => {
    const context = await contextWith("line\n".repeat(1_000_000));
    let batches = 0;
    const lines: Workspace["lines"] = async function* (path, options) {
      for await (const batch of context.workspace.lines(path, options)) {
        batches++;
        yield batch;
      }
    };
    const counting = { ...context, workspace: { ...context.workspace, lines } };
    await callTool(tool, { path: "file", offset: 5, limit: 10 }, counting);
    expect(batches).toBe(1);
    const end = await callTool(tool, { path: "file", offset: 999_999, limit: 5 }, counting);
    expect(end).toBe("999999|line\n1000000|line\n[End of the file: 1000000 lines.]");
  });

  it("read_file refuses what is not a text file of the workspace", async () => {
    const context = await contextWith(Buffer.from([0x89, 0x50, 0, 1]));
    await expect(callTool(tool, { path: "file" }, context)).rejects.toThrow("binary file");
    await expect(callTool(tool, { path: "missing" }, context)).rejects.toThrow(
      "missing: there is no such file or directory.",
    );
    await expect(callTool(tool, { path: "." }, context)).rejects.toThrow("it is a directory, not a file.");
    await expect(callTool(tool, { path: "/etc/passwd" }, context)).rejects.toThrow(
      "leads out of the workspace",
    );
  });

  it("read_file takes only the arguments that it knows, within their limits", () => {
    const isValid = (args: unknown): boolean => tool.parameters.safeParse(args).success;
    expect(isValid({ path: "a" })).toBe(true);
    expect(isValid({ path: "a", offset: 0 })).toBe(false);
    expect(isValid({ path: "a", limit: 2_001 })).toBe(false);
    expect(isValid({ path: "a", lines: 3 })).toBe(false);
  });
});
