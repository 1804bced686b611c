import { endingOf } from "../agent/failure.ts";
import { runAgent } from "../agent/loop.ts";
import type { Resumption } from "../agent/resumption.ts";
import { RunStop } from "../agent/stop.ts";
import { isFault, runTimeout } from "../domain/error.ts";
import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { Run, RunInput, RunStatus } from "../domain/run.ts";
import type { PromptSnapshot } from "../domain/session.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { Target } from "../providers/resolve.ts";
import type { SessionLease } from "../sessions/service.ts";
import { NO_TOOLS } from "../tools/registry.ts";
import type { RunDeps } from "./deps.ts";
import type { Reader } from "./follow.ts";
import { checkClientCalls, isCut, shortened } from "./history.ts";
import { inputItemsOf } from "./input-items.ts";
import { STATELESS_RETENTION_MS } from "./retention.ts";
import type { RunLog } from "./run-log.ts";
import { isReadable, newItems } from "./session-items.ts";
import type { Slot } from "./slots.ts";

/** What a run goes on from when it has no session. */
export interface History {
  /** The transcript so far, as it is stored; read at the run's turn when undefined: a run can wait for long. */
  stored: readonly Item[] | undefined;
  /** What its request adds to that. */
  added: readonly ItemBody[];
  /** Whether what it adds is kept, so that later runs can go on from this one. */
  keepsInput: boolean;
}

/** What an active run is made of. */
export interface RunParts {
  run: Run;
  target: Target;
  log: RunLog;
  /** Undefined for a run of a session, whose history is known at its turn. */
  history: History | undefined;
  /** The core prompt that its chain began with; undefined for a run that nothing goes on from. */
  prompt?: PromptSnapshot | undefined;
  /** Where a former process left it. */
  resumption?: Resumption | undefined;
  slot: Slot;
  /** Told when the run has ended and its session is free. */
  onEnd(run: ActiveRun): void;
}

/** What the agent starts from. */
interface Transcript {
  /** The run's own input, kept for later runs of its session. */
  input: Item[];
  /** Everything that the model reads. */
  items: readonly ItemBody[];
  core: string;
}

const NO_HISTORY: History = { stored: [], added: [], keepsInput: false };

/** One run from its admission to its end. */
export class ActiveRun {
  readonly run: Run;
  readonly #deps: RunDeps;
  readonly #input: RunInput;
  readonly #parts: RunParts;
  readonly #log: RunLog;
  readonly #abort = new AbortController();
  #isPausing = false;
  /** Put in, and not read by the model yet. */
  #steers: string[] | undefined;
  #isRunning = false;

