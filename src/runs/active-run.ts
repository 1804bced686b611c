import { failureOf } from "../agent/failure.ts";
import type { Limits } from "../agent/limits.ts";
import { runAgent } from "../agent/loop.ts";
import type { PromptBuilder } from "../agent/prompt.ts";
import { RunStop } from "../agent/stop.ts";
import { ApiError, runTimeout } from "../domain/error.ts";
import { itemId, type RunId } from "../domain/id.ts";
import { type Item, type ItemBody, prefixOf } from "../domain/item.ts";
import type { Run, RunInput } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import type { Clock } from "../lib/clock.ts";
import { newRunId } from "../lib/id.ts";
import { headAndTail } from "../lib/text.ts";
import { ProviderError } from "../providers/provider.ts";
import type { Models, Target } from "../providers/resolve.ts";
import type { SessionLease, Sessions } from "../sessions/service.ts";
import type { Store } from "../storage/store.ts";
import { NO_TOOLS, type ToolRegistry } from "../tools/registry.ts";
import type { EventLog } from "./event-log.ts";
import type { Reader } from "./follow.ts";
import { checkClientCalls, restoreClientRuns } from "./history.ts";
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

/** How long a chat without a session is kept, ms. */
const STATELESS_RETENTION_MS = 24 * 60 * 60 * 1000;

/**
 * Checks a request and makes a run of it, which does nothing yet.
 * @throws ApiError 400 for a model, provider, session id or call id that cannot be, 404 for a foreign session.
 */
export async function prepareRun(
  deps: RunDeps,
  input: RunInput,
  onEnd: (run: ActiveRun) => void,
): Promise<ActiveRun> {
  const target = await resolveTarget(deps, input);
  const { sessionId, owner } = input;
  let items: readonly ItemBody[] = input.items;
  if (sessionId !== undefined) await deps.sessions.check(sessionId, owner);
  else if (items.some(({ type }) => type === "function_call" || type === "function_call_output")) {
    items = await restoreClientRuns(items, owner, deps.store);
    await checkClientCalls(items, (run) => isCut(deps.store, run, owner));
  }
  const id = newRunId(deps.nextId);
  const asked = input.ask.model ?? deps.models.name;
  const run: Run = {
    id,
    owner,
    surface: input.surface,
    createdAt: deps.clock.now(),
    model: { asked, provider: target.provider.name, served: target.model },
    ...(sessionId !== undefined && { sessionId }),
  };
  const expiresAt = sessionId === undefined ? run.createdAt + STATELESS_RETENTION_MS : undefined;
  const log = deps.log.open(run, { durable: false, expiresAt });
  return new ActiveRun(deps, { ...input, items: [...items] }, { run, target, log, onEnd });
}

async function isCut(store: Store, id: RunId, owner: string): Promise<boolean> {
  const found = await store.findRun(id, owner);
  return found?.status === "failed" || found?.status === "cancelled";
}

async function resolveTarget(deps: RunDeps, input: RunInput): Promise<Target> {
  try {
    const target = await deps.models.resolve(input.ask);
    return input.mode === "plain" ? { ...target, mode: "plain" } : target;
  } catch (error) {
    // An upstream that must be asked for its models can fail like any model call.
    throw error instanceof ProviderError ? new ApiError(failureOf(error)) : error;
  }
}

/** What an active run is made of. */
interface RunParts {
  run: Run;
  target: Target;
  log: RunLog;
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

/** One run from its admission to its end. */
export class ActiveRun {
  readonly run: Run;
  readonly #deps: RunDeps;
  readonly #input: RunInput;
  readonly #target: Target;
  readonly #log: RunLog;
  readonly #onEnd: (run: ActiveRun) => void;
  readonly #abort = new AbortController();

  constructor(deps: RunDeps, input: RunInput, parts: RunParts) {
    this.#deps = deps;
    this.#input = input;
    this.run = parts.run;
    this.#target = parts.target;
    this.#log = parts.log;
    this.#onEnd = parts.onEnd;
    this.#log.onBroken((failure) => this.stop(RunStop.fail(failure)));
  }

  /** Gives a reader every event from the first on, if called before `begin`; resolves after the last or when it is gone. */
  follow(reader: Reader): Promise<void> {
    return this.#deps.log.follow(this.run.id, { afterSeq: 0, reader });
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
    const { items } = this.#input;
    if (lease === undefined)
      return { input: [], items, core: plain ? "" : (await this.#deps.prompt.current()).text };
    const { headRun, prompt } = lease.session;
    const stored = headRun === undefined ? [] : await this.#deps.store.readTranscript(headRun as RunId);
    const readable = stored.filter(isReadable);
    if (headRun !== undefined) this.run.parent = { runId: headRun };
    const added = newItems(items, readable);
    const all = [...readable.map((item) => this.#shortened(item)), ...added];
    await checkClientCalls(all, (run) => isCut(this.#deps.store, run, this.run.owner));
    return {
      input: added.map((item, n) => this.#inputItem(item, n)),
      items: all,
      core: plain ? "" : prompt.text,
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
    this.#log.leaveSession(this.run.createdAt + STATELESS_RETENTION_MS);
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
