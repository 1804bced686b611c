import { hash } from "node:crypto";
import { resolve } from "node:path";
import { canonicalJson } from "../lib/json.ts";
import type { Tool } from "./define.ts";
import type { ToolPorts } from "./ports.ts";
import type { Workspace } from "./workspace.ts";

/** Whether a call may run: at once, after a person agreed, or never. */
type Verdict = { verdict: "allow" } | { verdict: "ask" | "deny"; reason: string; rule?: string };

/** Judges a call whose arguments are valid, by what it would run and write, in `cwd` where that is not the workspace. */
export type Policy = (call: {
  tool: string;
  command?: string;
  writes?: readonly string[];
  cwd?: string;
  asks?: string;
}) => Verdict;

/** What the policy says to a call as the links of the workspace lie now. */
export interface Judgement {
  verdict: Verdict;
  /** The real paths of the files that the call writes. */
  targets: readonly string[];
  /** Those that links lead to. */
  linked: readonly string[];
}

/** What calls are judged by. */
interface JudgeTerms {
  policy: Policy;
  workspace: Workspace;
  ports: ToolPorts;
}

/** Judges a call whose arguments are valid. @throws ToolError when it would write what it cannot. */
export async function judge(tool: Tool, args: unknown, terms: JudgeTerms): Promise<Judgement> {
  const { policy, workspace, ports } = terms;
  const asks = await tool.asks?.(args, ports);
  const named = tool.writes?.(args);
  const targets = (named ?? []).map((path) => workspace.target(path));
  const linked = targets.filter((target, index) => target !== resolve(workspace.root, named?.[index] ?? ""));
  const verdict = policy({
    tool: tool.name,
    ...(asks !== undefined && { asks }),
    ...(tool.command && { command: tool.command(args) }),
    ...(named && { writes: [...named, ...linked] }),
  });
  return { verdict, targets, linked };
}

/**
 * The SHA-256 of everything that decides what a call does: tool, arguments, workspace, and where links lead. A person's
 * answer counts for the calls of one digest alone.
 */
export function digestCall(
  { name }: Tool,
  args: unknown,
  { root, linked }: { root: string; linked: readonly string[] },
): string {
  return hash("sha256", canonicalJson([name, args, root, ...(linked.length > 0 ? [linked] : [])]));
}
