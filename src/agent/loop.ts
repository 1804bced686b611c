import type { Context } from "../context/assemble.ts";
import { modelRequest, type StepTools, stepTools } from "../context/model-request.ts";
import { isFault, toolLoop } from "../domain/error.ts";
import type { CompletionReason, EventBody } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import {
  type FunctionCallItem,
  type FunctionCallOutputItem,
  type ItemBody,
  textMessage,
} from "../domain/item.ts";
import type { Run } from "../domain/run.ts";
import { addUsage, NO_USAGE, type Usage } from "../domain/usage.ts";
import { toEnding } from "./failure.ts";
import type { RunInteractions } from "./interactions.ts";
import { type Limits, LoopDetector, loopNotice, NO_MORE_CALLS, SUMMARY_REQUEST } from "./limits.ts";
import type { Resumption } from "./resumption.ts";
import { modelStep, type StepResult } from "./step.ts";
import { RunStop } from "./stop.ts";
import { runToolCalls } from "./tool-calls.ts";
import { Transcript } from "./transcript.ts";

/** Everything that a run needs; the agent uses nothing else. */
export interface AgentRun {
  run: Run;
  context: Context;
  /** The number of the run's first own item, which is the number of items in its stored input. */
  firstNumber: number;
  limits: Limits;
  /** Whether the upstream should stream. */
  stream: boolean;
  /** Aborted with a `RunStop` when the run must end. */
  signal: AbortSignal;
  /** Where a former process left the run. */
  resumption?: Resumption | undefined;
  /** Resolves when everything emitted so far is stored; undefined for a run that is not resumed after a crash. */
  settled?: (() => Promise<void>) | undefined;
  /** Asks people; undefined for an unattended run. */
  person?: RunInteractions | undefined;
  /** Returns the steering texts since the last call; the model reads them together with the results of its calls. */
  takeSteers?: (() => readonly string[]) | undefined;
  /** Called between steps; returns whether this process must leave the run to the next one. */
  isPausing?: (() => boolean) | undefined;
  /** Receives the run's events in order; must not throw. */
  emit(event: EventBody): void;
  /** Receives the cause of an unexpected failure, which clients do not see. */
  onFault(error: unknown, run: RunId): void;
}

/**
 * Does a run: asks the model, runs the tools it calls, and repeats until it answers with text, within the limits.
 * Never throws. The last event is exactly one terminal event, after an `item.done` for every item that was added; a
 * suspended run has neither.
 */
export function runAgent(run: AgentRun): Promise<void> {
  return new Agent(run).run();
}

type Begun = Resumption["begun"];

class Agent {
  readonly #transcript: Transcript;
  readonly #run: AgentRun;
  readonly #items: ItemBody[];
  /** What the current step offers to the model. */
  #offered: StepTools["tools"] = [];
  readonly #detector = new LoopDetector();
  #steps = 0;
  #usage: Usage = NO_USAGE;
  /** How many calls of the server's tools may still run. */
  #callsLeft: number;
  /** Whether a call has started that may have changed something. */
  #effects = false;

  constructor(run: AgentRun) {
    this.#run = run;
    this.#items = [...run.context.items];
    const first = run.resumption?.nextNumber ?? run.firstNumber;
    this.#transcript = new Transcript(run.run.id, first, run.emit);
    this.#callsLeft = run.context.input.maxToolCalls ?? Number.POSITIVE_INFINITY;
  }

