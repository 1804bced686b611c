import { describe, expect, test, vi } from "vitest";
import { type AgentEvent, isTerminal } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import type { RunId } from "../../../src/domain/id.ts";
import { textMessage } from "../../../src/domain/item.ts";
import { createSeal } from "../../../src/lib/seal.ts";
import type { ModelRequest } from "../../../src/providers/provider.ts";
import { allEvents } from "../../../src/runs/all-events.ts";
import type { Store } from "../../../src/storage/store.ts";
import { ResponsesEncoder } from "../../../src/wire/responses/encode.ts";
import { fakeTool, registryOf } from "../../helpers/agent-run.ts";
import { framesOf } from "../../helpers/frames.ts";
import { type RunService, runService } from "../../helpers/run-service.ts";
import {
  type Answer,
  call,
  cost,
  hold,
  say,
  scriptedProvider,
  think,
} from "../../helpers/scripted-provider.ts";
import { OWNER, transcriptOf } from "../../helpers/stored.ts";

const NEVER = new Promise<void>(() => {});

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

/** A process: its model, its tools and what they did. */
async function start(left?: Store) {
  const effects: string[] = [];
  const tool = (name: string, effect: "read" | "write" | "idempotent") =>
    fakeTool(
      name,
      async (_args, { progress, callId }) => {
        await tick();
        effects.push(effect === "idempotent" ? `${name} ${callId}` : name);
        progress("…");
        return `${name}: ok`;
      },
      { effect },
    );
  const provider = scriptedProvider((request) => answer(request));
  const tools = registryOf([tool("read", "read"), tool("write", "write"), tool("settle", "idempotent")]);
  const service = await runService(provider, { tools }, left);
  return { ...service, hooked: service, provider, effects };
}

/** Takes a background run on and dies at its n-th write: before it, or before anybody hears of it. */
async function dieAt(at: number, when: "before" | "after") {
  const first = await start();
  let writes = 0;
  first.hooked[when] = () => (++writes >= at ? NEVER : undefined);
  const input = { surface: "responses", background: true, items: [textMessage("user", "Go.")] } as const;
  const admitted = first.runs.admit({ ...request(), ...input, items: [...input.items] });
  const run = await Promise.race([admitted, settled(first)]);
  if (run !== undefined) void run.begin();
  await settled(first);
  return { ...first, id: run?.run.id };
}

function request() {
  return {
    surface: "responses" as const,
    owner: OWNER,
    ask: {},
    mode: "agent" as const,
    tools: [],
    toolChoice: { mode: "auto" as const },
    settings: {},
    deltas: true,
  };
}

/** Resolves when the process does nothing more: it waits for a write that never ends. */
async function settled({
  appends,
  effects,
  provider,
}: Awaited<ReturnType<typeof start>>): Promise<undefined> {
  let seen = "";
  for (let quiet = 0; quiet < 20; ) {
    await new Promise(setImmediate);
    const now = `${appends.length} ${effects.length} ${provider.requests.length}`;
    quiet = now === seen ? quiet + 1 : 0;
    seen = now;
  }
  return undefined;
}

async function finish({ inner, runs }: RunService, id: RunId): Promise<AgentEvent[]> {
  await runs.recover();
  return vi.waitFor(async () => {
    const events = await allEvents(inner, id);
    expect(events.filter(isTerminal)).toHaveLength(1);
    return events;
  });
}

