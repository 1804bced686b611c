import { createPrompts } from "../../src/context/prompt-cache.ts";
import type { AgentEvent } from "../../src/domain/event.ts";
import type { RunInput } from "../../src/domain/run.ts";
import { EventLog } from "../../src/eventlog/event-log.ts";
import { createIdSource } from "../../src/lib/id.ts";
import type { Provider } from "../../src/providers/provider.ts";
import type { Models } from "../../src/providers/resolve.ts";
import type { LiveRun } from "../../src/runs/live-run.ts";
import { Runs, type RunsDeps } from "../../src/runs/service.ts";
import { createSessions } from "../../src/sessions/service.ts";
import type { Store } from "../../src/storage/store.ts";
import { inputOf, registryOf } from "./agent-run.ts";
import { type HookedStore, hookedStore } from "./hooked-store.ts";
import { TestReader } from "./readers.ts";
import { PROMPT } from "./stored.ts";

/** Runs over a provider and a store in memory. */
export interface RunService extends HookedStore {
  runs: Runs;
  models: Models;
  faults: unknown[];
  /** Admits a run and does it; what it published. */
  ask(input: Partial<RunInput>): Promise<{ run: LiveRun; events: AgentEvent[] }>;
}

/** `left`: the store of a former process. */
export async function runService(
  provider: Provider,
  terms: Partial<RunsDeps> = {},
  left?: Store,
): Promise<RunService> {
  const hooked = await hookedStore(left);
  const { store } = hooked;
  const faults: unknown[] = [];
  const clock = { now: Date.now, elapsed: () => performance.now() };
  const prompt = { current: async () => PROMPT, leftOut: () => [] };
  const onFault = (error: unknown) => faults.push(error);
  const models = terms.models ?? modelsOf(provider);
  const runs = new Runs({
    store,
    log: new EventLog({ store, clock, onFault }),
    sessions: createSessions({ store, prompt, clock, nextId: createIdSource() }),
    models,
    prompts: createPrompts(prompt, store),
    tools: { current: registryOf([]) },
    previousNotFound: "invalid",
    limits: { maxSteps: 10, maxRunMs: 60_000, contextTokens: 128_000, maxOutputTokens: 0 },
    upstreamStream: "auto",
    historyOutputChars: 0,
    ephemeralPrompt: undefined,
    clock,
    nextId: createIdSource(),
    onFault,
    maxConcurrent: 0,
    maxQueued: 100,
    approvalTimeoutMs: 60_000,
    retention: { responsesMs: 0, runsMs: 0 },
    ...terms,
  });
  const ask = async (input: Partial<RunInput>) => {
    const run = await runs.admit(inputOf(input));
    const reader = new TestReader();
    const followed = run.follow(reader);
    await Promise.all([run.begin(), followed]);
    return { run, events: reader.events };
  };
  return Object.assign(hooked, { runs, models, faults, ask });
}

function modelsOf(provider: Provider): Models {
  return {
    name: "hermes-agent",
    resolve: async ({ model }) => [{ provider, model: "m", mode: model === "lite" ? "plain" : "agent" }],
    default: () => Promise.reject(new Error("not in this test")),
    list: () => [],
    close: () => provider.close(),
  };
}
