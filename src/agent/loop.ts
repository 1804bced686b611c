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

/** Everything a run needs; nothing else reaches the agent. */
export interface AgentRun {
  run: Run;
  context: Context;
  /** The number of the run's first own item: how many its stored input has. */
  firstNumber: number;
  limits: Limits;
  /** Whether to ask upstream for a stream. */
  stream: boolean;
  /** Aborted with a `RunStop` when the run must end. */
  signal: AbortSignal;
  /** Where a former process left the run. */
  resumption?: Resumption | undefined;
  /** Resolves when everything emitted so far is stored; undefined where nobody goes on after a crash. */
  settled?: (() => Promise<void>) | undefined;
  /** Who is asked what nobody else may decide; undefined: nobody is there. */
  person?: RunInteractions | undefined;
  /** What people have put in since the last time it was asked; it reaches the model with the results of its calls. */
  takeSteers?: (() => readonly string[]) | undefined;
  /** Asked between steps: whether this process shall go no further with the run. */
  isPausing?: (() => boolean) | undefined;
  /** Takes what happens, in order; must not throw. */
  emit(event: EventBody): void;
  /** Gets the cause of an unexpected failure, which no client is told. */
  onFault(error: unknown, run: RunId): void;
}

/**
 * Does a run: asks the model, runs the tools it calls, and repeats until it answers with text, within the limits.
 * Never throws; the last thing it emits is exactly one terminal event, after an `item.done` for every item begun, or
 * nothing of that when the run is suspended.
 */
export function runAgent(run: AgentRun): Promise<void> {
  return new Agent(run).run();
}

type Begun = Resumption["begun"];

class Agent {
  readonly #transcript: Transcript;
  readonly #run: AgentRun;
  readonly #items: ItemBody[];
  /** What the current step offers. */
  #offered: StepTools["tools"] = [];
  readonly #detector = new LoopDetector();
  #steps = 0;
  #usage: Usage = NO_USAGE;
  /** How many calls of the server's tools may still be run. */
  #callsLeft: number;
  /** Whether a call started that may have changed something. */
  #effects = false;

  constructor(run: AgentRun) {
    this.#run = run;
    this.#items = [...run.context.items];
    const first = run.resumption?.nextNumber ?? run.firstNumber;
    this.#transcript = new Transcript(run.run.id, first, run.emit);
    this.#callsLeft = run.context.input.maxToolCalls ?? Number.POSITIVE_INFINITY;
  }

  /** The one frame of a run that waits for its model: nothing below it is an async function. */
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

  /** Takes up what a former process did: finished steps are not asked again, finished calls not made again. */
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
    // Also before a step that was cut: the results of the calls before it are part of what it is asked with.
    if (left.calls.length > 0 && (left.isCut || left.steps <= limits.maxSteps))
      return this.#act(left.calls, left.begun);
    if (left.isCut || left.steps === 0) return undefined;
    return left.steps > limits.maxSteps ? "max_steps" : left.finish;
  }

  /** Runs the server's calls; a reason when the run ends with them. */
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

  /** Something was thrown, or the run was told to stop. */
  #end(error: unknown): void {
    const { signal, emit, run, onFault } = this.#run;
    const cause: unknown = signal.aborted ? signal.reason : error;
    if (cause instanceof RunStop && cause.suspends) return;
    this.#transcript.closeOpen();
    const ending = toEnding(cause, this.#totals());
    if (ending.type === "run.failed") {
      if (isFault(ending.error)) onFault(cause, run.id);
      // A repeated request would do again what the tools did.
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

  /** A client runs only what it was offered to be asked for; what a model makes up is ours to refuse. */
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

  /** A person's words in the middle of the run: part of the transcript, and no answer. */
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

  /** Says something to the model that no surface shows and no later run reads. */
  #tell(text: string): void {
    const item = this.#transcript.create(textMessage("user", text), () => false);
    this.#transcript.done({ ...item, status: "completed", place: "internal" });
    this.#items.push(item);
  }

  async #summarize(): Promise<CompletionReason> {
    this.#tell(SUMMARY_REQUEST);
    // A model that calls tools even so is not obeyed.
    this.#heard(await this.#ask({ tools: [], choice: { mode: "none" } }));
    return "max_steps";
  }
}
