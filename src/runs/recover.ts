import { readResumption } from "../agent/resumption.ts";
import type { ContextRequest } from "../context/assemble.ts";
import { runInterrupted, serverRestarted } from "../domain/error.ts";
import { fold } from "../domain/fold.ts";
import type { RunId } from "../domain/id.ts";
import { listInteractions } from "../domain/interactions.ts";
import type { RunInput } from "../domain/run.ts";
import { RUN_POLICIES } from "../domain/run-policy.ts";
import { closeRun } from "../eventlog/close-run.ts";
import { allEvents } from "../eventlog/read-all.ts";
import type { Clock } from "../lib/clock.ts";
import type { Plan, RunWrite, Store, UnfinishedRun } from "../storage/store.ts";
import { ActiveRun, type RunParts } from "./active-run.ts";
import type { RunDeps } from "./deps.ts";
import { resolveModelTarget, selectTools } from "./prepare.ts";

/** How many processes may start a run. */
const MAX_ATTEMPTS = 5;

/** A run that a former process left and that can be resumed. */
export type Leftover = UnfinishedRun & { plan: Plan };

/** The runs that a former process left unfinished. */
interface Leftovers {
  /** How many runs were ended: a request without its client is not repeated. */
  ended: number;
  /** The runs to resume. */
  resumed: Leftover[];
}

/** Ends every unfinished run that cannot be resumed, so that none stays in progress for ever. */
export async function settleUnfinished(store: Store, clock: Clock): Promise<Leftovers> {
  const left = await store.unfinishedRuns();
  const resumed = left.filter((run) => run.plan !== undefined && run.plan.attempts < MAX_ATTEMPTS);
  const writes: RunWrite[] = [];
  for (const run of left) {
    if (resumed.includes(run)) continue;
    const { plan } = run;
    if (plan === undefined) writes.push(await closeRun(run, { store, clock, error: serverRestarted() }));
    else {
      const end = await closeRun(run, { store, clock, error: runInterrupted(plan.attempts) });
      writes.push({ ...end, status: "interrupted" });
    }
  }
  if (writes.length > 0) await store.append(writes);
  return { ended: writes.length, resumed: resumed as Leftover[] };
}

/**
 * Creates a run where its former process left it, ready to begin.
 * @throws ApiError when its model is no longer available.
 */
export async function resumeRun(
  deps: RunDeps,
  { run, status, reservedSeq, plan }: Leftover,
  terms: Pick<RunParts, "onEnd" | "slot">,
): Promise<ActiveRun> {
  const { store } = deps;
  const { attempts } = plan;
  const input = withPolicy(plan.input);
  const events = await allEvents(store, run.id);
  const { run: begun, input: items, lastSeq } = fold(events);
  const target = await resolveModelTarget(deps, input);
  const tools = selectTools(deps.tools.current, input);
  const prompt = run.prompt === undefined ? undefined : await deps.prompts.keep(run.prompt);
  const log = deps.log.open(run, {
    durable: true,
    stored: true,
    expiresAt: undefined,
    resumed: { storedSeq: lastSeq, reservedSeq, status },
  });
  const resumption = begun === undefined ? undefined : readResumption(events, attempts);
  const asked = run.attended === true ? listInteractions(events) : undefined;
  const request: ContextRequest = {
    input,
    target,
    tools,
    prompt,
    previous: run.parent?.runId as RunId | undefined,
    added: begun === undefined ? input.items : items,
    isBegun: begun !== undefined,
  };
  return new ActiveRun(deps, { request, log, resumption, asked, ...terms });
}

/** An older build stored plans without a policy. */
function withPolicy(input: RunInput): RunInput {
  const { policy = RUN_POLICIES[input.surface] } = input as Partial<RunInput>;
  return { ...input, policy };
}
