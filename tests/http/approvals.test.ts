import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { eventsOf, openRuns, RUNS, type RunBody } from "../helpers/runs-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";
import type { TestAppOptions } from "../helpers/test-app.ts";

/** The policy asks about it, and it does no harm here. */
const RISKY = "rm -r keep && echo gone > gone.txt";
const risky = (command = RISKY) => call("terminal", { command });

async function open(play: Play = [risky(), say("Done.")], options: TestAppOptions = {}) {
  const app = await openRuns(play, { files: { "keep/a.txt": "a" }, ...options });
  const waits = (id: string, status = "waiting_for_approval") =>
    vi.waitFor(async () => {
      const run = (await app.read(id)) as RunBody & Record<string, unknown>;
      expect(run.status).toBe(status);
      return run;
    });
  const answer = (id: string, body: object) => app.ask(`${RUNS}/${id}/approval`, { body });
  const pending = async () => (await app.ask("/v1/approvals")).json<{ data: { id: string }[] }>().data;
  const gone = () => readFile(join(app.workspace, "gone.txt"), "utf8").catch(() => undefined);
  return { ...app, waits, answer, pending, gone };
}

describe("a call that needs approval", () => {
  test("a call that needs approval waits for it, is listed, and runs once it is allowed", async () => {
    const { create, waits, answer, pending, ends, ask, gone } = await open();
    const { run_id: id } = await create();
    const waiting = await waits(id);
    expect(waiting).toMatchObject({
      last_event: "approval.request",
      approval: {
        event: "approval.request",
        request_id: expect.stringMatching(/^appr_[0-9a-f]{32}_\d+$/),
        tool: "terminal",
        command: RISKY,
        description: expect.any(String),
        choices: ["once", "session", "always", "deny"],
        allow_permanent: true,
      },
    });
    const approvalId = (waiting["approval"] as { approval_id: string }).approval_id;
    expect(await pending()).toMatchObject([
      { id: approvalId, run_id: id, status: "pending", command: RISKY },
    ]);
    expect(await gone()).toBeUndefined();
    const answered = await answer(id, { choice: "once", approval_id: approvalId });
    expect(answered.status).toBe(200);
    expect(answered.json()).toEqual({
      object: "hermes.run.approval_response",
      run_id: id,
      choice: "once",
      approval_id: approvalId,
      request_id: approvalId,
      resolved: 1,
    });
    expect(await ends(id)).toMatchObject({ status: "completed", output: "Done." });
    expect(await gone()).toBe("gone\n");
    expect(await pending()).toEqual([]);
    const names = eventsOf((await ask(`${RUNS}/${id}/events`)).text).map(({ event }) => event);
    expect(names).toEqual([
      "approval.request",
      "approval.responded",
      "tool.started",
      "tool.completed",
      "message.delta",
      "run.completed",
    ]);
  });

  test("a call that needs approval is not run when a person says no, and the model reads it", async () => {
    const { create, waits, answer, ends, gone, provider } = await open();
    const { run_id: id } = await create();
    await waits(id);
    expect((await answer(id, { choice: "deny" })).status).toBe(200);
    expect(await ends(id)).toMatchObject({ status: "completed", output: "Done." });
    expect(await gone()).toBeUndefined();
    expect(JSON.stringify(provider.requests[1]?.items)).toContain("A person was asked and said no");
  });

  test("a call that needs approval is denied, not its run, when nobody answers in time", async () => {
    const { create, ends, ask, gone } = await open(undefined, {
      config: { approvals: { timeout_seconds: 0.1 } },
    });
    const { run_id: id } = await create();
    expect(await ends(id)).toMatchObject({ status: "completed", output: "Done." });
    expect(await gone()).toBeUndefined();
    const expired = await ask("/v1/approvals?status=expired");
    expect(expired.json()).toMatchObject({ data: [{ run_id: id, status: "expired" }] });
  });

  test("a call that needs approval of several, each waits for its own answer, and the oldest is meant when none is named", async () => {
    const play = [[...risky("rm -r a"), ...risky("rm -r b"), ...risky("rm -r c")], say("Done.")];
    const files = { "a/x": "", "b/x": "", "c/x": "" };
    const { create, waits, answer, pending, ends } = await open(play, { files });
    const { run_id: id } = await create();
    await waits(id);
    const commands = async () =>
      (await pending()).map((entry) => (entry as unknown as { command: string }).command);
    expect((await commands()).sort()).toEqual(["rm -r a", "rm -r b", "rm -r c"]);
    expect((await answer(id, { choice: "deny" })).json()).toMatchObject({ resolved: 1 });
    expect((await commands()).sort()).toEqual(["rm -r b", "rm -r c"]);
    expect((await answer(id, { choice: "once", all: true })).json()).toMatchObject({ resolved: 2 });
    expect(await ends(id)).toMatchObject({ status: "completed" });
  });

  test.each([
    ["session", { session_id: "work" }, { session_id: "work" }, { session_id: "other" }],
    ["always", {}, { session_id: "work" }, undefined],
  ])("allowed for %s is asked about again only elsewhere, and only as the very same call", async (choice, first, again, elsewhere) => {
    const script: Play = (_request, n) =>
      n % 2 === 1 ? risky(n === 5 ? "rm -r keep" : undefined) : say("Done.");
    const { create, waits, answer, ends, ask } = await open(script);
    const { run_id: one } = await create(first);
    const { approval } = (await waits(one)) as unknown as { approval: { approval_id: string } };
    await answer(one, { choice });
    await ends(one);
    expect(await ends((await create(again)).run_id)).toMatchObject({ status: "completed" });
    const { run_id: different } = await create(again);
    await waits(different);
    await answer(different, { choice: "deny" });
    await ends(different);
    if (elsewhere !== undefined) {
      const { run_id: foreign } = await create(elsewhere);
      await waits(foreign);
      await answer(foreign, { choice: "deny" });
      await ends(foreign);
    }
    const revoked = await ask(`/v1/approvals/${approval.approval_id}`, { method: "DELETE" });
    expect(revoked.json()).toMatchObject({ revoked: true });
    const { run_id: last } = await create(again);
    await waits(last);
    await answer(last, { choice: "deny" });
    await ends(last);
    expect((await ask(`/v1/approvals/${approval.approval_id}`, { method: "DELETE" })).status).toBe(404);
  });

  test("a call that needs approval is withdrawn when its run is stopped", async () => {
    const { create, waits, ask, ends, pending } = await open();
    const { run_id: id } = await create();
    await waits(id);
    await ask(`${RUNS}/${id}/stop`, { body: {} });
    expect(await ends(id)).toMatchObject({ status: "cancelled" });
    expect(await pending()).toEqual([]);
    expect((await ask("/v1/approvals?status=withdrawn")).json()).toMatchObject({ data: [{ run_id: id }] });
  });

  test("a call that needs approval holds no slot while it waits", async () => {
    const script: Play = (_request, n) => (n === 1 ? risky() : say("Done."));
    const { create, waits, ends, answer } = await open(script, {
      config: { server: { max_concurrent_runs: 1 } },
    });
    const { run_id: id } = await create();
    await waits(id);
    expect(await ends((await create()).run_id)).toMatchObject({ status: "completed" });
    await answer(id, { choice: "once" });
    expect(await ends(id)).toMatchObject({ status: "completed" });
  });
});

