import { toEnding } from "../agent/failure.ts";
import { closest, type Limits } from "../agent/limits.ts";
import { runAgent } from "../agent/loop.ts";
import type { Resumption } from "../agent/resumption.ts";
import { RunStop } from "../agent/stop.ts";
import { assembleContext, type Context, type ContextRequest } from "../context/assemble.ts";
import { isFault, runTimeout } from "../domain/error.ts";
import type { Interaction } from "../domain/interactions.ts";
import { keepsInput, type Run, type RunInput, type RunStatus } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { Reader } from "../eventlog/follow.ts";
import { numberInputItems } from "../eventlog/input-items.ts";
import type { RunLog } from "../eventlog/run-log.ts";
import type { SessionLease } from "../sessions/service.ts";
import type { Plan } from "../storage/store.ts";
import type { RunDeps } from "./deps.ts";
import { PendingInteractions } from "./interactions.ts";
import { STATELESS_RETENTION_MS } from "./retention.ts";
import type { Slot } from "./slots.ts";

/** A run's status, including what it waits for. */
export type LiveStatus = RunStatus | "stopping" | "waiting_for_approval" | "waiting_for_input";

/** What an active run needs. */
export interface RunParts {
  /** The request from which its context is assembled when its turn comes. */
  request: ContextRequest;
  log: RunLog;
  /** Where a former process left the run. */
  resumption?: Resumption | undefined;
  /** What a former process asked people. */
  asked?: ReadonlyMap<string, Interaction> | undefined;
  slot: Slot;
  /** Called when the run has ended and released its session. */
  onEnd(run: ActiveRun): void;
}

/** One run from its admission to its end. */
export class ActiveRun {
  /** What the run asks people; undefined for an unattended run. */
  readonly questions: PendingInteractions | undefined;
  readonly #deps: RunDeps;
  readonly #input: RunInput;
  readonly #parts: RunParts;
  readonly #log: RunLog;
  readonly #abort = new AbortController();
  #isPausing = false;
  /** Steering texts that the model has not read yet. */
  #steers: string[] | undefined;
  #isRunning = false;
  /** The plan as it was stored when this process accepted the run. */
  #plan: Plan | undefined;

  constructor(deps: RunDeps, parts: RunParts) {
    this.#deps = deps;
    this.#input = parts.request.input;
    this.#parts = parts;
    this.#steers = parts.resumption?.steers;
    this.#log = parts.log;
    this.#log.onBroken((failure) => this.stop(RunStop.fail(failure)));
    this.questions = this.run.attended === true ? this.#openQuestions() : undefined;
  }

