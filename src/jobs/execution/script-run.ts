import { ApiError } from "../../domain/error.ts";
import type { Fire, Job } from "../../domain/job.ts";
import type { Clock } from "../../lib/clock.ts";
import { type Begun, type Result, refusedResult } from "./result.ts";
import { readOutput, type ScriptEnd, type Scripts } from "./scripts.ts";

/** What running scripts needs. */
interface ScriptRunsDeps {
  scripts: Pick<Scripts, "command" | "run">;
  clock: Pick<Clock, "now">;
  /** Returns the real path of a job's directory. @throws ApiError 400 when it does not exist. */
  directoryOf(work: Job["work"]): string;
}

/** The script's output for the model, or the fire's result; neither: this process stops first. */
type Printed = { text: string } | { result: Result | undefined };

/**
 * Runs the scripts of fires. A script may have effects, so its start is stored before it starts, and its output
 * before anything is done with it. Each script runs at most once: one that a former process started but did not see
 * end is not repeated.
 */
export class ScriptRuns {
  readonly #deps: ScriptRunsDeps;
  /** Aborted when the server closes. */
  readonly #closing = new AbortController();
  #isClosing = false;
  readonly #running = new Set<Promise<unknown>>();

  constructor(deps: ScriptRunsDeps) {
    this.#deps = deps;
  }

  /** Runs a fire's script, or returns its stored output. */
  async print(begun: Begun, name: string): Promise<Printed> {
    const { fire, job } = begun;
    if (fire.script !== undefined && fire.script.endedAt === undefined) return { result: CUT };
    // A script that has not started is left to the next process.
    if (fire.script === undefined && this.#isClosing) return { result: undefined };
    const ended = fire.script ?? (await this.#track(this.#run(begun, name)));
    if (ended === undefined) return { result: undefined };
    if ("status" in ended) return { result: ended };
    const { output = "", failure } = ended;
    if (failure !== undefined) return { result: { status: "failed", reason: failure, mayRepeat: false } };
    const { text, wakesAgent } = readOutput(output);
    if (!wakesAgent) return { result: quiet("not_woken") };
    if (job.work.noAgent !== true) return { text };
    return { result: text === "" ? quiet("no_output") : { ...DONE, output: text } };
  }

  /** Gives scripts `graceMs` to end, then kills them; killed scripts are not repeated. */
  async close(graceMs: number): Promise<void> {
    this.#isClosing = true;
    const late = setTimeout(() => this.#closing.abort(), graceMs);
    await Promise.allSettled(this.#running);
    clearTimeout(late);
  }

  /** Undefined: the server stops. */
  async #run(begun: Begun, name: string): Promise<Fire["script"] | Result> {
    const { job, keep, signal } = begun;
    const { scripts, clock, directoryOf } = this.#deps;
    const planned = await found(async () => ({
      command: await scripts.command(name),
      cwd: directoryOf(job.work),
    }));
    if ("status" in planned) return planned;
    const startedAt = clock.now();
    await keep({ script: { startedAt } });
    const either = AbortSignal.any([signal, this.#closing.signal]);
    const end = await scripts.run(planned.command, { cwd: planned.cwd, signal: either });
    if (end === undefined) return signal.aborted ? STOPPED : undefined;
    return this.#ended(begun, { startedAt, end });
  }

  async #ended(
    { keep }: Begun,
    { startedAt, end }: { startedAt: number; end: ScriptEnd },
  ): Promise<Fire["script"] | Result> {
    const script = { startedAt, endedAt: this.#deps.clock.now(), ...end };
    try {
      await keep({ script });
      return script;
    } catch {
      return UNSTORED;
    }
  }

  async #track<Value>(work: Promise<Value>): Promise<Value> {
    this.#running.add(work);
    try {
      return await work;
    } finally {
      this.#running.delete(work);
    }
  }
}

/** Returns the script's command, or that the fire cannot be executed. */
async function found<Value>(look: () => Promise<Value>): Promise<Value | Result> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ApiError) return refusedResult(error.message);
    throw error;
  }
}

const DONE = { status: "completed", mayRepeat: false } as const;
const CUT: Result = {
  status: "interrupted",
  reason: "The server stopped while its script ran. What the script did is unknown; it was not run again.",
  mayRepeat: false,
};
const UNSTORED: Result = {
  status: "interrupted",
  reason: "Its script ended, but what it printed could not be stored; it was not run again.",
  mayRepeat: false,
};
const STOPPED: Result = { status: "cancelled", reason: "Its script was stopped.", mayRepeat: false };

function quiet(reason: string): Result {
  return { ...DONE, reason, isQuiet: true };
}
