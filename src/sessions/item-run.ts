import type { AgentEvent } from "../domain/event.ts";
import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { Run } from "../domain/run.ts";
import { NO_USAGE } from "../domain/usage.ts";
import { numberInputItems } from "../eventlog/input-items.ts";
import type { Clock } from "../lib/clock.ts";
import { newRunId } from "../lib/id.ts";
import type { RunWrite } from "../storage/store.ts";

/** What a run that only holds items needs. */
interface HolderTerms {
  /** Undefined for a new id. */
  runId?: RunId | undefined;
  /** The session's id. */
  id: string;
  owner: string;
  /** Where the session ends so far. */
  parent: Run["parent"] | undefined;
  bodies: readonly ItemBody[];
}

const NO_MODEL = { asked: "", provider: "", served: "" };

/**
 * Creates a finished run without an agent: it holds items that a client put into a session, or marks where a fork
 * starts.
 */
export function createItemRun(
  { clock, nextId }: { clock: Clock; nextId(): string },
  { runId, id, owner, parent, bodies }: HolderTerms,
): { input: Item[]; write: RunWrite } {
  const at = clock.now();
  const run: Run = {
    id: runId ?? newRunId(nextId),
    owner,
    surface: "conversations",
    kind: "items",
    createdAt: at,
    model: NO_MODEL,
    sessionId: id,
    ...(parent !== undefined && { parent }),
  };
  const input = numberInputItems(run.id, bodies);
  const events: AgentEvent[] = [
    { runId: run.id, seq: 1, at, type: "run.created", run, input },
    { runId: run.id, seq: 2, at, type: "run.completed", reason: "stop", usage: NO_USAGE, steps: 0 },
  ];
  const write = { run, created: true, status: "completed", events, reservedSeq: 2, endedAt: at } as const;
  return { input, write: { ...write, usage: NO_USAGE } };
}
