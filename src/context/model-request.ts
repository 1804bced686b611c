import type { ItemBody } from "../domain/item.ts";
import type { RunInput, ToolChoice, ToolSpec } from "../domain/run.ts";
import type { ModelRequest } from "../providers/provider.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import type { Context } from "./assemble.ts";
import { fitToModel } from "./fit.ts";

/** The tools that a step offers, and whether the model must call one. */
export interface StepTools {
  tools: readonly ToolSpec[];
  choice: ToolChoice;
}

const AUTO: ToolChoice = { mode: "auto" };

/** What decides which tools a step offers. */
interface StepTerms {
  input: RunInput;
  /** The server's tools that the run may use. */
  tools: ToolRegistry;
  /** Whether people can be asked while the run is going on. */
  attended: boolean;
  /** How many calls of the server's tools may still run. */
  callsLeft: number;
  /** The number of the step, starting at 1. */
  step: number;
}

/**
 * Selects the tools of a step. A required or named choice is for the first step, which offers only those tools (without
 * names the client's); later steps offer all. A client's tool hides the server's tool of the same name.
 */
export function stepTools({ input, tools, attended, callsLeft, step }: StepTerms): StepTools {
  const { tools: clients, toolChoice } = input;
  const { mode, names } = toolChoice;
  if (mode === "none") return { tools: [], choice: toolChoice };
  if (step === 1 && mode === "required" && names === undefined) return { tools: clients, choice: toolChoice };
  const own = callsLeft > 0 ? tools.offered(attended) : [];
  const all = clients.length === 0 ? own : withoutTwins(own, clients);
  if (step > 1 || names === undefined) return { tools: all, choice: AUTO };
  return { tools: all.filter(({ name }) => names.includes(name)), choice: toolChoice };
}

function withoutTwins(own: readonly ToolSpec[], clients: readonly ToolSpec[]): ToolSpec[] {
  const taken = new Set(clients.map(({ name }) => name));
  return [...own.filter(({ name }) => !taken.has(name)), ...clients];
}

/** What all steps of a run share. */
interface RequestBasis {
  input: RunInput;
  /** The model id sent upstream. */
  model: string;
  core: string;
  instructions: string | undefined;
  /** Whether the upstream should stream. */
  stream: boolean;
  /** Size of the model's context (input and output), tokens. */
  contextTokens: number;
}

/** Builds a model call; with `truncation: auto`, only with as many of the latest items as fit. */
export function modelRequest(
  { input, model, core, instructions, stream, contextTokens }: RequestBasis,
  items: readonly ItemBody[],
  { tools, choice }: StepTools,
): ModelRequest {
  const { settings } = input;
  const request = { model, core, instructions, items, tools, toolChoice: choice, settings, stream };
  return input.truncation === "auto" ? fitToModel(request, contextTokens) : request;
}

/** Builds the first model call of a run to measure its length; nothing is streamed. */
export function firstRequest(context: Context, contextTokens: number): ModelRequest {
  const { input, tools, target, core, instructions, items } = context;
  const callsLeft = input.maxToolCalls ?? Number.POSITIVE_INFINITY;
  const offered = stepTools({ input, tools, attended: input.attended === true, callsLeft, step: 1 });
  const basis = { input, model: target.model, core, instructions, stream: false, contextTokens };
  return modelRequest(basis, items, offered);
}
