import { failureOf } from "../agent/failure.ts";
import type { Limits } from "../agent/limits.ts";
import { runAgent } from "../agent/loop.ts";
import type { PromptBuilder } from "../agent/prompt.ts";
import { RunStop } from "../agent/stop.ts";
import { runTimeout } from "../domain/error.ts";
import { itemId, type RunId } from "../domain/id.ts";
import { type Item, type ItemBody, prefixOf } from "../domain/item.ts";
import type { Run, RunInput } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { Clock } from "../lib/clock.ts";
import { headAndTail } from "../lib/text.ts";
import type { Models, Target } from "../providers/resolve.ts";
import type { SessionLease, Sessions } from "../sessions/service.ts";
import type { Store } from "../storage/store.ts";
import { NO_TOOLS, type ToolRegistry } from "../tools/registry.ts";
import type { EventLog } from "./event-log.ts";
import type { Reader } from "./follow.ts";
import { checkClientCalls, isCut } from "./history.ts";
import { STATELESS_RETENTION_MS } from "./retention.ts";
import type { RunLog } from "./run-log.ts";
import { isReadable, newItems } from "./session-items.ts";

/** What runs are made of. */
export interface RunDeps {
  store: Store;
  log: EventLog;
  sessions: Sessions;
  models: Models;
  prompt: PromptBuilder;
  tools: ToolRegistry;
  limits: Limits;
  /** Whether to ask upstream for a stream: when somebody reads deltas, always, or never. */
  upstreamStream: "auto" | "always" | "never";
  /** Longest tool output in the history of a later run, characters; 0 for no limit. */
  historyOutputChars: number;
  /** Text after every request's own system prompt. */
  ephemeralPrompt: string | undefined;
  clock: Clock;
  nextId(): string;
  /** Gets what went wrong inside, which no client is told. */
  onFault(error: unknown, run: RunId): void;
}

/** What a run goes on from when it has no session. */
export interface History {
  /** The transcript so far, as it is stored. */
  stored: readonly Item[];
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
  readonly #target: Target;
  readonly #log: RunLog;
  readonly #history: History | undefined;
  readonly #onEnd: (run: ActiveRun) => void;
  readonly #abort = new AbortController();

  constructor(deps: RunDeps, input: RunInput, parts: RunParts) {
    this.#deps = deps;
    this.#input = input;
    this.run = parts.run;
    this.#target = parts.target;
    this.#log = parts.log;
    this.#history = parts.history;
    this.#onEnd = parts.onEnd;
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

  /** Ends the run early; without effect when it has ended. */
  stop(stop: RunStop): void {
    this.#abort.abort(stop);
  }

  /** Does the run, after waiting for its session; resolves when its terminal event is published. Never rejects. */
  async begin(): Promise<void> {
    const { limits } = this.#deps;
    const timer = setTimeout(() => this.stop(RunStop.fail(runTimeout(limits.maxRunMs))), limits.maxRunMs);
    let lease: SessionLease | undefined;
    try {
      lease = await this.#takeSession();
      const transcript = await this.#transcript(lease);
      this.#abort.signal.throwIfAborted();
      this.#log.emit({ type: "run.created", run: this.run, input: transcript.input });
      await this.#runAgent(transcript);
    } catch (error) {
      this.#endBeforeStart(error);
    }
    clearTimeout(timer);
    await this.#log.ended;
    lease?.release();
    this.#onEnd(this);
  }

  async #takeSession(): Promise<SessionLease | undefined> {
    const { sessionId, owner } = this.#input;
    if (sessionId === undefined) return undefined;
    return this.#deps.sessions.take(sessionId, owner, this.#abort.signal);
  }

  async #transcript(lease: SessionLease | undefined): Promise<Transcript> {
    const plain = this.#target.mode === "plain";
    if (lease === undefined) {
      const core = plain ? "" : (await this.#deps.prompt.current()).text;
      const { stored, added, keepsInput } = this.#history ?? NO_HISTORY;
      return this.#joined(stored, added, { keepsInput, core });
    }
    const { headRun, prompt } = lease.session;
    const stored = headRun === undefined ? [] : await this.#deps.store.readTranscript(headRun as RunId);
    const readable = stored.filter(isReadable);
    if (headRun !== undefined) this.run.parent = { runId: headRun };
    const added = newItems(this.#input.items, readable);
    const whole = this.#joined(readable, added, { keepsInput: true, core: plain ? "" : prompt.text });
    const { store } = this.#deps;
    await checkClientCalls(whole.items, {
      surface: this.run.surface,
      isCut: (run) => isCut(store, run, this.run.owner),
    });
    return whole;
  }

  #joined(
    stored: readonly Item[],
    added: readonly ItemBody[],
    { keepsInput, core }: { keepsInput: boolean; core: string },
  ): Transcript {
    return {
      input: keepsInput ? added.map((item, n) => this.#inputItem(item, n)) : [],
      items: stored.length === 0 ? added : [...stored.map((item) => this.#shortened(item)), ...added],
      core,
    };
  }

  #shortened(item: Item): Item {
    const max = this.#deps.historyOutputChars;
    if (max === 0 || item.type !== "function_call_output" || typeof item.output !== "string") return item;
    return { ...item, output: headAndTail(item.output, max) };
  }

  #inputItem(item: ItemBody, n: number): Item {
    return { id: itemId(prefixOf(item), this.run.id, n), status: "completed", place: "input", ...item };
  }

  #runAgent({ input, items, core }: Transcript): Promise<void> {
    const { tools, limits, upstreamStream, ephemeralPrompt, onFault } = this.#deps;
    const plain = this.#target.mode === "plain" || this.#input.toolChoice.mode === "none";
    const instructions = [this.#input.instructions, ephemeralPrompt].filter((text) => text !== undefined);
    return runAgent({
      run: this.run,
      input: { ...this.#input, ...(instructions.length > 0 && { instructions: instructions.join("\n\n") }) },
      items,
      firstNumber: input.length,
      core,
      provider: this.#target.provider,
      tools: plain ? NO_TOOLS : tools,
      limits,
      stream: upstreamStream === "auto" ? this.#input.deltas : upstreamStream === "always",
      signal: this.#abort.signal,
      emit: this.#log.emit,
      onFault,
    });
  }

  /**
   * The run ends without the agent: its session could not be had, or its input does not fit the session. It is no part
   * of the session then, whose transcript must not end with it.
   */
  #endBeforeStart(error: unknown): void {
    const none = { usage: NO_USAGE, steps: 0 };
    if (this.run.sessionId !== undefined) this.#log.leaveSession(this.run.createdAt + STATELESS_RETENTION_MS);
    this.#log.emit({ type: "run.created", run: this.run, input: [] });
    if (error instanceof RunStop && error.failure === undefined) {
      this.#log.emit({ type: "run.cancelled", reason: error.message, ...none });
      return;
    }
    const failure =
      error instanceof RunStop && error.failure !== undefined ? error.failure : failureOf(error);
    if (failure.code === "internal_error") this.#deps.onFault(error, this.run.id);
    this.#log.emit({ type: "run.failed", error: failure, ...none });
  }
}
