import type { CallDescription } from "../domain/interactions.ts";
import type { Run } from "../domain/run.ts";
import { cutTexts, type ToolOutput } from "../domain/tool-output.ts";
import { firstLine, headAndTail } from "../lib/text.ts";
import type { Sandbox } from "../sandbox/sandbox.ts";
import type { Effect, Tool, ToolContext, ToolResult } from "./define.ts";
import { digestCall, type Judgement, judge, type Policy } from "./judgement.ts";
import type { CheckedArguments, CompiledTool } from "./parameters.ts";
import type { PortsFor, ToolPorts } from "./ports.ts";
import type { Workspace } from "./workspace.ts";

/** A model's call of one of the server's tools. */
export interface ToolCall {
  name: string;
  /** JSON text as the model wrote it. */
  arguments: string;
  callId: string;
  /** The run whose call it is. */
  run: Run;
}

/** What a call runs with. */
export interface CallTerms extends Pick<ToolContext, "signal" | "progress" | "ask"> {
  /** The digest of the question that a person answered with yes. */
  permit?: string | undefined;
}

/** What the model reads. */
export interface ToolOutcome {
  output: ToolOutput;
  isError: boolean;
}

/** How progress views show a call: a short preview of its arguments and a symbol. */
interface CallDisplay {
  label: string;
  emoji: string;
}

/** A call whose arguments are parsed and validated. Nothing has run; none of its methods throws or rejects. */
export interface PreparedCall {
  /** What repeating the call would do; an unknown tool does nothing. */
  readonly effect: Effect;
  readonly display: CallDisplay;
  /** Judges the call; resolves with what a person must be asked before it may run, or undefined for nothing. */
  question(): Promise<CallDescription | undefined>;
  /**
   * Judges the call as things are now, and runs it. Unknown names, wrong arguments, denials and the tool's own failures
   * are outcomes that the model reads.
   */
  run(terms: CallTerms): Promise<ToolOutcome>;
}

/** What calls are judged by and run with. */
export interface CallOptions {
  workspace: Workspace;
  sandbox: Sandbox;
  policy: Policy;
  /** Whether calls that would ask are allowed in a run where nobody can be asked; undefined: never. */
  allowsUnattended?(run: Run): boolean;
  /** Undefined where the server offers tools no services. */
  portsFor?: PortsFor;
}

/** Longer texts of a result are cut in the middle. */
const MAX_OUTPUT_CHARS = 100_000;
/** What the URLs of a result's images may have together: about 6 MB of data. Images beyond that are left out. */
const MAX_IMAGE_CHARS = 8_000_000;
/** Parts of a result at most; the others are left out. */
const MAX_PARTS = 1_000;
const MAX_LABEL_CHARS = 120;

/** Parses and validates a call's arguments, once for everything that is done with it. `tool`: undefined for an unknown name. */
export function prepareCall(
  tool: CompiledTool | undefined,
  call: ToolCall,
  options: CallOptions,
): PreparedCall {
  return tool === undefined ? new UnknownCall(call.name) : new KnownCall(tool, call, options);
}