  constructor(deps: RunDeps, input: RunInput, parts: RunParts) {
    this.#deps = deps;
    this.#input = input;
    this.#parts = parts;
    this.run = parts.run;
    this.#steers = parts.resumption?.steers;
    this.#log = parts.log;
    this.#log.onBroken((failure) => this.stop(RunStop.fail(failure)));
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
  get status(): RunStatus | "stopping" {
    return this.#abort.signal.aborted && !this.#log.isOver ? "stopping" : this.#log.status;
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
    try {
      await this.#log.plan({ input: { ...this.#input, items: [...added] }, attempts });
    } catch (error) {
      this.#log.discard();
      throw error;
    }
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
    if (!this.#isRunning) this.stop(RunStop.suspend());
  }

  /** Does the run, after waiting for its session; resolves when its terminal event is published. Never rejects. */
  async begin(): Promise<void> {
    const { limits } = this.#deps;
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
      const transcript = await this.#transcript(lease);
      this.#abort.signal.throwIfAborted();
      this.#isRunning = true;
      if (resumption === undefined)
        this.#log.emit({ type: "run.created", run: this.run, input: transcript.input });
      await this.#runAgent(transcript);
    } catch (error) {
      this.#endBeforeStart(error);
    }
    clearTimeout(timer);
    if (!this.#log.isOver) await this.#log.suspend();
    await this.#log.ended;
    lease?.release();
    slot.release();
    onEnd(this);
  }

  async #takeSession(): Promise<SessionLease | undefined> {
    const { sessionId, owner } = this.#input;
    if (sessionId === undefined) return undefined;
    return this.#deps.sessions.take(sessionId, owner, this.#abort.signal);
  }

  async #transcript(lease: SessionLease | undefined): Promise<Transcript> {
    const { target, history, resumption } = this.#parts;
    const plain = target.mode === "plain";
    if (lease === undefined || resumption !== undefined) {
      const prompt = lease?.session.prompt ?? this.#parts.prompt;
      const core = plain ? "" : (prompt ?? (await this.#deps.prompts.current())).text;
      const { stored, added, keepsInput } = history ?? NO_HISTORY;
      return this.#joined(stored ?? (await this.#ancestors()), added, { keepsInput, core });
    }
    const { headRun, prompt } = lease.session;
    const stored =
      headRun === undefined ? [] : await this.#deps.store.readTranscript(headRun as RunId, lease.session.id);
    const readable = stored.filter(isReadable);
    if (headRun !== undefined) this.run.parent = { runId: headRun };
    const { items, newOnly } = this.#input;
    const added = newOnly ? items : newItems(items, readable);
    const whole = this.#joined(readable, added, {
      keepsInput: this.run.hidden !== true,
      core: plain ? "" : prompt.text,
    });
    const { store } = this.#deps;
    await checkClientCalls(whole.items, {
      surface: this.run.surface,
      isCut: (run) => isCut(store, run, this.run.owner),
    });
    return whole;
  }

  async #ancestors(): Promise<Item[]> {
    const { parent } = this.run;
    if (parent === undefined) return [];
    return (await this.#deps.store.readTranscript(parent.runId as RunId)).filter(isReadable);
  }

  #joined(
    stored: readonly Item[],
    added: readonly ItemBody[],
    { keepsInput, core }: { keepsInput: boolean; core: string },
  ): Transcript {
    return {
      input: keepsInput ? inputItemsOf(this.run.id, added) : [],
      items: stored.length === 0 ? added : [...shortened(stored, this.#deps.historyOutputChars), ...added],
      core,
    };
  }

  #runAgent({ input, items, core }: Transcript): Promise<void> {
    const { tools, limits, upstreamStream, ephemeralPrompt, onFault } = this.#deps;
    const { target, resumption } = this.#parts;
    const plain = target.mode === "plain" || this.#input.toolChoice.mode === "none";
    const instructions = [this.#input.instructions, ephemeralPrompt].filter((text) => text !== undefined);
    return runAgent({
      run: this.run,
      input: { ...this.#input, ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }) },
      items,
      firstNumber: input.length,
      core,
      provider: target.provider,
      tools: plain ? NO_TOOLS : tools,
      limits,
      stream: upstreamStream === "auto" ? this.#input.deltas : upstreamStream === "always",
      signal: this.#abort.signal,
      emit: this.#log.emit,
      ...(resumption !== undefined && { resumption }),
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
    for (const item of resumption?.open ?? [])
      this.#log.emit({ type: "item.done", item: { ...item, status: "incomplete" } });
    const { usage, steps } = resumption ?? { usage: NO_USAGE, steps: 0 };
    const ending = endingOf(error, { usage, steps });
    if (ending.type === "run.failed" && isFault(ending.error)) this.#deps.onFault(error, this.run.id);
    this.#log.emit(ending);
  }

  #createAlone(): void {
    const { history } = this.#parts;
    if (this.run.sessionId !== undefined) this.#log.leaveSession(this.run.createdAt + STATELESS_RETENTION_MS);
    const input = inputItemsOf(this.run.id, history?.keepsInput ? history.added : []);
    this.#log.emit({ type: "run.created", run: this.run, input });
  }
}
