import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { RunInput } from "../domain/run.ts";
import type { PromptSnapshot } from "../domain/session.ts";
import type { SessionLease } from "../sessions/service.ts";
import type { RunParts } from "./active-run.ts";
import type { RunDeps } from "./deps.ts";
import { checkClientCalls, isCut, shortened } from "./history.ts";
import { inputItemsOf } from "./input-items.ts";
import { isReadable, newItems } from "./session-items.ts";

/** What a run goes on from when it has no session. */
export interface History {
  /** The transcript so far, as it is stored; read at the run's turn when undefined: a run can wait for long. */
  stored: readonly Item[] | undefined;
  /** What its request adds to that. */
  added: readonly ItemBody[];
  /** Whether what it adds is kept, so that later runs can go on from this one. */
  keepsInput: boolean;
}

/** What the agent starts from. */
export interface Start {
  /** The run's own input, kept for later runs of its session. */
  input: Item[];
  /** Everything that the model reads. */
  items: readonly ItemBody[];
  core: string;
  /** What its core prompt had to leave out, in sentences. */
  leftOut: readonly string[];
  /** What the session's own instructions say, before those of the request. */
  layer: string | undefined;
}

const NO_HISTORY: History = { stored: [], added: [], keepsInput: false };

/** A run whose turn it is. */
interface Beginning {
  deps: RunDeps;
  input: RunInput;
  parts: RunParts;
}

/** What a run starts from, once it has its session: an own history, a former process's, or its session's. */
export async function startOf(beginning: Beginning, lease: SessionLease | undefined): Promise<Start> {
  const { deps, parts } = beginning;
  const { target, history, resumption } = parts;
  if (lease !== undefined && resumption === undefined) return startInSession(beginning, lease);
  const prompt = lease?.session.prompt ?? parts.prompt;
  const core = target.mode === "plain" ? undefined : (prompt ?? (await deps.prompts.current()));
  const { stored, added, keepsInput } = history ?? NO_HISTORY;
  const layer = lease?.session.instructions;
  return joined(beginning, stored ?? (await ancestors(beginning)), { added, keepsInput, core, layer });
}

async function startInSession(beginning: Beginning, lease: SessionLease): Promise<Start> {
  const { deps, input, parts } = beginning;
  const { store } = deps;
  const { run, target } = parts;
  const { headRun, prompt, instructions: layer } = lease.session;
  // A session may begin where a response ended.
  const before = headRun ?? run.parent?.runId;
  const stored = before === undefined ? [] : await store.readTranscript(before as RunId, lease.session.id);
  const readable = stored.filter(isReadable);
  if (headRun !== undefined) run.parent = { runId: headRun };
  const added = input.newOnly ? input.items : newItems(input.items, readable);
  const core = target.mode === "plain" ? undefined : prompt;
  const start = joined(beginning, readable, { added, keepsInput: run.hidden !== true, core, layer });
  await checkClientCalls(start.items, {
    surface: run.surface,
    isCut: (cut) => isCut(store, cut, run.owner),
  });
  return start;
}

async function ancestors({ deps, parts }: Beginning): Promise<Item[]> {
  const { parent } = parts.run;
  if (parent === undefined) return [];
  return (await deps.store.readTranscript(parent.runId as RunId)).filter(isReadable);
}

/** What stands beside the stored transcript; no core prompt for a plain run. */
type Joining = Pick<History, "added" | "keepsInput"> &
  Pick<Start, "layer"> & { core: PromptSnapshot | undefined };

function joined(
  { deps, parts }: Beginning,
  stored: readonly Item[],
  { added, keepsInput, core, layer }: Joining,
): Start {
  return {
    input: keepsInput ? inputItemsOf(parts.run.id, added) : [],
    items: stored.length === 0 ? added : [...shortened(stored, deps.historyOutputChars), ...added],
    core: core?.text ?? "",
    leftOut: core === undefined ? [] : deps.prompts.leftOut(core.hash),
    layer,
  };
}
