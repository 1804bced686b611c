import { ApiError, isPassing, isServerFailure } from "../../domain/error.ts";
import type { AgentEvent } from "../../domain/event.ts";
import { fold } from "../../domain/fold.ts";
import type { RunId } from "../../domain/id.ts";
import { lastAnswer, textMessage } from "../../domain/item.ts";
import { type Fire, isAgents, type Job } from "../../domain/job.ts";
import type { RunInput } from "../../domain/run.ts";
import { RUN_POLICIES } from "../../domain/run-policy.ts";
import { withoutNulls } from "../../lib/json.ts";
import type { Runs } from "../../runs/service.ts";
import { findingIn } from "../scan.ts";
import { assemblePrompt } from "./prompt.ts";
import { type Begun, type Result, refusedResult } from "./result.ts";
import type { ScriptRuns } from "./script-run.ts";
import { gatherParts, type Sources } from "./sources.ts";

/** What executing fires needs. */
interface ExecutionDeps {
  runs: Runs;
  sources: Sources;
  scripts: ScriptRuns;
  /** Returns whether a principal with that id still exists. */
  isPrincipal(id: string): boolean;
}

/** Executes fires. */
export class Execution {
  readonly #deps: ExecutionDeps;

  constructor(deps: ExecutionDeps) {
    this.#deps = deps;
  }

  /**
   * Executes a fire, or continues it after a restart: the run's id is stored with the fire before the run starts, so
   * there is only one run. Returns undefined if this process stops and the next one continues.
   * @throws ApiError 429 or 503 when it cannot start now.
   */
  async execute(begun: Begun): Promise<Result | undefined> {
    const { runs, isPrincipal } = this.#deps;
    const { job, fire } = begun;
    const { runId, owner } = fire;
    const finding = findingIn(choosePrompt(job, fire));
    if (finding !== undefined) return refusedResult(`its prompt ${finding}`);
    if (!isPrincipal(owner)) return refusedResult("its owner is gone");
    if (runId === undefined) return refusedResult("it has no run");
    if ((await runs.status(runId, owner)) === undefined) {
      const beginning = await this.#prepare(begun);
      if (!beginning.goesOn) return beginning.result && { ...beginning.result, isWithoutRun: true };
      // Stopped while it was starting.
      if (begun.signal.aborted) runs.stop(runId, owner);
    }
    return readRunResult(runs, runId, owner);
  }

  /** Prepares the run and starts it. */
  async #prepare(begun: Begun): Promise<Beginning> {
    const { scripts } = this.#deps;
    const { job, fire, signal } = begun;
    const { script, skills, contextFrom, workdir } = job.work;
    if (signal.aborted) return { goesOn: false, result: STOPPED };
    const isBare = [script, skills, contextFrom, workdir].every((part) => part === undefined);
    if (isBare) return this.#start(begun, async () => choosePrompt(job, fire));
    const printed = script === undefined ? { text: "" } : await scripts.print(begun, script);
    if ("result" in printed) return { goesOn: false, result: printed.result };
    return this.#start(begun, () => this.#assembled(begun, printed.text));
  }

  /** Builds the prompt, with the output of a script. @throws ApiError 400 for a directory that does not exist. */
  async #assembled({ job, fire, keep }: Begun, printed: string): Promise<string> {
    const parts = await gatherParts(this.#deps.sources, job, fire);
    const { script } = job.work;
    if (printed !== "") parts.data.push({ label: `What the script ${script} printed`, text: printed });
    if (parts.notes.length > 0) await keep({ notes: parts.notes });
    return assemblePrompt(parts);
  }

  /**
   * Starts the run; a refusal of the job itself is the fire's failure. @throws ApiError 429 or 5xx when it cannot
   * start now.
   */
  async #start({ job, fire, signal }: Begun, prompt: () => Promise<string>): Promise<Beginning> {
    try {
      const input = toRunInput(job, fire, await prompt());
      if (signal.aborted) return { goesOn: false, result: STOPPED };
      void (await this.#deps.runs.admit(input)).begin();
      return { goesOn: true };
    } catch (error) {
      if (!(error instanceof ApiError) || isPassing(error) || isServerFailure(error.failure)) throw error;
      return { goesOn: false, result: { status: "failed", reason: error.message, mayRepeat: true } };
    }
  }
}

/** Whether a run is going on; otherwise how the fire ended, or that this process stops. */
type Beginning = { goesOn: true } | { goesOn: false; result: Result | undefined };

const STOPPED: Result = { status: "cancelled", reason: "It was stopped.", mayRepeat: false };

/** Returns how the run of a fire ended; undefined if another process continues it. */
async function readRunResult(runs: Runs, runId: RunId, owner: string): Promise<Result | undefined> {
  await runs.whenOver(runId, owner);
  const run = await runs.read(runId, owner);
  const status = await runs.status(runId, owner);
  if (run === undefined || status === undefined)
    return { status: "cancelled", reason: "deleted", mayRepeat: false };
  if (status !== "completed" && status !== "failed" && status !== "cancelled" && status !== "interrupted")
    return undefined;
  const result = { status, ...toResult(run.events) };
  // A run without a final text has nothing to deliver.
  const isMute = status === "completed" && result.output === undefined;
  return isMute ? { ...result, reason: "no_output", isQuiet: true } : result;
}

function choosePrompt({ work }: Job, { prompt }: Fire): string {
  return prompt ?? work.prompt;
}

function toResult(events: readonly AgentEvent[]): Omit<Result, "status"> {
  const { items, usage, error } = fold(events);
  const output = lastAnswer(items);
  return {
    usage,
    mayRepeat: !events.some(({ type }) => type === "step.done" || type === "item.added"),
    ...(output !== "" && { output }),
    ...(error !== undefined && { reason: error.message }),
  };
}

function toRunInput(job: Job, { runId, byAgent }: Fire, prompt: string): RunInput {
  const { id, owner, work } = job;
  const { maxSteps, maxRunMs, maxTokens } = work.limits;
  const limits = withoutNulls({ maxSteps, maxRunMs, maxOutputTokens: maxTokens });
  const { model, provider, reasoningEffort, session, toolsets, workdir } = work;
  return {
    surface: "jobs",
    policy: RUN_POLICIES.jobs,
    owner,
    job: id,
    ...((byAgent === true || isAgents(job)) && { byAgent: true }),
    ...(runId !== undefined && { id: runId }),
    ask: { ...(model !== undefined && { model }), ...(provider !== undefined && { provider }) },
    mode: "agent",
    ...(session !== undefined && { sessionId: session, newOnly: true }),
    items: [textMessage("user", prompt)],
    instructions: workdir === undefined ? JOB_NOTE : `${JOB_NOTE}\n${placeNote(workdir)}`,
    tools: [],
    toolChoice: { mode: "auto" },
    settings: reasoningEffort === undefined ? {} : { reasoningEffort },
    ...(toolsets !== undefined && { toolsets }),
    ...(workdir !== undefined && { workdir }),
    limits,
    deltas: false,
    background: true,
  };
}

const JOB_NOTE =
  "You are run by a schedule; nobody is there to answer questions or to approve anything. Your last message is the result, " +
  "which is stored and delivered. When there is nothing to report, begin it with [SILENT].";

function placeNote(workdir: string): string {
  return `Your tools work in the directory ${JSON.stringify(workdir)} of the workspace; paths are relative to it.`;
}
