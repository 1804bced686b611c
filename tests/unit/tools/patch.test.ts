import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { tool } from "../../../tools/patch.ts";
import { callTool, toolContext } from "../../helpers/tools.ts";

interface Edit {
  old_string: string;
  new_string: string;
  replace_all?: boolean;
}

/** A file with this content, and the means to patch and to read it. */
async function file(content: string) {
  const context = await toolContext();
  const path = join(context.workspace.root, "file");
  await writeFile(path, content);
  const patch = (edit: Edit): Promise<string> => callTool(tool, { path: "file", ...edit }, context);
  return { patch, text: () => readFile(path, "utf8"), context };
}

describe("patch", () => {
  it("patch replaces text that is there once, and says where", async () => {
    const { patch, text } = await file("one\ntwo\nthree\n");
    expect(await patch({ old_string: "two\nthree", new_string: "2\n3" })).toBe("Changed file at line 2.");
    expect(await text()).toBe("one\n2\n3\n");
  });

  it("patch takes all characters as they are", async () => {
    const { patch, text } = await file("cost: $1 (.*)\n");
    await patch({ old_string: "$1 (.*)", new_string: "$& $$ $` \\n" });
    expect(await text()).toBe("cost: $& $$ $` \\n\n");
  });

  it("patch replaces every occurrence when asked", async () => {
    const { patch, text } = await file("a b\na\n\na a");
    expect(await patch({ old_string: "a", new_string: "aa", replace_all: true })).toBe(
      "Changed file at 4 places, lines 1, 2, 4, 4.",
    );
    expect(await text()).toBe("aa b\naa\n\naa aa");
  });

  it("patch changes nothing when the text is there more than once, and says where", async () => {
    const { patch, text } = await file("x\ny\nx\n");
    await expect(patch({ old_string: "x", new_string: "z" })).rejects.toThrow(
      "in the file 2 times, at lines 1, 3.",
    );
    expect(await text()).toBe("x\ny\nx\n");
  });

  it("patch replaces 10,000 occurrences, and of more changes none", async () => {
    const most = "a\n".repeat(10_000);
    const { patch, text } = await file(most);
    expect(await patch({ old_string: "a", new_string: "b", replace_all: true })).toContain("at 10000 places");
    expect(await text()).toBe("b\n".repeat(10_000));
    const more = await file(`${most}a`);
    const edit = { old_string: "a", new_string: "b", replace_all: true };
    await expect(more.patch(edit)).rejects.toThrow("more than 10000 times. Make it longer");
    expect(await more.text()).toBe(`${most}a`);
  });

  it("patch makes no file that is too big to be edited again", async () => {
    const { patch, text } = await file("a".repeat(10_000));
    const edit = { old_string: "a", new_string: "b".repeat(1_001), replace_all: true };
    await expect(patch(edit)).rejects.toThrow("over 10 MB");
    expect(await text()).toBe("a".repeat(10_000));
  });

  it("patch says of a text that is not in a long file no more than that", async () => {
    const { patch } = await file("a\n".repeat(500_001));
    await expect(patch({ old_string: "a\nb", new_string: "c" })).rejects.toThrow(
      "old_string is not in the file. Read the file again: it may have changed.",
    );
  });

  it("patch keeps CRLF line ends whatever the model writes", async () => {
    for (const end of ["\n", "\r\n"]) {
      const { patch, text } = await file("one\r\ntwo\r\nthree\r\n");
      await patch({ old_string: `one${end}two`, new_string: `1${end}1b${end}2` });
      expect(await text()).toBe("1\r\n1b\r\n2\r\nthree\r\n");
    }
  });

  it("patch leaves a file of mixed line ends as it is", async () => {
    const { patch, text } = await file("a\r\nb\nc\r\n");
    await patch({ old_string: "b\nc", new_string: "b\nd" });
    expect(await text()).toBe("a\r\nb\nd\r\n");
  });

  const hints: [name: string, old: string, hint: string][] = [
    ["indentation differs", "if (a) {\nreturn b;\n}", "Only its white space differs from the text at line 2"],
    [
      "only the first line is there",
      "if (a) {\nreturn c;",
      "Its first line is at line 2, but what follows differs",
    ],
    [
      "line numbers were copied",
      "2|  if (a) {\n3|    return b;",
      "It seems to hold the line numbers of read_file",
    ],
    ["nothing is like it", "no such text", "Read the file again"],
    ["it is blank", "\n\n\n\n", "Read the file again"],
  ];
  it.each(hints)("patch helps when the text is not there: %s", async (_, old_string, hint) => {
    const { patch, text } = await file("f() {\n  if (a) {\n    return b;\n  }\n}\n");
    await expect(patch({ old_string, new_string: "" })).rejects.toThrow(
      `file: old_string is not in the file. ${hint}`,
    );
    expect(await text()).toBe("f() {\n  if (a) {\n    return b;\n  }\n}\n");
  });

  it("patch applies parallel patches of one file one after the other", async () => {
    const { patch, text } = await file("a b c d e f");
    const letters = ["a", "b", "c", "d", "e", "f"];
    await Promise.all(
      letters.map((letter) => patch({ old_string: letter, new_string: letter.toUpperCase() })),
    );
    expect(await text()).toBe("A B C D E F");
  });

  it("patch refuses an edit that changes nothing, a missing file and unknown arguments", async () => {
    const { patch, context } = await file("a");
    await expect(patch({ old_string: "a", new_string: "a" })).rejects.toThrow("are the same");
    await expect(callTool(tool, { path: "b", old_string: "a", new_string: "c" }, context)).rejects.toThrow(
      "no such file",
    );
    expect(tool.parameters.safeParse({ path: "a", old_string: "", new_string: "b" }).success).toBe(false);
    expect(
      tool.parameters.safeParse({ path: "a", old_string: "a", new_string: "b", fuzzy: true }).success,
    ).toBe(false);
  });
});
