import { endingOf } from "../agent/failure.ts";
import { closest, type Limits } from "../agent/limits.ts";
import { runAgent } from "../agent/loop.ts";
import type { Resumption } from "../agent/resumption.ts";
import { RunStop } from "../agent/stop.ts";
import type { Asked } from "../domain/asked.ts";
import { isFault, runTimeout } from "../domain/error.ts";
import type { Run, RunInput, RunStatus } from "../domain/run.ts";
import type { PromptSnapshot } from "../domain/session.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { Target } from "../providers/resolve.ts";
import type { SessionLease } from "../sessions/service.ts";
import type { Plan } from "../storage/store.ts";
import { NO_TOOLS, type ToolRegistry } from "../tools/registry.ts";
import type { RunDeps } from "./deps.ts";
import type { Reader } from "./follow.ts";
import { inputItemsOf } from "./input-items.ts";
import { Questions } from "./questions.ts";
import { STATELESS_RETENTION_MS } from "./retention.ts";
import type { RunLog } from "./run-log.ts";
import type { Slot } from "./slots.ts";
import { type History, type Start, startOf } from "./start.ts";

/** How far a run is, as those who may act on it see it. */
export type LiveStatus = RunStatus | "stopping" | "waiting_for_approval" | "waiting_for_input";

/** What an active run is made of. */
export interface RunParts {
  run: Run;
  target: Target;
  log: RunLog;
  /** Undefined for a run of a session, whose history is known at its turn. */
  history: History | undefined;
  /** The core prompt that its chain began with; undefined for a run that nothing goes on from. */
  prompt?: PromptSnapshot | undefined;
  tools: ToolRegistry;
  /** Where a former process left it. */
  resumption?: Resumption | undefined;
  /** What a former process asked people. */
  asked?: ReadonlyMap<string, Asked> | undefined;
  slot: Slot;
  /** Told when the run has ended and its session is free. */
  onEnd(run: ActiveRun): void;
}

/** One run from its admission to its end. */
export class ActiveRun {
  readonly run: Run;
  /** What it asks people; undefined when nobody is there. */
  readonly questions: Questions | undefined;
  readonly #deps: RunDeps;
  readonly #input: RunInput;
  readonly #parts: RunParts;
  readonly #log: RunLog;
  readonly #abort = new AbortController();
  #isPausing = false;
  /** Put in, and not read by the model yet. */
  #steers: string[] | undefined;
  #isRunning = false;
  /** As it was stored when the run was taken on here. */
  #plan: Plan | undefined;

  constructor(deps: RunDeps, input: RunInput, parts: RunParts) {
    this.#deps = deps;
    this.#input = input;
    this.#parts = parts;
    this.run = parts.run;
    this.#steers = parts.resumption?.steers;
    this.#log = parts.log;
    this.#log.onBroken((failure) => this.stop(RunStop.fail(failure)));
    this.questions = this.run.attended === true ? this.#openQuestions() : undefined;
  }

