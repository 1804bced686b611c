import { describe, expect, test, vi } from "vitest";
import { RunStop } from "../../../src/agent/stop.ts";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { callId } from "../../../src/domain/id.ts";
import { textMessage } from "../../../src/domain/item.ts";
import type { Models } from "../../../src/providers/resolve.ts";
import { StorageError } from "../../../src/storage/store.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { fakeTool, inputOf, registryOf } from "../../helpers/agent-run.ts";
import { runService } from "../../helpers/run-service.ts";
import {
  call,
  fail,
  hold,
  type ScriptedProvider,
  say,
  scriptedProvider,
} from "../../helpers/scripted-provider.ts";
import { aSession, OWNER, transcriptOf } from "../../helpers/stored.ts";

/** The machine may be busy with other tests. */
const PATIENT = { interval: 5, timeout: 10_000 };

const user = (text: string) => textMessage("user", text);
const said = (text: string) => textMessage("assistant", text);
const inSession = (...items: ReturnType<typeof user>[]) => ({ sessionId: "s", items });

function endOf(events: readonly AgentEvent[]): string {
  const last = events.at(-1);
  return last?.type === "run.failed" ? last.error.code : (last?.type ?? "none");
}

/** What the model read at its n-th call, from 1. */
function read(provider: ScriptedProvider, n: number): string[] {
  return transcriptOf(provider.requests[n - 1]?.items ?? []);
}

describe("admission", () => {
  test("ends at the cap, and goes on when a run has ended", async () => {
    const gate = createGate();
    const provider = scriptedProvider(() => [...hold(gate), ...say("ok")]);
    const { runs } = await runService(provider, { maxConcurrent: 2 });
    const live = await Promise.all([runs.admit(inputOf()), runs.admit(inputOf())]);
    const done = live.map((run) => run.begin());
    const refusal = { failure: { code: "rate_limit_exceeded", retryAfterMs: 1_000 } };
    await expect(runs.admit(inputOf())).rejects.toMatchObject(refusal);
    expect(runs.active).toBe(2);
    gate.open();
    await Promise.all(done);
    expect(runs.active).toBe(0);
    await (await runs.admit(inputOf())).begin();
  });

  test("admission counts no request that was refused", async () => {
    const { runs } = await runService(scriptedProvider([]), { maxConcurrent: 1 });
    for (let n = 0; n < 3; n++) {
      const refused = runs.admit(inputOf({ sessionId: "../x" }));
      await expect(refused).rejects.toMatchObject({ failure: { code: "invalid_value" } });
    }
    expect(runs.active).toBe(0);
  });

  test("admission of a foreign session is refused as of one that does not exist, before anything is run", async () => {
    const { runs, store } = await runService(scriptedProvider([]));
    await store.sessions.create(aSession("s", { owner: "somebody else" }));
    await expect(runs.admit(inputOf({ sessionId: "s" }))).rejects.toMatchObject({
      failure: { code: "session_not_found" },
    });
  });
});

describe("a drain", () => {
  test("a drain takes nothing new, lets runs finish, and resolves when all is stored", async () => {
    const gate = createGate();
    const { runs, store } = await runService(scriptedProvider([[...hold(gate), ...say("ok")]]));
    const run = await runs.admit(inputOf());
    void run.begin();
    await gate.reached();
    const drained = runs.drain(60_000);
    await expect(runs.admit(inputOf())).rejects.toMatchObject({
      failure: { code: "gateway_draining" },
    });
    expect(runs.isDraining).toBe(true);
    gate.open();
    await drained;
    expect(await store.findRun(run.run.id, OWNER)).toMatchObject({ status: "completed" });
  });

  test("ends what does not finish, waiting runs and runs in preparation too", async () => {
    const gate = createGate();
    const provider = scriptedProvider(() => hold(gate));
    const service = await runService(provider);
    const { runs } = service;
    const first = service.ask(inSession(user("1?")));
    await gate.reached();
    const waiting = service.ask(inSession(user("2?")));
    await vi.waitFor(() => expect(runs.active).toBe(2), PATIENT);
    await runs.drain(1);
    expect([endOf((await first).events), endOf((await waiting).events)]).toEqual([
      "server_shutdown",
      "server_shutdown",
    ]);
    expect(runs.active).toBe(0);
  });

  test("ends a run that was still being looked into when time was up", async () => {
    const looking = Promise.withResolvers<void>();
    const provider = scriptedProvider(() => hold(createGate()));
    const models: Models = {
      ...(await runService(provider)).models,
      resolve: async ({ model }) => {
        if (model === "slow") await looking.promise;
        return [{ provider, model: "m", mode: "agent" }];
      },
    };
    const service = await runService(provider, { models });
    const first = service.ask({});
    const second = service.ask({ ask: { model: "slow" } });
    const drained = service.runs.drain(1);
    expect(endOf((await first).events)).toBe("server_shutdown");
    looking.resolve();
    expect(endOf((await second).events)).toBe("server_shutdown");
    await drained;
  });

  test("a drain of an idle server is over at once", async () => {
    const { runs } = await runService(scriptedProvider([]));
    await runs.drain(60_000);
  });
});