describe("an answer", () => {
  test.each([
    [{}, 400, "invalid_approval_choice", "choice"],
    [{ choice: "maybe" }, 400, "invalid_approval_choice", "choice"],
    [{ choice: "once", request_id: "x".repeat(257) }, 400, "invalid_approval_request", "request_id"],
    [{ choice: "once", approval_id: "appr_other" }, 409, "approval_not_pending", "approval_id"],
    [{ choice: "once", aproval_id: "appr_other" }, 400, "unknown_parameter", "aproval_id"],
  ])("%j is refused with %i %s", async (body, status, code, param) => {
    const { create, waits, answer } = await open();
    const { run_id: id } = await create();
    await waits(id);
    const refused = await answer(id, body);
    expect(refused.status).toBe(status);
    expect(refused.json()).toMatchObject({ error: { code, param } });
    await answer(id, { choice: "deny" });
  });

  test("given twice, to a run that is over, or to one that is not there has its own code each", async () => {
    const { create, waits, answer, ends } = await open();
    const { run_id: id } = await create();
    await waits(id);
    const both = await Promise.all([answer(id, { choice: "allow" }), answer(id, { choice: "once" })]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect(both.find(({ status }) => status === 409)?.json()).toMatchObject({
      error: { code: "approval_not_pending" },
    });
    await ends(id);
    const late = await answer(id, { choice: "once" });
    expect([late.status, late.json<{ error: { code: string } }>().error.code]).toEqual([
      409,
      "approval_not_active",
    ]);
    const unknown = await answer(`run_${"0".repeat(32)}`, { choice: "once" });
    expect([unknown.status, unknown.json<{ error: { code: string } }>().error.code]).toEqual([
      404,
      "run_not_found",
    ]);
  });
});