  #openQuestions(): Questions {
    const { store, clock, approvalTimeoutMs } = this.#deps;
    const { asked, slot } = this.#parts;
    return new Questions({
      log: this.#log,
      store,
      clock,
      timeoutMs: approvalTimeoutMs,
      signal: this.#abort.signal,
      asked,
      // Waiting for people is no work.
      onWaiting: (isWaiting) => (isWaiting ? slot.lend() : slot.takeBack()),
    });
  }

  /** Gives a reader every event from the first on, if called before `begin`; resolves after the last or when it is gone. */
  follow(reader: Reader): Promise<void> {
    return this.#deps.log.follow(this.run.id, { afterSeq: 0, reader });
  }

  /** Resolves when the terminal event is published. */
  get ended(): Promise<void> {
    return this.#log.ended;
  }

  /** How far it is. */
  get status(): LiveStatus {
    if (this.#abort.signal.aborted) return "stopping";
    const { status } = this.#log;
    const waitingFor = status === "running" ? this.questions?.waitingFor : undefined;
    return waitingFor === undefined ? status : `waiting_for_${waitingFor}`;
  }

  /** Ends the run early; without effect when it has ended. */
  stop(stop: RunStop): void {
    this.#abort.abort(stop);
  }

  /**
   * Stores what a later process needs to go on with the run: from here on it has an end, whatever happens to this
   * process.
   * @throws ApiError when it cannot be stored; the run is over then, and nothing of it is left.
   */
  async accept(attempts: number): Promise<void> {
    const added = this.#parts.history?.added ?? this.#input.items;
    this.#plan = { input: { ...this.#input, items: [...added] }, attempts };
    try {
      await this.#log.plan(this.#plan);
    } catch (error) {
      this.#log.discard();
      throw error;
    }
  }

  /** Leaves it to the next process. A process that ends in peace was none of the attempts that are counted. */
  async #suspend(): Promise<void> {
    const { attempts } = this.#plan ?? { attempts: 0 };
    // What cannot be stored only counts once more.
    if (this.#plan !== undefined)
      await this.#log.plan({ ...this.#plan, attempts: attempts - 1 }).catch(() => {});
    await this.#log.suspend();
  }

  /**
   * Puts a person's words in, which reach the model with the results of its next calls. False: nothing is going on that
   * could take them.
   * @throws ApiError when they cannot be stored.
   */
  async steer(text: string): Promise<boolean> {
    if (this.run.background !== true || !this.#isRunning || this.#abort.signal.aborted || this.#log.isOver)
      return false;
    this.#steers = [...(this.#steers ?? []), text];
    this.#log.emit({ type: "run.steered", text });
    await this.#log.settled();
    return true;
  }

  #takeSteers(): readonly string[] {
    const steers = this.#steers ?? [];
    this.#steers = undefined;
    return steers;
  }

  /** Leaves the run to the next process: at the end of its step when it goes on, else at once. */
  pause(): void {
    this.#isPausing = true;
    this.questions?.suspend();
    if (!this.#isRunning) this.stop(RunStop.suspend());
  }

  /** Does the run, after waiting for its session; resolves when its terminal event is published. Never rejects. */
  async begin(): Promise<void> {
    const limits = this.#limits;
    const { slot, resumption, onEnd } = this.#parts;
    const isBackground = this.run.background === true;
    const late = () => this.stop(RunStop.fail(runTimeout(limits.maxRunMs)));
    // Waiting for its turn is a part of a request, and no part of background work.
    let timer = isBackground ? undefined : setTimeout(late, limits.maxRunMs);
    let lease: SessionLease | undefined;
    try {
      lease = await this.#takeSession();
      // Only now: what waits for its session holds up nobody else.
      if (isBackground) await slot.turn(this.#abort.signal);
      timer ??= setTimeout(late, limits.maxRunMs);
      const start = await startOf({ deps: this.#deps, input: this.#input, parts: this.#parts }, lease);
      this.#abort.signal.throwIfAborted();
      this.#isRunning = true;
      if (resumption === undefined) this.#create(start);
      await this.#runAgent(start);
    } catch (error) {
      this.#endBeforeStart(error);
    }
    clearTimeout(timer);
    if (!this.#log.isOver) await this.#suspend();
    await this.#log.ended;
    lease?.release();
    slot.release();
    onEnd(this);
  }

  get #limits(): Limits {
    const { limits } = this.#input;
    return limits === undefined ? this.#deps.limits : closest(this.#deps.limits, limits);
  }

  async #takeSession(): Promise<SessionLease | undefined> {
    const { sessionId, owner } = this.#input;
    if (sessionId === undefined) return undefined;
    return this.#deps.sessions.take(sessionId, owner, this.#abort.signal);
  }

  #runAgent({ input, items, core, layer }: Start): Promise<void> {
    const { upstreamStream, ephemeralPrompt, onFault } = this.#deps;
    const { target, tools, resumption } = this.#parts;
    const plain = target.mode === "plain" || this.#input.toolChoice.mode === "none";
    const texts = [layer, this.#input.instructions, ephemeralPrompt];
    const instructions = texts.filter((text) => text !== undefined);
    return runAgent({
      run: this.run,
      input: { ...this.#input, ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }) },
      items,
      firstNumber: input.length,
      core,
      provider: target.provider,
      tools: plain ? NO_TOOLS : tools,
      limits: this.#limits,
      stream: upstreamStream === "auto" ? this.#input.deltas : upstreamStream === "always",
      signal: this.#abort.signal,
      emit: this.#log.emit,
      ...(resumption !== undefined && { resumption }),
      person: this.questions,
      ...(this.#log.isDurable && { settled: () => this.#log.settled() }),
      ...(this.run.background === true && {
        isPausing: () => this.#isPausing,
        takeSteers: () => this.#takeSteers(),
      }),
      onFault,
    });
  }

  /**
   * The run ends without the agent: its session could not be had, or its input does not fit the session. It is no part
   * of the session then, whose transcript must not end with it.
   */
  #endBeforeStart(error: unknown): void {
    if (error instanceof RunStop && error.suspends) return;
    const { resumption } = this.#parts;
    if (resumption === undefined) this.#createAlone();
    this.questions?.withdraw();
    for (const item of resumption?.open ?? [])
      this.#log.emit({ type: "item.done", item: { ...item, status: "incomplete" } });
    const { usage, steps } = resumption ?? { usage: NO_USAGE, steps: 0 };
    const ending = endingOf(error, { usage, steps });
    if (ending.type === "run.failed" && isFault(ending.error)) this.#deps.onFault(error, this.run.id);
    this.#log.emit(ending);
  }

  #create({ input, leftOut }: Start): void {
    this.#log.emit({ type: "run.created", run: this.run, input });
    for (const text of leftOut) this.#log.emit({ type: "run.status", kind: "prompt_incomplete", text });
  }

  #createAlone(): void {
    const { history } = this.#parts;
    if (this.run.sessionId !== undefined) this.#log.leaveSession(this.run.createdAt + STATELESS_RETENTION_MS);
    const input = inputItemsOf(this.run.id, history?.keepsInput ? history.added : []);
    this.#log.emit({ type: "run.created", run: this.run, input });
  }
}