const WHOLE = [
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

const POINTS = Array.from({ length: 9 }, (_, n) => n + 1).flatMap((at) => [
  { at, when: "before" as const },
  { at, when: "after" as const },
]);

test("a run that had no turn before it was given up still has what it was asked", async () => {
  const first = await dieAt(2, "before");
  const [left] = await first.inner.unfinishedRuns();
  if (left?.plan === undefined) throw new Error("nothing was left");
  const again = { input: left.plan.input, attempts: 5 };
  await first.inner.append([
    {
      run: left.run,
      created: false,
      status: "queued",
      events: [],
      reservedSeq: left.reservedSeq,
      plan: again,
    },
  ]);
  const last = await start(first.inner);
  expect(await last.runs.recover()).toEqual({ ended: 1, resumed: 0 });
  expect(transcriptOf(await last.inner.readTranscript(left.run.id))).toEqual(["user: Go."]);
});

describe("a background run whose process dies", () => {
  test.each(POINTS)("$when its write $at ends as if nothing had happened", async ({ at, when }) => {
    const first = await dieAt(at, when);
    const [left] = await first.inner.unfinishedRuns();
    // Before the first it was never acknowledged; after the sixth it may be over.
    if (at > 1 && at < 7) expect(left).toBeDefined();
    if (left === undefined) {
      // Its client was never told of it, or it was over before there were so many writes.
      const run = first.id && (await first.inner.findRun(first.id, OWNER));
      expect(run?.status ?? "unknown").toBe(first.id === undefined ? "unknown" : "completed");
      return;
    }
    const second = await start(first.inner);
    const { id } = left.run;
    const events = await finish(second, id);
    const { status, items, usage } = fold(events);
    expect(status).toBe("completed");
    expect(items.filter((item) => item.status === "in_progress")).toEqual([]);
    const seqs = events.map(({ seq }) => seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    // A write is made once; only when it had begun and its outcome was lost, the model is told so instead.
    const transcript = transcriptOf(await second.inner.readTranscript(id));
    const writes = [...first.effects, ...second.effects].filter((effect) => effect === "write");
    const isLost = transcript.some((line) => line.includes("outcome is unknown"));
    expect(writes.length).toBeLessThanOrEqual(1);
    expect(writes.length === 1 || isLost).toBe(true);
    const expected = isLost ? WHOLE.toSpliced(6, 1, transcript[6] ?? "") : WHOLE;
    expect(transcript).toEqual(expected);
    // What an answer cost is known once, whoever heard it.
    expect(usage).toMatchObject({ inputTokens: 30, outputTokens: 15 });
    // A call that may be repeated is repeated under its own id.
    const settles = new Set(
      [...first.effects, ...second.effects].filter((effect) => effect.startsWith("settle")),
    );
    expect(settles.size).toBe(1);
    expectNumbered(
      first.appends.flat().flatMap(({ events: stored }) => stored),
      events,
    );
    expect(await second.inner.unfinishedRuns()).toEqual([]);
    expect(await second.inner.findRun(id, OWNER)).toMatchObject({ status: "completed" });
  });

  test("is begun again a few times, then ends as interrupted", async () => {
    const first = await dieAt(5, "before");
    const id = first.id as RunId;
    let store = first.inner;
    for (let attempt = 2; attempt <= 5; attempt++) {
      const next = await start(store);
      let writes = 0;
      // The attempt itself is counted, then this process dies, too.
      next.hooked.before = () => (++writes > 1 ? NEVER : undefined);
      expect(await next.runs.recover()).toEqual({ ended: 0, resumed: 1 });
      await settled(next);
      store = next.inner;
    }
    const last = await start(store);
    expect(await last.runs.recover()).toEqual({ ended: 1, resumed: 0 });
    expect(await last.inner.findRun(id, OWNER)).toMatchObject({ status: "interrupted" });
    const events = await allEvents(last.inner, id);
    expect(events.at(-1)).toMatchObject({ type: "run.failed", error: { code: "server_restarted" } });
  });
});

/** No frame's number is used twice, before the crash and after it, and a replay gives each the number it had. */
function expectNumbered(before: readonly AgentEvent[], after: readonly AgentEvent[]): void {
  const created = after.find((event) => event.type === "run.created");
  if (created?.type !== "run.created") throw new Error("no run");
  const print = (events: readonly AgentEvent[]) => {
    const encoder = new ResponsesEncoder({
      run: created.run,
      toolItems: "mcp_call",
      seal: createSeal("test"),
    });
    const text = encoder.open() + events.map((event) => encoder.push(event)).join("");
    const frames = framesOf(text).filter(({ data }) => data !== "[DONE]");
    return frames.map(({ data = "" }) => data);
  };
  const numbers = (frames: readonly string[]) =>
    frames.map((frame) => (JSON.parse(frame) as { sequence_number: number }).sequence_number);
  const [told, replayed] = [print(before), print(after)];
  expect(numbers(replayed)).toEqual([...new Set(numbers(replayed))].sort((a, b) => a - b));
  const restarted = after.find((event) => event.type === "step.restarted");
  const limit = restarted === undefined ? Number.POSITIVE_INFINITY : restarted.seq * 64;
  expect(Math.max(...numbers(told))).toBeLessThan(limit);
  // Nothing but the acknowledgement was told of a run that had not begun.
  if (restarted === undefined) return;
  const same = replayed.filter((_frame, i) => (numbers(replayed)[i] ?? 0) < limit);
  expect(told.slice(0, same.length)).toEqual(same);
}
