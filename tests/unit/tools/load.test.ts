import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { loadTools, TOOLS_DIRECTORY } from "../../../src/tools/load.ts";
import { temporaryDirectory } from "../../helpers/directory.ts";
import { filesIn, ROOT } from "../../helpers/sources.ts";

const ZOD = pathToFileURL(join(ROOT, "node_modules", "zod", "index.js")).href;
const source = (name: string) => `import { z } from ${JSON.stringify(ZOD)};
export const tool = {
  name: ${JSON.stringify(name)}, toolset: "test", description: "", emoji: "", effect: "read",
  parameters: z.strictObject({}), preview: () => "", run: async () => ${JSON.stringify(name)},
};
`;

async function directoryOf(files: Record<string, string>): Promise<URL> {
  const directory = await temporaryDirectory();
  for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text);
  return pathToFileURL(`${directory}/`);
}

it("a file that is dropped into the directory is a tool; others are left alone", async () => {
  const directory = await directoryOf({
    "b.js": source("zebra"),
    "a.js": source("yak"),
    "notes.md": "# no tool",
  });
  expect((await loadTools(directory)).list().tools.map(({ name }) => name)).toEqual(["yak", "zebra"]);
});

it("an empty directory has no tools", async () => {
  const source = await loadTools(await directoryOf({}));
  expect(source.list()).toEqual({ tools: [], toolsets: [] });
});

it("two tools of one name, and a file without a tool, are told by their place", async () => {
  const twice = await directoryOf({
    "a.js": source("same"),
    "b.js": source("same"),
    "c.js": source("other"),
  });
  await expect(loadTools(twice)).rejects.toThrow(/define the tool same/);
  const none = await directoryOf({ "a.js": "export const nothing = 1;" });
  await expect(loadTools(none)).rejects.toThrow(/a\.js exports no tool/);
});

it("every file in tools/ is a tool, under the name of its file", async () => {
  const { tools } = (await loadTools(TOOLS_DIRECTORY)).list();
  const names = filesIn("tools").map((file) => file.replace(/^tools\/|\.ts$/g, "").replaceAll("-", "_"));
  expect(tools.map(({ name }) => name)).toEqual(names.sort());
});