  #openQuestions(): PendingInteractions {
    const { store, clock, approvalTimeoutMs } = this.#deps;
    const { asked, slot } = this.#parts;
    return new PendingInteractions({
      log: this.#log,
      approvals: store.approvals,
      clock,
      timeoutMs: approvalTimeoutMs,
      signal: this.#abort.signal,
      asked,
      // A run that waits for people does not use its slot.
      onWaiting: (isWaiting) => (isWaiting ? slot.pause() : slot.resume()),
    });
  }

  /** The run's identity and terms; in a session, its parent is known when its turn comes. */
  get run(): Run {
    return this.#log.run;
  }

  /**
   * Sends every event to a reader, if called before `begin`; resolves after the last event or when the reader has
   * disconnected.
   */
  follow(reader: Reader): Promise<void> {
    return this.#deps.log.follow(this.run.id, { afterSeq: 0, reader });
  }

  /** Resolves when the terminal event is published. */
  get ended(): Promise<void> {
    return this.#log.ended;
  }

  /** The run's status. */
  get status(): LiveStatus {
    if (this.#abort.signal.aborted) return "stopping";
    const { status } = this.#log;
    const waitingFor = status === "running" ? this.questions?.waitingFor : undefined;
    return waitingFor === undefined ? status : `waiting_for_${waitingFor}`;
  }

  /** Ends the run early; does nothing when it has ended. */
  stop(stop: RunStop): void {
    this.#abort.abort(stop);
  }

  /**
   * Stores what a later process needs to resume the run. From here on the run gets an end, whatever happens to this
   * process.
   * @throws ApiError when it cannot be stored; the run is over then, and nothing of it is left.
   */
  async accept(attempts: number): Promise<void> {
    this.#plan = { input: { ...this.#input, items: [...this.#parts.request.added] }, attempts };
    try {
      await this.#log.plan(this.#plan);
    } catch (error) {
      this.#log.discard();
      throw error;
    }
  }

  /** Leaves the run to the next process. A clean shutdown does not count as an attempt. */
  async #suspend(): Promise<void> {
    const { attempts } = this.#plan ?? { attempts: 0 };
    // If this cannot be stored, the attempt counts.
    if (this.#plan !== undefined)
      await this.#log.plan({ ...this.#plan, attempts: attempts - 1 }).catch(() => {});
    await this.#log.suspend();
  }

  /**
   * Adds a person's text, which the model reads together with the results of its next calls. Returns false when the
   * run cannot take it.
   * @throws ApiError when it cannot be stored.
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

  /** Leaves the run to the next process: after the current step, or at once if it has not started. */
  pause(): void {
    this.#isPausing = true;
    this.questions?.suspend();
    if (!this.#isRunning) this.stop(RunStop.suspend());
  }

  /** Waits for the session, then does the run; resolves when the terminal event is published. Never rejects. */
  async begin(): Promise<void> {
    const limits = this.#limits;
    const { slot, onEnd } = this.#parts;
    const isBackground = this.run.background === true;
    const late = () => this.stop(RunStop.fail(runTimeout(limits.maxRunMs)));
    // The time limit of a request includes waiting for its turn; that of background work does not.
    let timer = isBackground ? undefined : setTimeout(late, limits.maxRunMs);
    let lease: SessionLease | undefined;
    try {
      lease = await this.#takeSession();
      // After the session: a run that waits for its session must not hold a slot.
      if (isBackground) await slot.turn(this.#abort.signal);
      timer ??= setTimeout(late, limits.maxRunMs);
      const context = await assembleContext(this.#parts.request, lease?.session, this.#deps);
      this.#abort.signal.throwIfAborted();
      this.#isRunning = true;
      await this.#runAgent(context, this.#create(context));
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

  /** Emits the first event, unless a former process did; returns the number of items in the run's stored input. */
  #create({ previous, added, leftOut }: Context): number {
    const { run } = this;
    const input = keepsInput(this.#input) ? numberInputItems(run.id, added) : [];
    if (this.#parts.resumption === undefined) {
      // No run continues a hidden run, and its answer names only runs that its client named.
      const isNew = previous !== run.parent?.runId && run.hidden !== true;
      if (previous !== undefined && isNew) this.#log.continueFrom(previous);
      this.#log.emit({ type: "run.created", run: this.run, input });
      for (const text of leftOut) this.#log.emit({ type: "run.status", kind: "prompt_incomplete", text });
    }
    return input.length;
  }

  #runAgent(context: Context, firstNumber: number): Promise<void> {
    const { upstreamStream, onFault } = this.#deps;
    const { resumption } = this.#parts;
    return runAgent({
      run: this.run,
      context,
      firstNumber,
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
   * Ends the run before the agent starts: its session was not available, or its input does not fit the session. The
   * run leaves the session, whose transcript must not end with it.
   */
  #endBeforeStart(error: unknown): void {
    if (error instanceof RunStop && error.suspends) return;
    const { resumption } = this.#parts;
    if (resumption === undefined) this.#createAlone();
    this.questions?.withdraw();
    for (const item of resumption?.open ?? [])
      this.#log.emit({ type: "item.done", item: { ...item, status: "incomplete" } });
    const { usage, steps } = resumption ?? { usage: NO_USAGE, steps: 0 };
    const ending = toEnding(error, { usage, steps });
    if (ending.type === "run.failed" && isFault(ending.error)) this.#deps.onFault(error, this.run.id);
    this.#log.emit(ending);
  }

  #createAlone(): void {
    const { sessionId, createdAt } = this.run;
    const isKept = sessionId === undefined && keepsInput(this.#input);
    if (sessionId !== undefined) this.#log.leaveSession(createdAt + STATELESS_RETENTION_MS);
    const input = isKept ? numberInputItems(this.run.id, this.#parts.request.added) : [];
    this.#log.emit({ type: "run.created", run: this.run, input });
  }
}
