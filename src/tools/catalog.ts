import type { Tool, Toolset } from "./define.ts";
import type { CallOptions } from "./prepared-call.ts";
import { createRegistry, type ToolRegistry } from "./registry.ts";
import type { ToolList, ToolSource } from "./source.ts";

/** The tools that a server's sources have now. */
export interface ToolCatalog {
  /** The registry for runs that begin now. It never changes: a run keeps the tools that it began with. */
  readonly current: ToolRegistry;
}

/** A catalog whose sources may become more. */
export interface OpenCatalog extends ToolCatalog {
  /** Adds a source, whose tools runs have that begin from now on. @throws Error as `openCatalog`. */
  add(source: ToolSource): void;
}

/** What a catalog is made from. */
interface CatalogOptions extends CallOptions {
  /** Hears about tools that are left out. */
  warn(message: string): void;
}

/**
 * Makes one catalog of several sources. Of two tools with one name the source that comes first has its own offered.
 * @throws Error when a tool's parameters have no JSON Schema.
 */
export function openCatalog(sources: readonly ToolSource[], options: CatalogOptions): OpenCatalog {
  let known = sources;
  const build = () => createRegistry(mergeLists(known, options.warn), options);
  let current = build();
  const watch = (source: ToolSource) =>
    source.onChange?.(() => {
      current = build();
    });
  for (const source of sources) watch(source);
  return {
    get current() {
      return current;
    },
    add(source) {
      known = [...known, source];
      current = build();
      watch(source);
    },
  };
}

function mergeLists(sources: readonly ToolSource[], warn: CatalogOptions["warn"]): ToolList {
  const lists = sources.map((source) => source.list());
  const tools = new Map<string, Tool>();
  for (const tool of lists.flatMap((list) => list.tools)) {
    if (tools.has(tool.name))
      warn(`A second tool named ${tool.name}, of the toolset ${tool.toolset}, is left out.`);
    else tools.set(tool.name, tool);
  }
  const toolsets: Toolset[] = lists.flatMap((list) => list.toolsets ?? []);
  return { tools: [...tools.values()], toolsets };
}
