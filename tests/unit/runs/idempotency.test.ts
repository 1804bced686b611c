import { describe, expect, test } from "vitest";
import { RunStop } from "../../../src/agent/stop.ts";
import type { AgentEvent } from "../../../src/domain/event.ts";
import type { RunInput } from "../../../src/domain/run.ts";
import type { Runs } from "../../../src/runs/service.ts";
import { StorageError } from "../../../src/storage/store.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { fakeTool, inputOf, registryOf } from "../../helpers/agent-run.ts";
import { TestReader } from "../../helpers/readers.ts";
import { runService } from "../../helpers/run-service.ts";
import { call, hold, say, scriptedProvider } from "../../helpers/scripted-provider.ts";

const KEYED: Partial<RunInput> = { idempotency: { key: "k", fingerprint: "f" } };

async function ask(runs: Runs, input: Partial<RunInput> = {}) {
  const run = await runs.admit(inputOf({ ...KEYED, ...input }));
  const reader = new TestReader();
  const followed = run.follow(reader);
  await Promise.all([run.begin(), followed]);
  return { run, events: reader.events };
}

function endOf(events: readonly AgentEvent[]): string {
  const last = events.at(-1);
  return last?.type === "run.failed" ? last.error.code : (last?.type ?? "none");
}

describe("an idempotency key", () => {
  test("an idempotency key means one thing for each owner", async () => {
    const { runs } = await runService(scriptedProvider([say("One."), say("Two.")]));
    const [first, second] = await Promise.all([ask(runs), ask(runs, { owner: "somebody else" })]);
    expect(second.run.replay).toBeUndefined();
    expect(second.run.run.id).not.toBe(first.run.run.id);
    expect((await ask(runs, { owner: "somebody else" })).events).toEqual(second.events);
  });

  test.each([
    "idempotent",
    "write",
  ] as const)("an idempotency key is stored with the start of a call that is %s before the call is made", async (effect) => {
    const seen: unknown[] = [];
    const tool = fakeTool(
      "act",
      async () => {
        const found = await service.store.findKey({ owner: inputOf().owner, surface: "chat", key: "k" });
        const id = found?.stored?.run.id ?? "run_";
        seen.push(...(await service.store.readOutput(id)).map(({ type }) => type));
        return "done";
      },
      { effect },
    );
    const provider = scriptedProvider([call("act"), say("Done.")]);
    const service = await runService(provider, { tools: { current: registryOf([tool]) } });
    await ask(service.runs);
    expect(seen).toEqual(["function_call", "function_call_output"]);
  });

  test("an idempotency key is free when its client left before the session was, and nothing was done", async () => {
    const gate = createGate();
    const provider = scriptedProvider([[...hold(gate), ...say("Other.")], say("Mine.")]);
    const { runs } = await runService(provider);
    const other = await runs.admit(inputOf({ sessionId: "s" }));
    const done = other.begin();
    await gate.reached();
    const waiting = await runs.admit(inputOf({ ...KEYED, sessionId: "s" }));
    const left = waiting.begin();
    waiting.stop(RunStop.cancel("client_disconnected"));
    await left;
    gate.open();
    await done;
    const { run, events } = await ask(runs, { sessionId: "s" });
    expect(run.replay).toBeUndefined();
    expect(endOf(events)).toBe("run.completed");
    expect(provider.requests).toHaveLength(2);
  });

  test("an idempotency key whose run is being stopped waits for its end", async () => {
    const gate = createGate();
    const provider = scriptedProvider([hold(gate), say("Anew.")]);
    const { runs } = await runService(provider);
    const first = await runs.admit(inputOf(KEYED));
    const done = first.begin();
    await gate.reached();
    first.stop(RunStop.cancel("client_disconnected"));
    const { run, events } = await ask(runs);
    await done;
    expect(run.run.id).not.toBe(first.run.id);
    expect(endOf(events)).toBe("run.completed");
  });

  test("an idempotency key counts a client that stops twice once", async () => {
    const gate = createGate();
    const { runs } = await runService(scriptedProvider([[...hold(gate), ...say("Done.")]]));
    const [first, second] = [await runs.admit(inputOf(KEYED)), await runs.admit(inputOf(KEYED))];
    const reader = new TestReader();
    const followed = second.follow(reader);
    const done = first.begin();
    await gate.reached();
    for (let n = 0; n < 2; n++) first.stop(RunStop.cancel("client_disconnected"));
    gate.open();
    await Promise.all([done, followed]);
    expect(endOf(reader.events)).toBe("run.completed");
  });

  test.each([
    ["read", "is free"],
    ["write", "is not free"],
  ] as const)("an idempotency key whose run's end could not be stored after a call that is %s %s", async (effect, outcome) => {
    const tool = fakeTool("act", () => "done", { effect });
    const provider = scriptedProvider([call("act"), say("Done."), say("Anew.")]);
    const service = await runService(provider, { tools: { current: registryOf([tool]) } });
    service.before = () => {
      if (provider.requests.length === 2) throw new StorageError("full", "no space");
    };
    expect(endOf((await ask(service.runs)).events)).toBe("storage_full");
    service.before = () => undefined;
    if (outcome === "is free") {
      expect(endOf((await ask(service.runs)).events)).toBe("run.completed");
      return;
    }
    const refusal = { failure: { code: "storage_unavailable", shouldRetry: false } };
    await expect(service.runs.admit(inputOf(KEYED))).rejects.toMatchObject(refusal);
  });
});
