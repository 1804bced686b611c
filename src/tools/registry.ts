import type { ToolSpec } from "../domain/run.ts";
import type { Tool, Toolset } from "./define.ts";
import { type CompiledTool, compileTool } from "./parameters.ts";
import {
  type CallOptions,
  type PreparedCall,
  prepareCall,
  type ToolCall,
  UnknownCall,
} from "./prepared-call.ts";
import type { ToolList } from "./source.ts";

/** A group of tools, and the names of those that are here. */
export interface ListedToolset extends Toolset {
  tools: readonly string[];
}

/** The tools of a run, and the one gate in front of them. It never changes. */
export interface ToolRegistry {
  /** What the model is told; the same objects each time. `attended`: somebody can be asked while the run goes on. */
  offered(attended: boolean): readonly ToolSpec[];
  has(name: string): boolean;
  /** Sorted by name. */
  readonly toolsets: readonly ListedToolset[];
  /** The registry as runs have it, those of jobs or others, and without the tools of all other toolsets if some are named. */
  only(use: { forJob: boolean; toolsets?: readonly string[] | undefined }): ToolRegistry;
  /** The real path of the directory that its tools work in. */
  readonly root: string;
  /** The registry whose tools work in a directory of the workspace alone. @throws ToolError when that cannot be. */
  within(directory: string): ToolRegistry;
  /**
   * Whether a call that began, perhaps in a former process, may have changed something. A tool that is gone may have; only
   * its failure is taken for that of a name that no tool ever had.
   */
  mayHaveActed(call: { name: string; is_error?: boolean }): boolean;
  /** Parses and validates a call's arguments; what follows is done with the prepared call. Never throws. */
  prepare(call: ToolCall): PreparedCall;
}

/** Creates a registry of tools whose names are unique. @throws Error when a tool's parameters have no JSON Schema. */
export function createRegistry({ tools, toolsets = [] }: ToolList, options: CallOptions): ToolRegistry {
  const entries = tools.map((tool) => createEntry(compileTool(tool)));
  return fromEntries(entries, { ...options, toolsets });
}

interface RegistryOptions extends CallOptions {
  toolsets: readonly Toolset[];
}

interface Entry extends CompiledTool {
  /** What models are told of the tool. */
  spec: ToolSpec;
}

function createEntry(compiled: CompiledTool): Entry {
  const { name, description } = compiled.tool;
  return { ...compiled, spec: { name, description, parameters: compiled.schema } };
}

function fromEntries(entries: readonly Entry[], options: RegistryOptions): ToolRegistry {
  const tools = entries.map(({ tool }) => tool);
  const byName = new Map(entries.map((entry) => [entry.tool.name, entry]));
  const all = entries.map(({ spec }) => spec);
  const unattended = all.filter((_spec, i) => tools[i]?.needsPerson !== true);
  const registry: ToolRegistry = {
    offered: (attended) => (attended ? all : unattended),
    has: (name) => byName.has(name),
    get toolsets() {
      return groupTools(tools, options.toolsets);
    },
    only: ({ forJob, toolsets }) => {
      if (!forJob && toolsets === undefined) return registry;
      const isThere = ({ notInJobs, toolset }: Tool) =>
        (!forJob || notInJobs !== true) && (toolsets?.includes(toolset) ?? true);
      const fitting = entries.filter(({ tool }) => isThere(tool));
      return fromEntries(fitting, options);
    },
    get root() {
      return options.workspace.root;
    },
    within: (directory) => fromEntries(entries, narrow(options, directory)),
    mayHaveActed: ({ name, is_error }) => {
      const effect = byName.get(name)?.tool.effect;
      return effect === undefined ? is_error !== true : effect !== "read";
    },
    prepare: (call) => prepareCall(byName.get(call.name), call, options),
  };
  return registry;
}

/** A registry without tools: whatever a model calls, it reads that there is no such tool. */
export const NO_TOOLS: ToolRegistry = {
  offered: () => [],
  has: () => false,
  toolsets: [],
  only: () => NO_TOOLS,
  root: "/",
  within: () => NO_TOOLS,
  mayHaveActed: ({ is_error }) => is_error !== true,
  prepare: ({ name }) => new UnknownCall(name),
};

function narrow(options: RegistryOptions, directory: string): RegistryOptions {
  const workspace = options.workspace.within(directory);
  return { ...options, workspace, policy: (call) => options.policy({ ...call, cwd: workspace.root }) };
}

function groupTools(tools: readonly Tool[], described: readonly Toolset[]): ListedToolset[] {
  const names = [...new Set(tools.map(({ toolset }) => toolset))].sort();
  return names.map((name) => {
    const toolset = described.find((one) => one.name === name) ?? { name, label: name, description: "" };
    const members = tools.filter((tool) => tool.toolset === name);
    return { ...toolset, tools: members.map((tool) => tool.name).sort() };
  });
}