/** A call of a tool that does not exist. */
export class UnknownCall implements PreparedCall {
  readonly effect = "read";
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  get display(): CallDisplay {
    return { label: this.#name, emoji: "⚙️" };
  }

  async question(): Promise<undefined> {}

  async run(): Promise<ToolOutcome> {
    return failWith(unknownTool(this.#name));
  }
}

class KnownCall implements PreparedCall {
  readonly effect: Effect;
  readonly #tool: Tool;
  readonly #call: ToolCall;
  readonly #options: CallOptions;
  readonly #checked: CheckedArguments;

  constructor({ tool, check }: CompiledTool, call: ToolCall, options: CallOptions) {
    this.#tool = tool;
    this.#call = call;
    this.#options = options;
    this.#checked = check(call.arguments);
    this.effect = chooseEffect(tool, this.#checked);
  }

  get display(): CallDisplay {
    const { name, emoji } = this.#tool;
    return { label: this.#preview() || name, emoji };
  }

  async question(): Promise<CallDescription | undefined> {
    if ("problem" in this.#checked) return undefined;
    try {
      return await this.#ask(this.#checked.args);
    } catch {
      // What cannot be judged cannot be done: running it says why.
      return undefined;
    }
  }

  async run(terms: CallTerms): Promise<ToolOutcome> {
    const checked = this.#checked;
    if (this.#tool.needsPerson === true && terms.ask === undefined)
      return failWith(unknownTool(this.#call.name));
    if ("problem" in checked) return failWith(checked.problem);
    try {
      return await this.#run(checked.args, terms);
    } catch (error) {
      return failWith(error instanceof Error ? error.message : String(error));
    }
  }

  #preview(): string {
    if ("problem" in this.#checked) return "";
    try {
      return firstLine(this.#tool.preview(this.#checked.args), MAX_LABEL_CHARS);
    } catch {
      // A label is worth no run.
      return "";
    }
  }

  async #ask(args: unknown): Promise<CallDescription | undefined> {
    const tool = this.#tool;
    const ports = this.#ports();
    if (tool.problem?.(args, ports) !== undefined) return undefined;
    const { verdict, linked } = await this.#judge(args, ports);
    if (verdict.verdict !== "ask") return undefined;
    const shown = tool.command?.(args) ?? `${tool.name} ${tool.preview(args)}`;
    return {
      tool: tool.name,
      command: linked.length === 0 ? shown : `${shown}\nleads to ${linked.join(", ")}`,
      description: verdict.reason,
      rule: verdict.rule ?? "policy",
      digest: this.#digest(args, linked),
    };
  }

  async #run(args: unknown, { signal, progress, ask, permit }: CallTerms): Promise<ToolOutcome> {
    const { sandbox, workspace: whole, allowsUnattended } = this.#options;
    const { callId, run } = this.#call;
    const ports = this.#ports();
    const problem = this.#tool.problem?.(args, ports);
    if (problem !== undefined) return failWith(problem);
    const { verdict, targets, linked } = await this.#judge(args, ports);
    const isPermitted = () =>
      permit === this.#digest(args, linked) || (ask === undefined && allowsUnattended?.(run) === true);
    const mayRun = verdict.verdict === "allow" || (verdict.verdict === "ask" && isPermitted());
    if (!mayRun) return failWith(explainDenial(verdict));
    const workspace = targets.length === 0 ? whole : whole.writingOnly(targets);
    const output = await this.#tool.run(args, { callId, signal, progress, ask, workspace, sandbox, ports });
    return { output: limitResult(output), isError: false };
  }

  #judge(args: unknown, ports: ToolPorts): Promise<Judgement> {
    const { policy, workspace } = this.#options;
    return judge(this.#tool, args, { policy, workspace, ports });
  }

  #digest(args: unknown, linked: readonly string[]): string {
    return digestCall(this.#tool, args, { root: this.#options.workspace.root, linked });
  }

  #ports(): ToolPorts {
    return this.#options.portsFor?.(this.#call.run, this.#call.callId) ?? {};
  }
}

function chooseEffect(tool: Tool, checked: CheckedArguments): Effect {
  if (tool.effectOf === undefined || "problem" in checked) return tool.effect;
  try {
    return tool.effectOf(checked.args);
  } catch {
    return tool.effect;
  }
}

function limitResult(output: ToolResult): ToolOutput {
  if (typeof output === "string") return headAndTail(output, MAX_OUTPUT_CHARS);
  let left = MAX_IMAGE_CHARS;
  return cutTexts(output.slice(0, MAX_PARTS), MAX_OUTPUT_CHARS).map((part) => {
    if (part.type !== "input_image") return part;
    if (part.image_url.length > left) return IMAGE_LEFT_OUT;
    left -= part.image_url.length;
    return part;
  });
}

const IMAGE_LEFT_OUT = { type: "input_text", text: "[An image is left out: it is too big.]" } as const;

function failWith(message: string): ToolOutcome {
  return { output: headAndTail(`Error: ${message}`, MAX_OUTPUT_CHARS), isError: true };
}

function unknownTool(name: string): string {
  return `There is no tool named ${JSON.stringify(name)}. Use one of the tools you were given.`;
}

function explainDenial({ verdict, reason }: { verdict: "ask" | "deny"; reason: string }): string {
  const why =
    verdict === "deny" ? "It is never allowed" : "It needs a person's approval, and nobody can be asked here";
  return `Not run: ${reason}. ${why}. Do not try to get around this; find another way, or tell the user what to run.`;
}
