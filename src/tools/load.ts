import { readdir } from "node:fs/promises";
import type { Tool } from "./define.ts";

/** Where the tools lie: beside the sources, or beside the built program. */
export const TOOLS_DIRECTORY = new URL(
  import.meta.url.endsWith(".ts") ? "../../tools/" : "./tools/",
  import.meta.url,
);

/**
 * Loads every tool of a directory: a file that exports `tool` is the whole registration. Sorted by name, so that the
 * prompt is the same each time.
 * @throws Error for a file that exports no tool, and for two tools of one name.
 */
export async function loadTools(directory: URL): Promise<Tool[]> {
  const files = (await readdir(directory)).filter((file) => /\.(ts|js)$/.test(file));
  const tools = await Promise.all(files.map((file) => loadTool(new URL(file, directory))));
  tools.sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = tools.find((tool, index) => tools[index + 1]?.name === tool.name);
  if (twice !== undefined)
    throw new Error(`Two files in ${directory.pathname} define the tool ${twice.name}.`);
  return tools;
}

async function loadTool(file: URL): Promise<Tool> {
  const { tool } = (await import(file.href)) as { tool?: Tool };
  if (tool === undefined) throw new Error(`${file.pathname} exports no tool.`);
  return tool;
}
