import type { ContextRequest } from "../context/assemble.ts";
import { checkClientCalls, isCut, restoreClientRuns } from "../context/client-calls.ts";
import { isReadable } from "../context/new-items.ts";
import { resolveModel } from "../context/target.ts";
import { invalidRequest, previousNotFound } from "../domain/error.ts";
import { type RunId, responseId } from "../domain/id.ts";
import type { ItemBody } from "../domain/item.ts";
import { isHidden, isOpenTo, type Run, type RunInput } from "../domain/run.ts";
import type { ModelLock, Session } from "../domain/session.ts";
import type { LogTerms } from "../eventlog/run-log.ts";
import { newRunId } from "../lib/id.ts";
import { withoutNulls } from "../lib/json.ts";
import { shown } from "../lib/text.ts";
import type { Target } from "../providers/resolve.ts";
import type { ToolRegistry } from "../tools/registry.ts";
import { ActiveRun, type RunParts } from "./active-run.ts";
import type { RunDeps } from "./deps.ts";
import { createClaim } from "./idempotency.ts";
import { computeExpiry } from "./retention.ts";

/**
 * Checks a request and creates its run, which does nothing yet.
 * @throws ApiError 400 for an invalid model, provider, session id, previous run or call id, 404 for the session of
 * somebody else.
 */
export async function prepareRun(
  deps: RunDeps,
  asked: RunInput,
  terms: Pick<RunParts, "onEnd" | "slot">,
): Promise<ActiveRun> {
  const { request } = await resolveRequest(deps, asked);
  const { input, target } = request;
  if (input.sessionId !== undefined && input.background !== true) deps.sessions.checkQueue(input.sessionId);
  if (isContinued(input, target)) request.prompt ??= await deps.prompts.keep(undefined);
  const run: Run = {
    id: input.id ?? newRunId(deps.nextId),
    owner: input.owner,
    surface: input.surface,
    createdAt: deps.clock.now(),
    model: {
      asked: asked.ask.model ?? deps.models.name,
      provider: target.provider.name,
      served: target.model,
    },
    ...withoutNulls({
      ...runTerms(input),
      prompt: isContinued(input, target) ? request.prompt?.hash : undefined,
    }),
  };
  const log = deps.log.open(run, logTerms(deps, input, run));
  return new ActiveRun(deps, { request, log, ...terms });
}

/**
 * Resolves what a request names: its session (undefined if its run will create it), model, tools, and the run that it
 * continues.
 * @throws ApiError as `prepareRun`.
 */
export async function resolveRequest(
  deps: RunDeps,
  asked: RunInput,
): Promise<{ request: ContextRequest; session: Session | undefined }> {
  const { sessionId, owner, previous } = asked;
  const session = sessionId === undefined ? undefined : await deps.sessions.check(sessionId, owner);
  const input = locked(asked, session?.lock);
  const target = await resolveModelTarget(deps, input);
  const from = previous === undefined ? undefined : await checkPrevious(deps, previous, owner);
  const tools = selectTools(deps.tools.current, input);
  const history = sessionId === undefined ? await readHistory(deps, input) : { added: input.items };
  const prompt = from?.prompt === undefined ? undefined : await deps.prompts.keep(from.prompt);
  return { request: { input, target, tools, previous, prompt, ...history }, session };
}

/**
 * Returns the tools that a run may use, in its directory. @throws ApiError 400 for a directory that it cannot work
 * in.
 */
export function selectTools(
  tools: ToolRegistry,
  { job, workdir, toolsets }: Pick<RunInput, "job" | "workdir" | "toolsets">,
): ToolRegistry {
  const here = workdir === undefined ? tools : toolsWithin(tools, workdir);
  return here.only({ forJob: job !== undefined, toolsets });
}

function toolsWithin(tools: ToolRegistry, workdir: string): ToolRegistry {
  try {
    return tools.within(workdir);
  } catch (error) {
    const why = (error instanceof Error ? error.message : String(error)).replaceAll(workdir, () =>
      shown(workdir),
    );
    throw invalidRequest("workdir", `'workdir' must be a directory in the workspace. ${why}`);
  }
}