describe("a session", () => {
  test("a session that is unknown begins with the run, and the next run reads what was said", async () => {
    const provider = scriptedProvider([say("1!"), say("2!")]);
    const { ask, store } = await runService(provider);
    const first = await ask(inSession(user("1?")));
    expect(first.run.run.sessionId).toBe("s");
    const second = await ask(inSession(user("1?"), said("1!"), user("2?")));
    expect(read(provider, 2)).toEqual(["user: 1?", "assistant: 1!", "user: 2?"]);
    expect(second.run.run.parent).toEqual({ runId: first.run.run.id });
    const stored = transcriptOf(await store.readTranscript(second.run.run.id));
    expect(stored).toEqual(["user: 1?", "assistant: 1!", "user: 2?", "assistant: 2!"]);
  });

  test("a session that is busy makes a run wait for its turn, after which it reads the other's answer", async () => {
    const gate = createGate();
    const provider = scriptedProvider([[...hold(gate), ...say("1!")], say("2!")]);
    const { ask } = await runService(provider);
    const first = ask(inSession(user("1?")));
    await gate.reached();
    const second = ask(inSession(user("2?")));
    gate.open();
    await Promise.all([first, second]);
    expect(read(provider, 2)).toEqual(["user: 1?", "assistant: 1!", "user: 2?"]);
  });

  test.each([
    ["by its client", RunStop.cancel("client_disconnected"), "run.cancelled"],
    ["by a limit", RunStop.fail({ code: "run_timeout", message: "" }), "run_timeout"],
  ])("a session is not harmed by a run that was stopped while it waited: %s", async (_, stop, end) => {
    const gate = createGate();
    const provider = scriptedProvider([[...hold(gate), ...say("1!")], say("3!")]);
    const { ask, runs, store } = await runService(provider);
    const first = ask(inSession(user("1?")));
    await gate.reached();
    const waiting = await runs.admit(inputOf(inSession(user("2?"))));
    const done = waiting.begin();
    waiting.stop(stop);
    await done;
    expect(await store.sessions.find("s", OWNER)).not.toMatchObject({ headRun: waiting.run.id });
    const events = await store.readEvents(waiting.run.id, { afterSeq: 0, limit: 10 });
    expect(endOf(events)).toBe(end);
    expect(waiting.run).not.toHaveProperty("sessionId");
    gate.open();
    await first;
    await ask(inSession(user("3?")));
    expect(read(provider, 2)).toEqual(["user: 1?", "assistant: 1!", "user: 3?"]);
  });

  test("a session is not harmed by a request that does not fit it", async () => {
    const provider = scriptedProvider([say("1!"), say("2!")]);
    const { ask } = await runService(provider);
    await ask(inSession(user("1?")));
    const orphan = {
      type: "function_call_output",
      call_id: "x",
      name: "",
      output: "",
      executor: "client",
    } as const;
    const refused = await ask({ sessionId: "s", items: [orphan] });
    expect(endOf(refused.events)).toBe("unknown_tool_call");
    await ask(inSession(user("2?")));
    expect(read(provider, 2)).toEqual(["user: 1?", "assistant: 1!", "user: 2?"]);
  });

  test("a session takes a question once whose run failed and that is sent again", async () => {
    const provider = scriptedProvider([fail("overloaded"), say("1!")]);
    const { ask, store } = await runService(provider);
    expect(endOf((await ask(inSession(user("1?")))).events)).toBe("upstream_overloaded");
    const { run } = await ask(inSession(user("1?")));
    expect(read(provider, 2)).toEqual(["user: 1?"]);
    expect(transcriptOf(await store.readTranscript(run.run.id))).toEqual(["user: 1?", "assistant: 1!"]);
  });

  test("a session is not blocked by a client's call whose run failed", async () => {
    const slow = fakeTool(
      "slow",
      (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => resolve("killed"));
        }),
    );
    const provider = scriptedProvider([[...call("weather"), ...call("slow")], say("2!"), say("3!")]);
    const { runs, ask } = await runService(provider, { tools: { current: registryOf([slow]) } });
    const tools = [{ name: "weather", parameters: {} }];
    const run = await runs.admit(inputOf({ ...inSession(user("1?")), tools }));
    const reader = {
      push: (event: AgentEvent) => {
        if (event.type === "item.added" && event.item.type === "function_call_output")
          run.stop(RunStop.cancel("gone"));
      },
      behind: () => false,
      caughtUp: async () => {},
      gone: false,
      onGone: undefined,
    };
    const followed = run.follow(reader);
    await Promise.all([run.begin(), followed]);
    expect(endOf((await ask(inSession(user("2?")))).events)).toBe("run.completed");
    expect(endOf((await ask(inSession(user("3?")))).events)).toBe("run.completed");
  });

  test("a session gives a client's results to the call that waits for them", async () => {
    const provider = scriptedProvider([call("weather"), say("Sunny.")]);
    const { ask } = await runService(provider);
    const first = await ask({ ...inSession(user("1?")), tools: [{ name: "weather", parameters: {} }] });
    const call_id = callId(first.run.run.id, 1);
    const output = {
      type: "function_call_output",
      call_id,
      name: "",
      output: "sun",
      executor: "client",
    } as const;
    await ask({ sessionId: "s", items: [output] });
    expect(read(provider, 2)).toEqual(["user: 1?", "call weather", "result sun"]);
  });
});

