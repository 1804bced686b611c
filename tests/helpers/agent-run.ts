import { expect } from "vitest";
import { z } from "zod";
import { type AgentRun, runAgent } from "../../src/agent/loop.ts";
import { repairTranscript } from "../../src/context/repair.ts";
import { type AgentEvent, type EventBody, isTerminal, type TerminalEvent } from "../../src/domain/event.ts";
import { type ItemBody, textMessage } from "../../src/domain/item.ts";
import type { RunInput } from "../../src/domain/run.ts";
import { RUN_POLICIES } from "../../src/domain/run-policy.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { defineTool, type Effect, type Tool, type ToolContext } from "../../src/tools/define.ts";
import { createRegistry, type ToolRegistry } from "../../src/tools/registry.ts";
import { aRun, OWNER } from "./stored.ts";

/** What a test wants of a run; the rest is the least that works. */
export interface AgentTerms extends Partial<Omit<AgentRun, "context" | "emit" | "limits">> {
  provider: Provider;
  tools?: ToolRegistry;
  /** The transcript; the input's items when left out. */
  items?: readonly ItemBody[];
  core?: string;
  input?: Partial<RunInput>;
  limits?: Partial<AgentRun["limits"]>;
  /** Hears each event in the call that emits it. */
  hear?: (event: EventBody) => void;
}

/** What came of a run. */
export interface AgentOutcome {
  events: AgentEvent[];
  end: TerminalEvent;
  faults: unknown[];
}

export const QUESTION: ItemBody = textMessage("user", "Do it.");

export function inputOf(terms: Partial<RunInput> = {}): RunInput {
  const { surface = "chat" } = terms;
  return {
    surface,
    policy: RUN_POLICIES[surface],
    owner: OWNER,
    ask: {},
    mode: "agent",
    items: [QUESTION],
    tools: [],
    toolChoice: { mode: "auto" },
    settings: {},
    deltas: true,
    ...terms,
  };
}

/** Runs the agent to its end, which must be whole: one terminal event, the last, and no item left open. */
export async function playAgent(terms: AgentTerms): Promise<AgentOutcome> {
  const { input, limits, hear, provider, tools, items, core, ...rest } = terms;
  const run = rest.run ?? aRun();
  const events: AgentEvent[] = [];
  const faults: unknown[] = [];
  await runAgent({
    run,
    context: {
      input: inputOf(input),
      target: { provider, model: run.model.served, mode: "agent" },
      tools: tools ?? registryOf([]),
      core: core ?? "",
      leftOut: [],
      instructions: input?.instructions,
      previous: undefined,
      added: [],
      items: repairTranscript(items ?? input?.items ?? [QUESTION]),
    },
    firstNumber: 1,
    limits: { maxSteps: 10, maxRunMs: 60_000, contextTokens: 128_000, maxOutputTokens: 0, ...limits },
    stream: true,
    signal: new AbortController().signal,
    emit: (event) => {
      events.push({ ...structuredClone(event), runId: run.id, seq: events.length + 1, at: 0 });
      hear?.(event);
    },
    onFault: (error) => faults.push(error),
    ...rest,
  });
  // Whatever was still on its way when the run ended says nothing more.
  await new Promise(setImmediate);
  return { events, end: expectWhole(events), faults };
}

function expectWhole(events: readonly AgentEvent[]): TerminalEvent {
  const last = events.at(-1);
  expect(events.filter(isTerminal)).toHaveLength(1);
  const open = new Set<string>();
  const done = new Set<string>();
  for (const event of events) {
    if (event.type === "item.added") open.add(event.item.id);
    if (event.type === "item.delta") expect(open, `delta of ${event.itemId}`).toContain(event.itemId);
    if (event.type !== "item.done") continue;
    expect(done, `${event.item.id} done twice`).not.toContain(event.item.id);
    expect(event.item.status).not.toBe("in_progress");
    done.add(event.item.id);
    open.delete(event.item.id);
  }
  expect([...open]).toEqual([]);
  if (last === undefined || !isTerminal(last)) throw new Error("the run has no end");
  return last;
}

/** A tool that does what a test says. */
export function fakeTool(
  name: string,
  run: (args: Record<string, unknown>, context: ToolContext) => Promise<string> | string,
  terms: { effect?: Effect; parameters?: z.ZodType<Record<string, unknown>> } = {},
): Tool {
  return defineTool({
    name,
    toolset: "test",
    description: name,
    emoji: "🔧",
    effect: terms.effect ?? "read",
    parameters: terms.parameters ?? z.looseObject({}),
    preview: () => "",
    run: async (args, context) => run(args as Record<string, unknown>, context),
  });
}

/** A registry of tools that need neither files nor commands, behind a policy that allows everything. */
export function registryOf(tools: readonly Tool[]): ToolRegistry {
  const nothing = new Proxy({}, { get: () => () => Promise.reject(new Error("not in this test")) });
  return createRegistry(
    { tools },
    {
      workspace: nothing as never,
      sandbox: nothing as never,
      policy: () => ({ verdict: "allow" }),
    },
  );
}
