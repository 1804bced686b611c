import { onTestFinished } from "vitest";
import { type AgentEvent, type EventBody, isTerminal, statusAfter } from "../../src/domain/event.ts";
import { itemId, type RunId } from "../../src/domain/id.ts";
import { type Item, type ItemBody, itemPrefix, joinText, textMessage } from "../../src/domain/item.ts";
import type { Run } from "../../src/domain/run.ts";
import type { PromptSnapshot, Session } from "../../src/domain/session.ts";
import { NO_USAGE } from "../../src/domain/usage.ts";
import { createIdSource, newRunId } from "../../src/lib/id.ts";
import type { RunWrite, Store } from "../../src/storage/store.ts";

let time = 0;
/** Each id sorts after the one before. */
const nextId = createIdSource(() => ++time);

export const OWNER = "owner";
export const PROMPT: PromptSnapshot = { text: "You are a test.", hash: "0" };

/** A run that nobody else has. */
export function aRun(terms: Partial<Run> = {}): Run {
  return {
    id: newRunId(nextId),
    owner: OWNER,
    surface: "chat",
    createdAt: 1_000,
    model: { asked: "m", provider: "p", served: "m" },
    ...terms,
  };
}

/** A run that goes on where another ended. */
export function following(parent: Run, terms: Partial<Run> = {}): Run {
  return aRun({ parent: { runId: parent.id }, ...terms });
}

export function aSession(id: string, terms: Partial<Session> = {}): Session {
  return { id, owner: OWNER, createdAt: 1_000, prompt: PROMPT, ...terms };
}

/** A run's n-th item. */
export function itemOf(run: { id: RunId }, n: number, body: ItemBody, terms: Partial<Item> = {}): Item {
  const identity = { id: itemId(itemPrefix(body), run.id, n), status: "completed", place: "output" } as const;
  return { ...identity, ...body, ...terms } as Item;
}

export function userItem(run: { id: RunId }, n: number, text: string): Item {
  return itemOf(run, n, textMessage("user", text), { place: "input" });
}

export function saidItem(run: { id: RunId }, n: number, text: string, terms: Partial<Item> = {}): Item {
  return itemOf(run, n, textMessage("assistant", text), terms);
}

/** Numbers events from `from` on. */
export function numbered(run: Run, bodies: readonly EventBody[], from = 1): AgentEvent[] {
  return bodies.map((body, i) => ({ runId: run.id, seq: from + i, at: 2_000 + i, ...body }));
}

/** What a log would write for these events. */
export function writeOf(run: Run, events: readonly AgentEvent[], terms: Partial<RunWrite> = {}): RunWrite {
  const last = events.at(-1);
  const ended = last !== undefined && isTerminal(last);
  return {
    run,
    created: events[0]?.type === "run.created",
    status: ended ? statusAfter(last) : "running",
    events,
    reservedSeq: (last?.seq ?? 0) + 1_000,
    ...(ended && { endedAt: last.at, usage: last.usage }),
    ...terms,
  };
}

export const STARTED: EventBody = { type: "run.started" };
export const COMPLETED: EventBody = { type: "run.completed", reason: "stop", usage: NO_USAGE, steps: 1 };

/** The whole log of a run that was asked something and answered. */
export function dialogue(run: Run, question: string, answer: string): AgentEvent[] {
  const said = saidItem(run, 1, answer);
  return numbered(run, [
    { type: "run.created", run, input: [userItem(run, 0, question)] },
    STARTED,
    { type: "item.added", item: saidItem(run, 1, "", { status: "in_progress" }) },
    { type: "item.delta", itemId: said.id, channel: "text", delta: answer },
    { type: "item.done", item: said },
    COMPLETED,
  ]);
}

/** Items in few words: who said what. */
export function transcriptOf(items: readonly ItemBody[]): string[] {
  return items.map((item) => {
    if (item.type === "message") return `${item.role}: ${joinText(item.content)}`;
    if (item.type === "function_call") return `call ${item.name}`;
    if (item.type === "function_call_output") return `result ${joinText(item.output)}`;
    return item.type;
  });
}

export type Open = () => Promise<Store>;

/** Stores that are closed when their test is over. */
export function openForTest(open: Open): Open {
  return async () => {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  };
}

/** A whole run, stored at once. */
export async function keep(store: Store, run: Run, question: string, answer: string, expiresAt?: number) {
  await store.append([
    writeOf(run, dialogue(run, question, answer), expiresAt === undefined ? {} : { expiresAt }),
  ]);
}

/** The beginning of an SQLite database that is not ours. */
export const FOREIGN_DATABASE = Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(4_080)]);
