import { isSameOutput, type ToolOutput } from "../domain/tool-output.ts";

/** The limits of one run. */
export interface Limits {
  /** Model calls before the final summary. */
  maxSteps: number;
  /** Wall time, ms. */
  maxRunMs: number;
  /** Size of the model's context (input and output), tokens. */
  contextTokens: number;
  /** Output tokens of the whole run; 0 for no limit. */
  maxOutputTokens: number;
}

/** Returns the server's limits, or the request's where they are stricter. */
export function closest(
  limits: Limits,
  { maxSteps, maxRunMs, maxOutputTokens = 0 }: Partial<Omit<Limits, "contextTokens">>,
): Limits {
  const tokens = [limits.maxOutputTokens, maxOutputTokens].filter((tokens) => tokens > 0);
  return {
    ...limits,
    maxSteps: Math.min(limits.maxSteps, maxSteps ?? limits.maxSteps),
    maxRunMs: Math.min(limits.maxRunMs, maxRunMs ?? limits.maxRunMs),
    maxOutputTokens: tokens.length === 0 ? 0 : Math.min(...tokens),
  };
}

/** Identical calls with identical results in a row after which the model is warned, and after which the run ends. */
const TELL_AT = 3;
const END_AT = 5;

/** A call with its result. */
interface FinishedCall {
  name: string;
  arguments: string;
  output: ToolOutput;
}

/** Detects a model that repeats itself. */
export class LoopDetector {
  #last: FinishedCall | undefined;
  #times = 0;

  /** Records a finished call and returns what to do about it. */
  observe(call: FinishedCall): "go on" | "tell" | "end" {
    this.#times = this.#last !== undefined && isSameCall(call, this.#last) ? this.#times + 1 : 1;
    this.#last = call;
    if (this.#times >= END_AT) return "end";
    return this.#times === TELL_AT ? "tell" : "go on";
  }

  get times(): number {
    return this.#times;
  }
}

function isSameCall(one: FinishedCall, other: FinishedCall): boolean {
  const isSame = one.name === other.name && one.arguments === other.arguments;
  return isSame && isSameOutput(one.output, other.output);
}

/** What a model reads that repeats itself. */
export function loopNotice(name: string): string {
  return `[You have called ${name} ${TELL_AT} times in a row with the same arguments and got the same result. Do something different, or answer with what you know.]`;
}

/** What a model reads that has no steps left. */
export const SUMMARY_REQUEST =
  "[The step limit is reached: no more tools can be called. Answer now: say what was done, what was found, and what is left to do.]";

/** What a model reads that may not call the server's tools any more. */
export const NO_MORE_CALLS =
  "[The limit of tool calls is reached: your own tools can no longer be called. Answer with what you know.]";
