import { failureOf } from "../agent/failure.ts";
import { ApiError, invalidRequest } from "../domain/error.ts";
import { type RunId, responseId } from "../domain/id.ts";
import type { ItemBody } from "../domain/item.ts";
import type { Run, RunInput } from "../domain/run.ts";
import { newRunId } from "../lib/id.ts";
import { ProviderError } from "../providers/provider.ts";
import type { Target } from "../providers/resolve.ts";
import { ActiveRun, type History, type RunDeps } from "./active-run.ts";
import { checkClientCalls, isCut, restoreClientRuns } from "./history.ts";
import { expiryOf } from "./retention.ts";

/**
 * Checks a request and makes a run of it, which does nothing yet.
 * @throws ApiError 400 for a model, provider, session id, previous run or call id that cannot be, 404 for a foreign
 * session.
 */
export async function prepareRun(
  deps: RunDeps,
  input: RunInput,
  onEnd: (run: ActiveRun) => void,
): Promise<ActiveRun> {
  const target = await resolveTarget(deps, input);
  const { sessionId, owner, surface, previous, echo } = input;
  if (sessionId !== undefined) await deps.sessions.check(sessionId, owner);
  const history = sessionId === undefined ? await readHistory(deps, input) : undefined;
  const asked = input.ask.model ?? deps.models.name;
  const run: Run = {
    id: newRunId(deps.nextId),
    owner,
    surface,
    createdAt: deps.clock.now(),
    model: { asked, provider: target.provider.name, served: target.model },
    ...(sessionId !== undefined && { sessionId }),
    ...(previous !== undefined && { parent: { runId: previous } }),
    ...(echo !== undefined && { echo }),
  };
  const log = deps.log.open(run, {
    durable: false,
    stored: input.store ?? true,
    expiresAt: expiryOf(input, run.createdAt),
  });
  return new ActiveRun(deps, input, { run, target, log, history, onEnd });
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

/** A chat sends its whole conversation each time; any other surface may name the run that it goes on from. */
async function readHistory({ store }: RunDeps, input: RunInput): Promise<History> {
  const { owner, previous, surface } = input;
  if (previous !== undefined) await checkPrevious({ store }, previous, owner);
  const stored = previous === undefined ? [] : await store.readTranscript(previous);
  const keepsInput = surface !== "chat";
  if (!input.items.some(isCallPart) && stored.length === 0) return { stored, added: input.items, keepsInput };
  const added = previous === undefined ? await restoreClientRuns(input.items, owner, store) : input.items;
  await checkClientCalls([...stored, ...added], {
    surface,
    isCut: (run) => isCut(store, run, owner),
  });
  return { stored, added, keepsInput };
}

function isCallPart({ type }: ItemBody): boolean {
  return type === "function_call" || type === "function_call_output";
}

async function checkPrevious({ store }: Pick<RunDeps, "store">, id: RunId, owner: string): Promise<void> {
  const found = await store.findRun(id, owner);
  const name = responseId(id);
  if (found === undefined) {
    const message = `Previous response with id '${name}' not found.`;
    throw invalidRequest("previous_response_id", message, "previous_response_not_found");
  }
  if (found.endedAt !== undefined) return;
  const message = `The response '${name}' is still in progress; wait for its end, or cancel it.`;
  throw invalidRequest("previous_response_id", message, "previous_response_in_progress");
}
