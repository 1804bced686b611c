import { hash } from "node:crypto";
import { resolve } from "node:path";
import type { JobPort } from "../domain/job.ts";
import { canonicalJson } from "../lib/json.ts";
import type { Tool } from "./define.ts";
import type { Workspace } from "./workspace.ts";

/** Whether a call may run: at once, after a person agreed, or never. */
export type Verdict = { verdict: "allow" } | { verdict: "ask" | "deny"; reason: string; rule?: string };

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
  /** Of everything that decides what the call does. */
  digest: string;
}

/** What calls are judged by. */
export interface JudgeTerms {
  policy: Policy;
  workspace: Workspace;
  jobs(): JobPort | undefined;
}

/** Judges a call whose arguments are valid. @throws ToolError when it would write what it cannot. */
export async function judged(tool: Tool, args: unknown, terms: JudgeTerms): Promise<Judgement> {
  const { policy, workspace, jobs } = terms;
  const asks = await tool.asks?.(args, jobs);
  const named = tool.writes?.(args);
  const targets = (named ?? []).map((path) => workspace.target(path));
  const linked = targets.filter((target, index) => target !== resolve(workspace.root, named?.[index] ?? ""));
  const verdict = policy({
    tool: tool.name,
    ...(asks !== undefined && { asks }),
    ...(tool.command && { command: tool.command(args) }),
    ...(named && { writes: [...named, ...linked] }),
  });
  const parts = [tool.name, args, workspace.root, ...(linked.length > 0 ? [linked] : [])];
  return { verdict, targets, linked, digest: hash("sha256", canonicalJson(parts)) };
}
