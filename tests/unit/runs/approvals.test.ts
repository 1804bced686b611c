import { describe, expect, test, vi } from "vitest";
import { isTerminal } from "../../../src/domain/event.ts";
import type { RunId } from "../../../src/domain/id.ts";
import { textMessage } from "../../../src/domain/item.ts";
import { allEvents } from "../../../src/eventlog/read-all.ts";
import type { Store } from "../../../src/storage/store.ts";
import type { Tool } from "../../../src/tools/define.ts";
import { createRegistry } from "../../../src/tools/registry.ts";
import { fakeTool, inputOf } from "../../helpers/agent-run.ts";
import { runService } from "../../helpers/run-service.ts";
import { call, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { OWNER, transcriptOf } from "../../helpers/stored.ts";
import { toolContext } from "../../helpers/tools.ts";

const NEVER = new Promise<void>(() => {});

/** A process whose one tool changes something, and may do so only when a person says yes. */
async function start(left?: Store, timeoutMs = 60_000, root = "/work") {
  const effects: string[] = [];
  const write: Tool = fakeTool("write", () => `wrote ${effects.push("write")}`, { effect: "write" });
  const { workspace, sandbox } = await toolContext();
  const ask = { verdict: "ask", reason: "It changes things", rule: "changes" } as const;
  const tools = createRegistry(
    { tools: [write] },
    {
      workspace: { ...workspace, root },
      sandbox,
      policy: () => ask,
    },
  );
  const provider = scriptedProvider(({ items }) =>
    items.some(({ type }) => type === "function_call_output") ? say("Done.") : call("write"),
  );
  const service = await runService(
    provider,
    { tools: { current: tools }, approvalTimeoutMs: timeoutMs },
    left,
  );
  return { ...service, hooked: service, effects };
}

type Process = Awaited<ReturnType<typeof start>>;

async function begin({ runs }: Process): Promise<RunId> {
  const input = inputOf({
    surface: "runs",
    background: true,
    attended: true,
    items: [textMessage("user", "Go.")],
  });
  const run = await runs.admit(input);
  void run.begin();
  return run.run.id;
}

async function waits({ runs }: Process, id: RunId): Promise<void> {
  await vi.waitFor(async () => expect(await runs.status(id, OWNER)).toBe("waiting_for_approval"));
}

function answer({ runs }: Process, id: RunId): Promise<number> | undefined {
  return runs.questions(id, OWNER)?.choose("once", { all: false });
}

async function ends({ inner }: Process, id: RunId) {
  return vi.waitFor(async () => {
    const events = await allEvents(inner, id);
    expect(events.some(isTerminal)).toBe(true);
    return events;
  });
}

/** Whoever looks after the run says yes as soon as there is something to say it to. */
async function attend(process: Process, id: RunId): Promise<void> {
  for (;;) {
    const status = await process.runs.status(id, OWNER);
    if (status === "waiting_for_approval") await answer(process, id);
    if (status === "completed" || status === "failed") return;
    await new Promise(setImmediate);
  }
}

/** Begins a run and dies at its n-th write, with somebody there who answers. */
async function dieAt(
  at: number,
  when: "before" | "after",
): Promise<{ first: Process; id: RunId | undefined }> {
  const first = await start();
  let writes = 0;
  const died = Promise.withResolvers<undefined>();
  first.hooked[when] = () => {
    if (++writes < at) return undefined;
    died.resolve(undefined);
    return NEVER;
  };
  let id: RunId | undefined;
  const living = begin(first).then((begun) => {
    id = begun;
    return attend(first, begun);
  });
  await Promise.race([living, died.promise]);
  await new Promise(setImmediate);
  return { first, id: id ?? (await first.inner.unfinishedRuns())[0]?.run.id };
}

describe("a call that waits for approval", () => {
  test("a call that waits for approval waits on in the next process, under the same id, and is made once when it is allowed there", async () => {
    const first = await start();
    const id = await begin(first);
    await waits(first, id);
    const [asked] = await first.runs.approvals.list({
      owner: OWNER,
      status: "pending",
      order: "asc",
      limit: 9,
    });
    const second = await start(first.inner);
    expect(await second.runs.recover()).toEqual({ ended: 0, resumed: 1 });
    await waits(second, id);
    expect(
      await second.runs.approvals.list({ owner: OWNER, status: "pending", order: "asc", limit: 9 }),
    ).toEqual([asked]);
    expect(await answer(second, id)).toBe(1);
    const events = await ends(second, id);
    expect(events.at(-1)).toMatchObject({ type: "run.completed" });
    expect(events.filter(({ type }) => type === "approval.requested")).toHaveLength(1);
    expect([first.effects, second.effects]).toEqual([[], ["write"]]);
  });

  test("a call that waits for approval is left to the next process at once when the server shuts down", async () => {
    const first = await start();
    const id = await begin(first);
    await waits(first, id);
    await first.runs.drain(60_000);
    expect(await first.inner.findRun(id, OWNER)).toMatchObject({ status: "running" });
    const second = await start(first.inner);
    await second.runs.recover();
    await waits(second, id);
    await answer(second, id);
    expect((await ends(second, id)).at(-1)).toMatchObject({ type: "run.completed" });
    expect(second.effects).toEqual(["write"]);
  });

  test.each([
    "before",
    "after",
  ])("a call that waits for approval in another workspace is another call: an answer given %s the restart is not about it", async (when) => {
    const first = await start();
    const id = await begin(first);
    await waits(first, id);
    if (when === "before") {
      // It is stored, and the process dies before the call is made.
      first.hooked.after = () => NEVER;
      void answer(first, id);
      await new Promise(setImmediate);
    }
    const second = await start(first.inner, 60_000, "/elsewhere");
    await second.runs.recover();
    const events = await ends(second, id);
    expect(events.at(-1)).toMatchObject({ type: "run.completed" });
    expect(JSON.stringify(events)).toContain("another call, in another place");
    expect([first.effects, second.effects]).toEqual([[], []]);
    const query = { owner: OWNER, status: "pending", order: "asc", limit: 9 } as const;
    expect(await second.runs.approvals.list(query)).toEqual([]);
  });

  test("a call that waits for approval waits through any number of restarts in peace: only processes that die are counted", async () => {
    let process = await start();
    const id = await begin(process);
    for (let restart = 0; restart < 7; restart++) {
      await waits(process, id);
      await process.runs.drain(60_000);
      process = await start(process.inner);
      expect(await process.runs.recover()).toEqual({ ended: 0, resumed: 1 });
    }
    await waits(process, id);
    await answer(process, id);
    expect((await ends(process, id)).at(-1)).toMatchObject({ type: "run.completed" });
    expect(process.effects).toEqual(["write"]);
    const transcript = transcriptOf(await process.inner.readTranscript(id));
    expect(transcript).toEqual(["user: Go.", "call write", "result wrote 1", "assistant: Done."]);
  });

  test("a call that waits for approval is denied when its time is over before the next process comes", async () => {
    const first = await start(undefined, 200);
    const id = await begin(first);
    await waits(first, id);
    await first.runs.drain(60_000);
    const began = Date.now();
    await vi.waitFor(() => expect(Date.now() - began).toBeGreaterThan(200));
    const second = await start(first.inner);
    await second.runs.recover();
    expect((await ends(second, id)).at(-1)).toMatchObject({ type: "run.completed" });
    expect(second.effects).toEqual([]);
  });

  test("a call that waits for approval of a foreground run is withdrawn when its process dies", async () => {
    const first = await start();
    const run = await first.runs.admit(inputOf({ attended: true }));
    void run.begin();
    await waits(first, run.run.id);
    const second = await start(first.inner);
    expect(await second.runs.recover()).toEqual({ ended: 1, resumed: 0 });
    const types = (await allEvents(second.inner, run.run.id)).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(["approval.resolved", "run.failed"]);
    const query = { owner: OWNER, order: "asc", limit: 9 } as const;
    expect(await second.runs.approvals.list({ ...query, status: "pending" })).toEqual([]);
    expect(await second.runs.approvals.list({ ...query, status: "withdrawn" })).toHaveLength(1);
  });

  const POINTS = Array.from({ length: 6 }, (_, n) => n + 1).flatMap((at) => [
    { at, when: "before" as const },
    { at, when: "after" as const },
  ]);

  test.each(
    POINTS,
  )("a call that waits for approval is made once and asked about once when its process dies $when write $at", async ({
    at,
    when,
  }) => {
    const { first, id } = await dieAt(at, when);
    // Nobody was told of it.
    if (id === undefined) {
      expect(at).toBe(1);
      return;
    }
    const second = await start(first.inner);
    await second.runs.recover();
    await attend(second, id);
    const events = await ends(second, id);
    expect(events.at(-1)).toMatchObject({ type: "run.completed" });
    const count = (wanted: string) => events.filter(({ type }) => type === wanted).length;
    expect([count("approval.requested"), count("approval.resolved")]).toEqual([1, 1]);
    const made = first.effects.length + second.effects.length;
    const isUnknown = JSON.stringify(events).includes("outcome is unknown");
    expect(made === 1 || (made === 0 && isUnknown)).toBe(true);
    const query = { owner: OWNER, status: "pending", order: "asc", limit: 9 } as const;
    expect(await second.runs.approvals.list(query)).toEqual([]);
  });
});
