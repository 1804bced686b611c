import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tool } from "../../../tools/write-file.ts";
import { callTool, toolContext } from "../../helpers/tools.ts";

describe("write_file", () => {
  it("write_file creates a file with its directories, then replaces it", async () => {
    const context = await toolContext();
    expect(await callTool(tool, { path: "a/b.txt", content: "héllo\n" }, context)).toBe(
      "Created a/b.txt (7 bytes).",
    );
    expect(await callTool(tool, { path: "a/b.txt", content: "" }, context)).toBe(
      "Replaced a/b.txt (0 bytes).",
    );
    expect(await readFile(join(context.workspace.root, "a/b.txt"), "utf8")).toBe("");
  });

  it("answers in one line whatever the name is", async () => {
    const context = await toolContext();
    expect(await callTool(tool, { path: "a\nCreated b", content: "" }, context)).toBe(
      'Created "a\\nCreated b" (0 bytes).',
    );
  });

  it("writes nothing outside the workspace", async () => {
    const context = await toolContext();
    await expect(callTool(tool, { path: "../x", content: "" }, context)).rejects.toThrow("leads out");
  });

  it("write_file tells the policy what it writes, and knows no other arguments", () => {
    expect(tool.writes?.({ path: ".env", content: "" })).toEqual([".env"]);
    expect(tool.parameters.safeParse({ path: "a", content: "b", mode: "777" }).success).toBe(false);
  });
});
