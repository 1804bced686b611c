import { z } from "zod";
import type { ToolSpec } from "../domain/run.ts";
import { firstLine, headAndTail } from "../lib/text.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Effect, Tool } from "./define.ts";
import type { Workspace } from "./workspace.ts";

/** A model's call of one of our tools. */
export interface ToolCall {
  name: string;
  /** JSON text as the model wrote it. */
  arguments: string;
  callId: string;
  signal: AbortSignal;
  progress(text: string): void;
}

/** What the model reads. */
export interface ToolOutcome {
  output: string;
  isError: boolean;
}

/** A named group of tools. */
export interface Toolset {
  name: string;
  tools: readonly string[];
}

/** The tools of a run, and the one gate in front of them. */
export interface ToolRegistry {
  /** What the model is told; the same objects each time. */
  readonly specs: readonly ToolSpec[];
  readonly toolsets: readonly Toolset[];
  /** How progress shows a call. */
  display(call: { name: string; arguments: string }): { label: string; emoji: string };
  /** What repeating a call would do; an unknown tool does nothing. */
  effect(name: string): Effect;
  /**
   * Checks the arguments, asks the policy, and runs the call. Never throws: unknown names, wrong arguments, denials
   * and the tool's own failures are outcomes that the model reads.
   */
  call(call: ToolCall): Promise<ToolOutcome>;
}

/** Whether a call may run: at once, after a person agreed, or never. */
export type Verdict = { verdict: "allow" } | { verdict: "ask" | "deny"; reason: string };

/** Judges a call whose arguments are valid, by what it would run and write. */
export type Policy = (call: { tool: string; command?: string; writes?: readonly string[] }) => Verdict;

/** What tools run with. */
export interface RegistryOptions {
  workspace: Workspace;
  sandbox: Sandbox;
  policy: Policy;
}

/** A result longer than this is cut in the middle. */
const MAX_OUTPUT_CHARS = 100_000;
const MAX_LABEL_CHARS = 120;

/** A registry of tools whose names are unique. */
export function createRegistry(tools: readonly Tool[], options: RegistryOptions): ToolRegistry {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  return {
    specs: tools.map(specOf),
    toolsets: toolsetsOf(tools),
    display: (call) => display(byName.get(call.name), call),
    effect: (name) => byName.get(name)?.effect ?? "read",
    call: (call) => runCall(byName.get(call.name), call, options),
  };
}

/** A registry without tools: whatever a model calls, it reads that there is no such tool. */
export const NO_TOOLS: ToolRegistry = {
  specs: [],
  toolsets: [],
  display: (call) => display(undefined, call),
  effect: () => "read",
  call: async (call) => unknownTool(call.name),
};

function specOf(tool: Tool): ToolSpec {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(tool.parameters, { io: "input" });
  return { name: tool.name, description: tool.description, parameters };
}

function toolsetsOf(tools: readonly Tool[]): Toolset[] {
  const sets = new Map<string, string[]>();
  for (const { toolset, name } of tools) sets.set(toolset, [...(sets.get(toolset) ?? []), name].sort());
  return [...sets].sort().map(([name, names]) => ({ name, tools: names }));
}

function display(
  tool: Tool | undefined,
  call: { name: string; arguments: string },
): { label: string; emoji: string } {
  const preview = tool === undefined ? "" : previewOf(tool, call.arguments);
  return { label: preview === "" ? call.name : preview, emoji: tool?.emoji ?? "⚙️" };
}

function previewOf(tool: Tool, text: string): string {
  try {
    const args = tool.parameters.safeParse(parse(text));
    return args.success ? firstLine(tool.preview(args.data), MAX_LABEL_CHARS) : "";
  } catch {
    // A label is worth no run.
    return "";
  }
}

async function runCall(
  tool: Tool | undefined,
  call: ToolCall,
  options: RegistryOptions,
): Promise<ToolOutcome> {
  if (tool === undefined) return unknownTool(call.name);
  try {
    return await checkAndRun(tool, call, options);
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

async function checkAndRun(tool: Tool, call: ToolCall, options: RegistryOptions): Promise<ToolOutcome> {
  const raw = parse(call.arguments);
  if (raw === undefined)
    return failed("The arguments are not valid JSON. Call the tool again with a JSON object.");
  const args = tool.parameters.safeParse(raw);
  if (!args.success) return failed(`Wrong arguments for ${tool.name}:\n${z.prettifyError(args.error)}`);
  const verdict = options.policy({
    tool: tool.name,
    ...(tool.command && { command: tool.command(args.data) }),
    ...(tool.writes && { writes: tool.writes(args.data) }),
  });
  if (verdict.verdict !== "allow") return failed(denial(verdict));
  const { callId, signal, progress } = call;
  const { workspace, sandbox } = options;
  const output = await tool.run(args.data, { callId, signal, progress, workspace, sandbox });
  return { output: headAndTail(output, MAX_OUTPUT_CHARS), isError: false };
}

function parse(text: string): unknown {
  try {
    // Models send nothing at all for a call without arguments.
    return JSON.parse(text === "" ? "{}" : text);
  } catch {
    return undefined;
  }
}

function failed(message: string): ToolOutcome {
  return { output: headAndTail(`Error: ${message}`, MAX_OUTPUT_CHARS), isError: true };
}

function unknownTool(name: string): ToolOutcome {
  return failed(`There is no tool named ${JSON.stringify(name)}. Use one of the tools you were given.`);
}

function denial({ verdict, reason }: { verdict: "ask" | "deny"; reason: string }): string {
  const why =
    verdict === "deny" ? "It is never allowed" : "It needs a person's approval, and nobody can be asked here";
  return `Not run: ${reason}. ${why}. Do not try to get around this; find another way, or tell the user what to run.`;
}
