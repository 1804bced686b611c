import { readdir } from "node:fs/promises";
import type { Tool, Toolset } from "./define.ts";
import type { ToolSource } from "./source.ts";

/** Where the tools lie: beside the sources, or beside the built program. */
export const TOOLS_DIRECTORY = new URL(
  import.meta.url.endsWith(".ts") ? "../../tools/" : "./tools/",
  import.meta.url,
);

/**
 * Loads every tool of a directory: a file that exports `tool` is the whole registration. It may also export the `toolset`
 * that describes its tool's group. Sorted by name, so that the prompt is the same each time.
 * @throws Error for a file that exports no tool, and for two tools of one name.
 */
export async function loadTools(directory: URL): Promise<ToolSource> {
  const files = (await readdir(directory)).filter((file) => /\.(ts|js)$/.test(file));
  const loaded = await Promise.all(files.map((file) => loadFile(new URL(file, directory))));
  const tools = loaded.map(({ tool }) => tool).sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = tools.find((tool, index) => tools[index + 1]?.name === tool.name);
  if (twice !== undefined)
    throw new Error(`Two files in ${directory.pathname} define the tool ${twice.name}.`);
  const list = { tools, toolsets: loaded.flatMap(({ toolset }) => toolset ?? []) };
  return { list: () => list };
}

interface ToolFile {
  tool: Tool;
  toolset?: Toolset;
}

async function loadFile(file: URL): Promise<ToolFile> {
  const exports = (await import(file.href)) as Partial<ToolFile>;
  if (exports.tool === undefined) throw new Error(`${file.pathname} exports no tool.`);
  return { ...exports, tool: exports.tool };
}