/** Returns the parts of a request that belong to its run's identity. */
function runTerms(input: RunInput) {
  const { sessionId, previous, background, attended, job, byAgent, echo } = input;
  const isOpen = !isHidden(input);
  return {
    // A hidden run reads its session but is not part of it.
    hidden: isOpen ? undefined : true,
    sessionId: isOpen ? sessionId : undefined,
    parent: previous === undefined ? undefined : { runId: previous },
    background: background === true ? true : undefined,
    attended: attended === true ? true : undefined,
    job,
    byAgent,
    echo,
  };
}

function logTerms({ retention }: RunDeps, input: RunInput, { createdAt }: Run): LogTerms {
  const key = createClaim(input, createdAt);
  return {
    // The effects of a run with an idempotency key must be known after a crash.
    durable: input.background === true || key !== undefined,
    stored: key !== undefined || (input.store ?? true),
    expiresAt: computeExpiry(input, createdAt, retention),
    key,
  };
}

/** A session's model takes precedence over the model of its requests. @see hermes-api.md 1.13 */
function locked(input: RunInput, lock: ModelLock | undefined): RunInput {
  if (lock === undefined) return input;
  const { model, provider, settings } = lock;
  const ask = { ...(model !== undefined && { model }), ...(provider !== undefined && { provider }) };
  return { ...input, ask: { ...ask, isChosen: true }, settings: { ...settings, ...input.settings } };
}

/** Whether later runs may continue this one and need its core prompt. */
function isContinued({ policy, sessionId, store }: RunInput, { mode }: Target): boolean {
  return policy.isContinued && sessionId === undefined && store !== false && mode !== "plain";
}

/**
 * Returns the model for a request.
 * @throws ApiError 400 for an invalid model or provider, or the failure of the upstream that was asked for its
 * models.
 */
export async function resolveModelTarget(
  { models }: Pick<RunDeps, "models">,
  input: RunInput,
): Promise<Target> {
  const target = await resolveModel(models, input.ask);
  return input.mode === "plain" ? { ...target, mode: "plain" } : target;
}

/** Reads the history of a request without a session, and checks that the client's calls and results fit it. */
async function readHistory(
  { store }: RunDeps,
  input: RunInput,
): Promise<Pick<ContextRequest, "stored" | "added">> {
  const { owner, previous, policy, background } = input;
  const stored = previous === undefined ? [] : (await store.readTranscript(previous)).filter(isReadable);
  if (!input.items.some(isCallPart) && stored.length === 0) return { stored, added: input.items };
  const added = previous === undefined ? await restoreClientRuns(input.items, owner, store) : input.items;
  await checkClientCalls([...stored, ...added], {
    param: policy.inputField,
    isCut: (run) => isCut(store, run, owner),
  });
  // A background run may wait for long and should not hold its transcript in memory meanwhile.
  return { stored: background === true ? undefined : stored, added };
}

function isCallPart({ type }: ItemBody): boolean {
  return type === "function_call" || type === "function_call_output";
}

/**
 * Returns the run that a request continues.
 * @throws ApiError 400 when it has not ended, 400 or 404 as configured when this owner has no such run.
 */
export async function checkPrevious(
  { store, log, previousNotFound: kind }: RunDeps,
  id: RunId,
  owner: string,
): Promise<Run> {
  const name = responseId(id);
  const live = log.live(id);
  const found = await store.findRun(id, owner);
  const isHeld = found?.run.kind === "items";
  if (found?.endedAt !== undefined && !isHeld) return found.run;
  if (isHeld || (found === undefined && (live?.isStored !== true || !isOpenTo(live.run, owner)))) {
    throw previousNotFound(name, kind);
  }
  const message = `The response '${name}' is still in progress; wait for its end, or cancel it.`;
  throw invalidRequest("previous_response_id", message, "previous_response_in_progress");
}
