import { ApiError } from "../domain/error.ts";
import type { AgentEvent } from "../domain/event.ts";
import { fold } from "../domain/fold.ts";
import type { RunId } from "../domain/id.ts";
import { answerOf, textMessage } from "../domain/item.ts";
import type { Fire, Job } from "../domain/job.ts";
import type { RunInput } from "../domain/run.ts";
import type { Usage } from "../domain/usage.ts";
import type { Runs } from "../runs/service.ts";
import { assemblePrompt } from "./prompt.ts";
import { findingIn } from "./scan.ts";
import { partsOf, type Sources } from "./sources.ts";

/** How a fire ended. */
export interface Result {
  status: "completed" | "failed" | "cancelled" | "interrupted";
  output?: string;
  usage?: Usage;
  /** Why it did not end well. */
  reason?: string;
  /** Whether another try can do nothing twice: no model had begun to answer. */
  mayRepeat: boolean;
}

/** What of a fire is known before it ends. */
export type Progress = Partial<Pick<Fire, "notes">>;

/** What fires are done with. */
export interface ExecutionDeps {
  runs: Runs;
  sources: Sources;
  /** Whether there is still somebody of that id. */
  isPrincipal(id: string): boolean;
}

/** Does what jobs ask for. */
export class Execution {
  readonly #deps: ExecutionDeps;

  constructor(deps: ExecutionDeps) {
    this.#deps = deps;
  }

  /**
   * Does a fire, or goes on with it after a restart: the run's id is that of the fire from before it began, so it is there
   * once. `keep` stores what is known of it meanwhile. Undefined: this process stops, and the next one goes on.
   * @throws ApiError 429 or 503 when it cannot begin now.
   */
  async execute(
    job: Job,
    fire: Fire,
    keep: (progress: Progress) => Promise<void>,
  ): Promise<Result | undefined> {
    const { runs, isPrincipal } = this.#deps;
    const { runId, owner } = fire;
    const found = findingIn(promptOf(job, fire));
    if (found !== undefined) return refused(`its prompt ${found}`);
    if (!isPrincipal(owner)) return refused("its owner is gone");
    if (runId === undefined) return refused("it has no run");
    if ((await runs.status(runId, owner)) === undefined) {
      const failure = await this.#begin(job, fire, keep);
      if (failure !== undefined) return failure;
    }
    return endOf(runs, runId, owner);
  }

  /** Makes the run. What keeps it from beginning for good is a result. */
  async #begin(
    job: Job,
    fire: Fire,
    keep: (progress: Progress) => Promise<void>,
  ): Promise<Result | undefined> {
    const { runs, sources } = this.#deps;
    if (hasNoParts(job.work)) return begin(runs, inputOf(job, fire, promptOf(job, fire)));
    const parts = await partsOf(sources, job, fire);
    if (parts.notes.length > 0) await keep({ notes: parts.notes });
    return begin(runs, inputOf(job, fire, assemblePrompt(parts)));
  }
}

/** How the run of a fire ended; undefined: it goes on in another process. */
async function endOf(runs: Runs, runId: RunId, owner: string): Promise<Result | undefined> {
  await runs.whenOver(runId, owner);
  const run = await runs.read(runId, owner);
  const status = await runs.status(runId, owner);
  if (run === undefined || status === undefined)
    return { status: "cancelled", reason: "deleted", mayRepeat: false };
  if (status !== "completed" && status !== "failed" && status !== "cancelled" && status !== "interrupted")
    return undefined;
  return { status, ...resultOf(run.events) };
}

function hasNoParts({ skills, contextFrom }: Job["work"]): boolean {
  return skills === undefined && contextFrom === undefined;
}

function promptOf({ work }: Job, { prompt }: Fire): string {
  return prompt ?? work.prompt;
}

/** Begins a run; what a job itself is refused for is its failure. @throws ApiError 429 or 5xx when it cannot begin now. */
async function begin(runs: Runs, input: RunInput): Promise<Result | undefined> {
  try {
    void (await runs.admit(input)).begin();
    return undefined;
  } catch (error) {
    if (!(error instanceof ApiError) || error.failure.status === 429 || error.failure.status >= 500)
      throw error;
    return { status: "failed", reason: error.message, mayRepeat: true };
  }
}

function refused(why: string): Result {
  return { status: "failed", reason: `Not done: ${why}.`, mayRepeat: false };
}

function resultOf(events: readonly AgentEvent[]): Omit<Result, "status"> {
  const { items, usage, error } = fold(events);
  const output = answerOf(items);
  return {
    usage,
    mayRepeat: !events.some(({ type }) => type === "step.done" || type === "item.added"),
    ...(output !== "" && { output }),
    ...(error !== undefined && { reason: error.message }),
  };
}

function inputOf({ id, owner, work }: Job, { runId }: Fire, prompt: string): RunInput {
  const { maxSteps, maxRunMs, maxTokens } = work.limits;
  const limits = {
    ...(maxSteps !== undefined && { maxSteps }),
    ...(maxRunMs !== undefined && { maxRunMs }),
    ...(maxTokens !== undefined && { maxOutputTokens: maxTokens }),
  };
  const { model, provider, reasoningEffort, session, toolsets, workdir } = work;
  return {
    surface: "jobs",
    owner,
    job: id,
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