describe("a run", () => {
  test("without a session is kept for a day, without its input", async () => {
    const { ask, store } = await runService(scriptedProvider([say("1!")]));
    const { run, events } = await ask({ items: [user("1?")] });
    expect(events[0]).toMatchObject({ type: "run.created", input: [] });
    const day = run.run.createdAt + 24 * 60 * 60 * 1000;
    expect(await store.sweep(day - 1, 10)).toBe(0);
    expect(await store.sweep(day, 10)).toBe(1);
  });

  test("a run in a session is kept", async () => {
    const { ask, store } = await runService(scriptedProvider([say("1!")]));
    await ask(inSession(user("1?")));
    expect(await store.sweep(Number.MAX_SAFE_INTEGER, 10)).toBe(0);
  });

  test("a run that takes too long fails", async () => {
    const limits = { maxSteps: 10, maxRunMs: 5, contextTokens: 128_000, maxOutputTokens: 0 };
    const { ask } = await runService(scriptedProvider([hold(createGate())]), { limits });
    expect(endOf((await ask({})).events)).toBe("run_timeout");
  });

  test("a run whose store fails does not look as if it had ended well, and frees its session", async () => {
    const service = await runService(scriptedProvider([say("1!"), say("2!")]));
    service.before = () => Promise.reject(new StorageError("full", "x"));
    expect(endOf((await service.ask(inSession(user("1?")))).events)).toBe("storage_full");
    service.before = () => undefined;
    expect(endOf((await service.ask(inSession(user("2?")))).events)).toBe("run.completed");
    expect(service.runs.active).toBe(0);
  });

  test("a run that is plain has neither core prompt nor tools", async () => {
    const provider = scriptedProvider([say("A title"), say("An answer")]);
    const { ask } = await runService(provider, {
      tools: { current: registryOf([fakeTool("echo", () => "")]) },
    });
    await ask({ mode: "plain" });
    await ask({});
    expect(provider.requests[0]).toMatchObject({ core: "", tools: [] });
    expect(provider.requests[1]).toMatchObject({ core: "You are a test.", tools: [{ name: "echo" }] });
  });

  test("a run that is stopped before it begins does nothing", async () => {
    const provider = scriptedProvider([say("never")]);
    const { runs, store } = await runService(provider);
    const run = await runs.admit(inputOf());
    run.stop(RunStop.cancel("gone"));
    await run.begin();
    expect(provider.requests).toEqual([]);
    expect(await store.findRun(run.run.id, OWNER)).toMatchObject({ status: "cancelled" });
  });
});
