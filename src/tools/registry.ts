import { z } from "zod";
import type { JobPort } from "../domain/job.ts";
import type { CallQuestion } from "../domain/question.ts";
import type { Run, Surface, ToolSpec } from "../domain/run.ts";
import { firstLine, headAndTail } from "../lib/text.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Effect, Tool, ToolContext } from "./define.ts";
import { judged, type Policy } from "./judgement.ts";
import type { Workspace } from "./workspace.ts";

export type { Policy } from "./judgement.ts";

/** A model's call of one of our tools. */
export interface ToolCall {
  name: string;
  /** JSON text as the model wrote it. */
  arguments: string;
  callId: string;
  /** The run whose call it is. */
  run: Run;
  signal: AbortSignal;
  progress(text: string): void;
  ask?: ToolContext["ask"];
  /** The digest of the question that a person said yes to. */
  permit?: string | undefined;
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
  /** What the model is told; the same objects each time. `attended`: somebody can be asked while the run goes on. */
  offered(attended: boolean): readonly ToolSpec[];
  readonly toolsets: readonly Toolset[];
  /** The registry as runs of a surface have it, and without the tools of all other toolsets if some are named. */
  only(use: { surface: Surface; toolsets?: readonly string[] | undefined }): ToolRegistry;
  /** The real path of the directory that its tools work in. */
  readonly root: string;
  /** The registry whose tools work in a directory of the workspace alone. @throws ToolError when that cannot be. */
  within(directory: string): ToolRegistry;
  /** How progress shows a call. */
  display(call: { name: string; arguments: string }): { label: string; emoji: string };
  /** What repeating a call would do, without its arguments at worst; an unknown tool does nothing. */
  effect(call: { name: string; arguments?: string }): Effect;
  /** What a person must be asked before the call may run; undefined when there is nothing to ask. Never rejects. */
  question(call: Pick<ToolCall, "name" | "arguments" | "callId" | "run">): Promise<CallQuestion | undefined>;
  /**
   * Checks the arguments, asks the policy, and runs the call. Never throws: unknown names, wrong arguments, denials
   * and the tool's own failures are outcomes that the model reads.
   */
  call(call: ToolCall): Promise<ToolOutcome>;
}

/** What tools run with. */
export interface RegistryOptions {
  workspace: Workspace;
  sandbox: Sandbox;
  policy: Policy;
  /** Whether calls that would ask are allowed in a run where nobody can be asked; undefined: never. */
  allowsUnattended?(run: Run): boolean;
  /** The jobs that a call may see and change; undefined where there are none. */
  jobsOf?(run: Run, callId: string): JobPort;
}

/** A result longer than this is cut in the middle. */
const MAX_OUTPUT_CHARS = 100_000;
const MAX_LABEL_CHARS = 120;

/** A registry of tools whose names are unique. */
export function createRegistry(tools: readonly Tool[], options: RegistryOptions): ToolRegistry {
  return registryOf(
    tools.map((tool) => ({ tool, spec: specOf(tool) })),
    options,
  );
}

/** A tool, and what models are told of it. */
interface Entry {
  tool: Tool;
  spec: ToolSpec;
}

function registryOf(entries: readonly Entry[], options: RegistryOptions): ToolRegistry {
  const tools = entries.map(({ tool }) => tool);
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const all = entries.map(({ spec }) => spec);
  const unattended = all.filter((_spec, i) => tools[i]?.needsPerson !== true);
  const registry: ToolRegistry = {
    offered: (attended) => (attended ? all : unattended),
    toolsets: toolsetsOf(tools),
    only: ({ surface, toolsets }) => {
      if (surface !== "jobs" && toolsets === undefined) return registry;
      const isThere = ({ notInJobs, toolset }: Tool) =>
        (surface !== "jobs" || notInJobs !== true) && (toolsets?.includes(toolset) ?? true);
      const fitting = entries.filter(({ tool }) => isThere(tool));
      return registryOf(fitting, options);
    },
    get root() {
      return options.workspace.root;
    },
    within: (directory) => registryOf(entries, narrowed(options, directory)),
    display: (call) => display(byName.get(call.name), call),
    effect: (call) => effectOf(byName.get(call.name), call.arguments),
    question: (call) => questionOf(byName.get(call.name), call, options),
    call: (call) => runCall(byName.get(call.name), call, options),
  };
  return registry;
}

/** A registry without tools: whatever a model calls, it reads that there is no such tool. */
export const NO_TOOLS: ToolRegistry = {
  offered: () => [],
  toolsets: [],
  only: () => NO_TOOLS,
  root: "/",
  within: () => NO_TOOLS,
  display: (call) => display(undefined, call),
  effect: () => "read",
  question: async () => undefined,
  call: async (call) => unknownTool(call.name),
};

function narrowed(options: RegistryOptions, directory: string): RegistryOptions {
  const workspace = options.workspace.within(directory);
  return { ...options, workspace, policy: (call) => options.policy({ ...call, cwd: workspace.root }) };
}

function specOf(tool: Tool): ToolSpec {
  const { $schema: _dialect, ...parameters } = z.toJSONSchema(tool.parameters, { io: "input" });
  return { name: tool.name, description: tool.description, parameters };
}

function effectOf(tool: Tool | undefined, text: string | undefined): Effect {
  const args = tool?.effectOf && text !== undefined ? tool.parameters.safeParse(parse(text)) : undefined;
  return (args?.success ? tool?.effectOf?.(args.data) : tool?.effect) ?? "read";
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
  if (tool === undefined || (tool.needsPerson === true && call.ask === undefined))
    return unknownTool(call.name);
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
  const { callId, signal, progress, ask } = call;
  const jobs = () => options.jobsOf?.(call.run, callId);
  const problem = tool.problem?.(args.data, jobs);
  if (problem !== undefined) return failed(problem);
  const { verdict, targets, digest } = await judged(tool, args.data, { ...options, jobs });
  const isPermitted = () =>
    call.permit === digest || (call.ask === undefined && options.allowsUnattended?.(call.run) === true);
  const mayRun = verdict.verdict === "allow" || (verdict.verdict === "ask" && isPermitted());
  if (!mayRun) return failed(denial(verdict));
  const { sandbox } = options;
  const workspace = targets.length === 0 ? options.workspace : options.workspace.writingOnly(targets);
  const output = await tool.run(args.data, { callId, signal, progress, ask, workspace, sandbox, jobs });
  return { output: headAndTail(output, MAX_OUTPUT_CHARS), isError: false };
}

async function questionOf(
  tool: Tool | undefined,
  call: Pick<ToolCall, "arguments" | "callId" | "run">,
  options: RegistryOptions,
): Promise<CallQuestion | undefined> {
  const args = tool?.parameters.safeParse(parse(call.arguments));
  if (tool === undefined || args?.success !== true) return undefined;
  const jobs = () => options.jobsOf?.(call.run, call.callId);
  if (tool.problem?.(args.data, jobs) !== undefined) return undefined;
  // What cannot be judged cannot be done: the call says why.
  const judgement = await judged(tool, args.data, { ...options, jobs }).catch(() => undefined);
  if (judgement?.verdict.verdict !== "ask") return undefined;
  const { verdict, linked, digest } = judgement;
  const shown = tool.command?.(args.data) ?? `${tool.name} ${tool.preview(args.data)}`;
  return {
    tool: tool.name,
    command: linked.length === 0 ? shown : `${shown}\nleads to ${linked.join(", ")}`,
    description: verdict.reason,
    rule: verdict.rule ?? "policy",
    digest,
  };
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