  /** The only frame of a run that waits for its model: nothing below it is an async function. */
  async run(): Promise<void> {
    const { emit, resumption } = this.#run;
    if (resumption?.isStarted !== true) emit({ type: "run.started" });
    try {
      let reason = resumption && (await this.#resume(resumption));
      while (reason === undefined) {
        const step = this.#heard(await this.#ask(this.#stepTools()));
        const calls = step.items.filter((item) => item.type === "function_call");
        if (calls.length > 0) reason = await this.#act(calls);
        else reason = step.finish === "tool_calls" ? "stop" : step.finish;
      }
      emit({ type: "run.completed", reason, ...this.#totals() });
    } catch (error) {
      this.#end(error);
    }
  }

  /** Continues after what a former process did: finished steps and calls are not repeated. */
  #resume(left: Resumption): Promise<CompletionReason | undefined> | CompletionReason | undefined {
    const { emit, limits } = this.#run;
    this.#steps = left.steps;
    this.#usage = left.usage;
    this.#items.push(...left.items);
    this.#callsLeft -= left.called.length - left.begun.size;
    this.#effects = left.called.some((call) => this.#run.context.tools.mayHaveActed(call));
    this.#transcript.adopt(left.open);
    emit({ type: "step.restarted", step: Math.max(1, left.steps + (left.isCut ? 1 : 0)) });
    for (const item of left.discarded)
      this.#transcript.done({ ...item, status: "incomplete", place: "internal" });
    // Also before a step that was cut: the results of earlier calls are part of its request.
    if (left.calls.length > 0 && (left.isCut || left.steps <= limits.maxSteps))
      return this.#act(left.calls, left.begun);
    if (left.isCut || left.steps === 0) return undefined;
    return left.steps > limits.maxSteps ? "max_steps" : left.finish;
  }

  /** Runs the server's calls; returns a reason if the run ends with them. */
  async #act(calls: readonly FunctionCallItem[], begun?: Begun): Promise<CompletionReason | undefined> {
    const own = calls.filter((call) => call.executor === "server");
    await this.#call(own, begun);
    if (calls.some((call) => call.executor === "client")) return "tool_calls";
    if (this.#isTooLong()) return "length";
    return this.#steps >= this.#run.limits.maxSteps ? this.#summarize() : undefined;
  }

  #totals(): { usage: Usage; steps: number } {
    return { usage: this.#usage, steps: this.#steps };
  }

  #isTooLong(): boolean {
    const { maxOutputTokens } = this.#run.limits;
    return maxOutputTokens > 0 && this.#usage.outputTokens >= maxOutputTokens;
  }

  /** Ends a run after an error or a stop. */
  #end(error: unknown): void {
    const { signal, emit, run, onFault } = this.#run;
    const cause: unknown = signal.aborted ? signal.reason : error;
    if (cause instanceof RunStop && cause.suspends) return;
    this.#transcript.closeOpen();
    const ending = toEnding(cause, this.#totals());
    if (ending.type === "run.failed") {
      if (isFault(ending.error)) onFault(cause, run.id);
      // Repeating the request would repeat what the tools did.
      if (this.#effects) ending.error = { ...ending.error, shouldRetry: false };
    }
    emit(ending);
  }

  #stepTools(): StepTools {
    const { context, person } = this.#run;
    const { input, tools } = context;
    const attended = person !== undefined;
    return stepTools({ input, tools, attended, callsLeft: this.#callsLeft, step: this.#steps + 1 });
  }

  #ask(tools: StepTools): Promise<StepResult> {
    if (this.#run.isPausing?.() === true) throw RunStop.suspend();
    const { run, context: read, signal, emit, stream, limits } = this.#run;
    emit({ type: "step.started", step: ++this.#steps });
    this.#offered = tools.tools;
    const { input, core, instructions, target } = read;
    const { contextTokens } = limits;
    const basis = { input, core, instructions, model: run.model.served, stream, contextTokens };
    const transcript = this.#transcript;
    const step = this.#steps;
    const { provider } = target;
    const context = { provider, transcript, signal, emit, step, isClientTool: this.#isClientTool };
    return modelStep(modelRequest(basis, this.#items, tools), context);
  }

  #heard(step: StepResult): StepResult {
    this.#usage = addUsage(this.#usage, step.usage);
    for (const item of step.items) if (item.place === "output") this.#items.push(item);
    return step;
  }

  /** A client runs only tools that were offered; calls of other tools are refused here. */
  readonly #isClientTool = (name: string): boolean =>
    this.#run.context.input.tools.some((tool) => tool.name === name && this.#offered.includes(tool));

  async #call(calls: readonly FunctionCallItem[], begun?: Begun): Promise<void> {
    if (calls.length === 0) return;
    const { run, context, signal, settled, person } = this.#run;
    const results = await runToolCalls(calls, {
      run,
      tools: context.tools,
      transcript: this.#transcript,
      signal,
      settled,
      person,
      ...(begun !== undefined && { begun }),
      mayRun: this.#callsLeft,
      onEffect: () => {
        this.#effects = true;
      },
    });
    this.#items.push(...results);
    this.#callsLeft -= calls.length;
    if (this.#callsLeft <= 0 && this.#callsLeft + calls.length > 0) this.#tell(NO_MORE_CALLS);
    for (const [i, call] of calls.entries()) this.#watch(call, results[i]);
    for (const text of this.#run.takeSteers?.() ?? []) this.#steer(text);
  }

  /** Adds a steering text to the transcript; it is not part of the answer. */
  #steer(text: string): void {
    const item = this.#transcript.create({ ...textMessage("user", text), origin: "steer" }, () => false);
    this.#transcript.done({ ...item, status: "completed", place: "input" });
    this.#items.push(item);
  }

  #watch(call: FunctionCallItem, result: FunctionCallOutputItem | undefined): void {
    const { name, arguments: text } = call;
    const verdict = this.#detector.observe({ name, arguments: text, output: result?.output ?? "" });
    if (verdict === "end") throw RunStop.fail(toolLoop(call.name, this.#detector.times));
    if (verdict === "tell") this.#tell(loopNotice(call.name));
  }

  /** Adds a note for the model that no surface shows and no later run reads. */
  #tell(text: string): void {
    const item = this.#transcript.create(textMessage("user", text), () => false);
    this.#transcript.done({ ...item, status: "completed", place: "internal" });
    this.#items.push(item);
  }

  async #summarize(): Promise<CompletionReason> {
    this.#tell(SUMMARY_REQUEST);
    // A model that still calls tools is not obeyed.
    this.#heard(await this.#ask({ tools: [], choice: { mode: "none" } }));
    return "max_steps";
  }
}
