import { afterEach, describe, expect, test, vi } from "vitest";
import { RunStop } from "../../../src/agent/stop.ts";
import { runTimeout } from "../../../src/domain/error.ts";
import type { AgentEvent, EventBody } from "../../../src/domain/event.ts";
import type { Provider } from "../../../src/providers/provider.ts";
import type { ToolRegistry } from "../../../src/tools/registry.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import { call, fail, hold, say, scriptedProvider, think } from "../../helpers/scripted-provider.ts";
import { transcriptOf } from "../../helpers/stored.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Finished items and how they ended. */
function ended(events: readonly AgentEvent[]): string[] {
  return events.flatMap((event) =>
    event.type === "item.done" ? `${transcriptOf([event.item])[0]} (${event.item.status})` : [],
  );
}

/** Stops the run when something happens. */
function stopAt(happens: (event: EventBody) => boolean, stop = RunStop.cancel("client_disconnected")) {
  const abort = new AbortController();
  const hear = (event: EventBody) => {
    if (happens(event)) abort.abort(stop);
  };
  return { signal: abort.signal, hear };
}

const isDelta = (event: EventBody) => event.type === "item.delta";
const isResult = (event: EventBody) =>
  event.type === "item.added" && event.item.type === "function_call_output";

describe("a run that is stopped", () => {
  test("a run that is stopped in the middle of its text keeps what was said and is cancelled with the reason", async () => {
    const provider = scriptedProvider([[...think("hm"), ...say("One"), ...hold(createGate())]]);
    const text = (event: EventBody) => event.type === "item.delta" && event.delta === "One";
    const { events, end } = await playAgent({ provider, ...stopAt(text) });
    expect(end).toMatchObject({ type: "run.cancelled", reason: "client_disconnected", steps: 1 });
    expect(ended(events)).toEqual(["reasoning (incomplete)", "assistant: One (incomplete)"]);
    expect(provider.aborts).toEqual([RunStop.cancel("client_disconnected")]);
  });

  test("a run that is stopped by a limit fails with it", async () => {
    const provider = scriptedProvider([[...say("One"), ...hold(createGate())]]);
    const { end } = await playAgent({ provider, ...stopAt(isDelta, RunStop.fail(runTimeout(5_000))) });
    expect(end).toMatchObject({ type: "run.failed", error: { code: "run_timeout" } });
  });

  test("a run that is stopped in the middle of a call's arguments makes no call", async () => {
    const ran: string[] = [];
    const tool = fakeTool("work", () => String(ran.push("work")));
    const provider = scriptedProvider([[...call("work", { a: 1 }), ...hold(createGate())]]);
    const { events, end } = await playAgent({ provider, tools: registryOf([tool]), ...stopAt(isDelta) });
    expect(end.type).toBe("run.cancelled");
    expect(ended(events)).toEqual(["call work (incomplete)"]);
    expect(ran).toEqual([]);
  });

  test("a run that is stopped in the middle of its tools closes those that run, and takes nothing that they say later", async () => {
    const tool = fakeTool("work", async ({ n }, { signal, progress }) => {
      if (n === 1) return "done before";
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      progress("more");
      return "killed";
    });
    const provider = scriptedProvider([[...call("work", { n: 1 }), ...call("work", { n: 2 })]]);
    const first = (event: EventBody) =>
      event.type === "item.done" && event.item.type === "function_call_output";
    const { events, end } = await playAgent({ provider, tools: registryOf([tool]), ...stopAt(first) });
    expect(end.type).toBe("run.cancelled");
    expect(ended(events)).toEqual([
      "call work (completed)",
      "call work (completed)",
      "result done before (completed)",
      "result  (incomplete)",
    ]);
  });

  test("a run that is stopped does not wait for ever for a tool that does not heed it", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const never = createGate();
    const abort = new AbortController();
    const begun = Promise.withResolvers<void>();
    const tool = fakeTool("deaf", async () => {
      begun.resolve();
      await never.pass();
      return "at last";
    });
    const provider = scriptedProvider([call("deaf")]);
    const outcome = playAgent({ provider, tools: registryOf([tool]), signal: abort.signal });
    await begun.promise;
    abort.abort(RunStop.cancel("client_disconnected"));
    await vi.advanceTimersByTimeAsync(10_000);
    const { events, end } = await outcome;
    never.open();
    await new Promise(setImmediate);
    expect(end.type).toBe("run.cancelled");
    expect(ended(events).at(-1)).toBe("result  (incomplete)");
  });

  test("before it began asks nobody", async () => {
    const provider = scriptedProvider([say("never")]);
    const signal = AbortSignal.abort(RunStop.cancel("gone"));
    const { end } = await playAgent({ provider, signal });
    expect(end).toMatchObject({ type: "run.cancelled", reason: "gone" });
  });
});

