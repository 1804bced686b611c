import { expect, vi } from "vitest";
import { type AgentEvent, isTerminal } from "../../src/domain/event.ts";
import type { RunId } from "../../src/domain/id.ts";
import { textMessage } from "../../src/domain/item.ts";
import type { RunInput } from "../../src/domain/run.ts";
import { allEvents } from "../../src/eventlog/read-all.ts";
import type { ModelRequest } from "../../src/providers/provider.ts";
import type { Store } from "../../src/storage/store.ts";
import { fakeTool, inputOf, registryOf } from "./agent-run.ts";
import { type RunService, runService } from "./run-service.ts";
import { type Answer, call, cost, hold, say, scriptedProvider, think } from "./scripted-provider.ts";
import { OWNER } from "./stored.ts";

/** A write that a dead process never hears of. */
export const NEVER = new Promise<void>(() => {});

/** What the model says next, by what it has read: two calls side by side, then one, then an answer. */
function answer({ items }: ModelRequest): Answer {
  const results = items.filter(({ type }) => type === "function_call_output").length;
  const used = cost({ inputTokens: 10, outputTokens: 5 });
  if (results === 0) {
    const calls = [...call("read"), ...call("write")];
    return [...TICK, ...think("Hmm."), ...TICK, ...say("I "), ...TICK, ...say("look."), ...calls, ...used];
  }
  if (results === 2) return [...TICK, ...say("Once "), ...TICK, ...say("more."), ...call("settle"), ...used];
  return [...say("All "), ...TICK, ...say("done."), ...used];
}

/** Long enough for a write. */
const tick = () => new Promise<void>((resolve) => setImmediate(resolve));
const TICK = hold({ open: () => undefined, reached: tick, pass: tick });

/** A process: its model, its tools and what they did; `onRead` is called when the tool that reads is. */
export async function startProcess(left?: Store, onRead: () => void = () => undefined) {
  const effects: string[] = [];
  const tool = (name: string, effect: "read" | "write" | "idempotent") =>
    fakeTool(
      name,
      async (_args, { progress, callId }) => {
        if (name === "read") onRead();
        await tick();
        effects.push(effect === "idempotent" ? `${name} ${callId}` : name);
        progress("…");
        return `${name}: ok`;
      },
      { effect },
    );
  const provider = scriptedProvider((request) => answer(request));
  const tools = registryOf([tool("read", "read"), tool("write", "write"), tool("settle", "idempotent")]);
  const service = await runService(provider, { tools: { current: tools } }, left);
  return { ...service, hooked: service, provider, effects };
}

/** Which run dies. */
export type Kind = "background response" | "session run" | "steered run";

const KINDS: Record<Kind, Partial<RunInput>> = {
  "background response": { surface: "responses" },
  "session run": { surface: "runs", sessionId: "s" },
  "steered run": { surface: "runs" },
};

/** What a person says to the steered run while its first tools run. */
export const STEER = "Hurry.";

/** The input of a run that goes on after a crash. */
export function crashInput(kind: Kind): RunInput {
  return inputOf({ background: true, items: [textMessage("user", "Go.")], ...KINDS[kind] });
}

/**
 * Takes a background run on and dies at its n-th write: before it, or before anybody hears of it. `isSteered`: its
 * client was told that its words are stored.
 */
export async function dieAt(at: number, when: "before" | "after", kind: Kind = "background response") {
  let id: RunId | undefined;
  let isSteered = false;
  const first = await startProcess(undefined, () => {
    if (kind !== "steered run" || id === undefined) return;
    const steered = first.runs.steer(id, OWNER, STEER);
    void steered.then((taken) => {
      isSteered = taken;
    });
  });
  let writes = 0;
  first.hooked[when] = () => (++writes >= at ? NEVER : undefined);
  const run = await Promise.race([first.runs.admit(crashInput(kind)), settled(first)]);
  id = run?.run.id;
  if (run !== undefined) void run.begin();
  await settled(first);
  return { ...first, id, isSteered, hasDied: writes >= at };
}

/** Resolves when the process does nothing more: it waits for a write that never ends. */
export async function settled({
  appends,
  effects,
  provider,
}: Awaited<ReturnType<typeof startProcess>>): Promise<undefined> {
  let seen = "";
  for (let quiet = 0; quiet < 20; ) {
    await new Promise(setImmediate);
    const now = `${appends.length} ${effects.length} ${provider.requests.length}`;
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
  }
  return undefined;
}

/** Recovers as a new process does, and waits for the run to end. */
export async function finish({ inner, runs }: RunService, id: RunId): Promise<AgentEvent[]> {
  await runs.recover();
  return vi.waitFor(async () => {
    const events = await allEvents(inner, id);
    expect(events.filter(isTerminal)).toHaveLength(1);
    return events;
  });
}

/** What is said in a run that nothing disturbs. */
export const WHOLE = [
  "user: Go.",
  "reasoning",
  "assistant: I look.",
  "call read",
  "call write",
  "result read: ok",
  "result write: ok",
  "assistant: Once more.",
  "call settle",
  "result settle: ok",
  "assistant: All done.",
];