describe("a run whose model fails", () => {
  test("a run whose model fails fails with what a client is told of it, and keeps what was said", async () => {
    const provider = scriptedProvider([[...say("One"), ...fail("overloaded")]]);
    const { events, end, faults } = await playAgent({ provider });
    expect(end).toMatchObject({ type: "run.failed", error: { code: "upstream_overloaded" } });
    expect(ended(events)).toEqual(["assistant: One (incomplete)"]);
    expect(faults).toEqual([]);
  });

  test("a run whose model fails in a way that nobody expected tells its log, and its client nothing", async () => {
    const bug = new TypeError("x is not a function");
    const { end, faults } = await playAgent({ provider: scriptedProvider([fail(bug)]) });
    expect(end).toMatchObject({ type: "run.failed", error: { code: "internal_error" } });
    expect(JSON.stringify(end)).not.toContain("not a function");
    expect(faults).toEqual([bug]);
  });

  test("a run whose model fails at once, before it returns a promise, fails no differently", async () => {
    const provider: Provider = {
      ...scriptedProvider([]),
      generate: () => {
        throw new TypeError("at once");
      },
    };
    const { end } = await playAgent({ provider });
    expect(end).toMatchObject({ type: "run.failed", error: { code: "internal_error" } });
  });
});

describe("a failed run may be asked for again", () => {
  test.each([
    ["read", true],
    ["idempotent", false],
    ["write", false],
  ] as const)("after a tool that is %s: %s", async (effect, may) => {
    const tool = fakeTool("work", () => "ok", { effect });
    const provider = scriptedProvider([call("work"), fail("overloaded")]);
    const { end } = await playAgent({ provider, tools: registryOf([tool]) });
    if (end.type !== "run.failed") throw new Error(end.type);
    expect(end.error.shouldRetry ?? true).toBe(may);
  });

  test("not when such a tool was only begun", async () => {
    const abort = new AbortController();
    const tool = fakeTool(
      "work",
      (_, { signal }) => {
        const killed = new Promise<string>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(new Error("killed")));
        });
        abort.abort(RunStop.fail(runTimeout(1)));
        return killed;
      },
      { effect: "write" },
    );
    const provider = scriptedProvider([call("work")]);
    const { end } = await playAgent({ provider, tools: registryOf([tool]), signal: abort.signal });
    expect(end).toMatchObject({ error: { code: "run_timeout", shouldRetry: false } });
  });

  test("a tool that would begin when its run is stopped already does not begin", async () => {
    const ran: string[] = [];
    const tool = fakeTool("work", () => String(ran.push("work")), { effect: "write" });
    const provider = scriptedProvider([[...call("work"), ...call("work")]]);
    const { end } = await playAgent({ provider, tools: registryOf([tool]), ...stopAt(isResult) });
    expect(end.type).toBe("run.cancelled");
    expect(ran).toEqual([]);
  });

  test("when a tool that writes was refused for its name only", async () => {
    const provider = scriptedProvider([call("nothing"), fail("overloaded")]);
    const { end } = await playAgent({ provider });
    expect(end).not.toHaveProperty("error.shouldRetry");
  });
});

test("a registry that throws in spite of its contract ends the run, and nothing is said after that", async () => {
  const slow = createGate();
  const tools: ToolRegistry = {
    ...registryOf([]),
    prepare: ({ name }) => ({
      effect: "read",
      display: { label: name, emoji: "🔧" },
      question: async () => undefined,
      run: async ({ progress }) => {
        if (name === "broken") throw new TypeError("bug");
        await slow.pass();
        progress("late");
        return { output: "late", isError: false };
      },
    }),
  };
  const heard: EventBody[] = [];
  const { end } = await playAgent({
    provider: scriptedProvider([[...call("slow"), ...call("broken")]]),
    tools,
    hear: (event) => heard.push(event),
  });
  expect(end).toMatchObject({ type: "run.failed", error: { code: "internal_error" } });
  slow.open();
  await new Promise(setImmediate);
  expect(heard.at(-1)?.type).toBe("run.failed");
});
