import { access } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { call, fail, type Play, say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const CLEAN = "Clean.";
const CHAT = "Look after the job.";

/** In a chat the agent makes one call of its tool for jobs; whoever is told to clean deletes a directory. */
async function open(approvals: object, chatCall: (id: string) => object) {
  let jobId = "";
  const failures: "auth"[] = [];
  const play: Play = ({ items }) => {
    const failure = JSON.stringify(items).includes(CLEAN) ? failures.shift() : undefined;
    if (failure !== undefined) return fail(failure);
    if (items.some(({ type }) => type === "function_call_output")) return say("Done.");
    const isJob = JSON.stringify(items).includes(CLEAN);
    return isJob ? call("terminal", { command: "rm -r keep" }) : call("cronjob", chatCall(jobId));
  };
  const app = await openJobsApp(play, { files: { "keep/a.txt": "a" }, config: { approvals } });
  const isKept = () =>
    access(join(app.workspace, "keep")).then(
      () => true,
      () => false,
    );
  const make = async (fields: object = {}) => {
    const job = await app.create({ name: "Tidy", prompt: CLEAN, schedule: "@yearly", ...fields });
    jobId = job.id;
    return job;
  };
  /** What the model of a chat, where nobody can be asked, reads of its call. */
  const chat = async () => {
    const body = { model: "hermes-agent", messages: [{ role: "user", content: CHAT }] };
    expect((await app.ask("/v1/chat/completions", { body })).status).toBe(200);
    const said = app.provider.requests.flatMap(({ items }) => items);
    return JSON.stringify(said.findLast(({ type }) => type === "function_call_output"));
  };
  /** Sends the same as a run, whose call a person allows. */
  const allowed = async () => {
    const { run_id: id } = (await app.ask("/v1/runs", { body: { input: CHAT } })).json<{ run_id: string }>();
    await vi.waitFor(async () => {
      const { status } = await app.ask(`/v1/runs/${id}/approval`, { body: { choice: "once" } });
      expect(status).toBe(200);
    });
    await vi.waitFor(async () =>
      expect((await app.ask(`/v1/runs/${id}`)).json<AnyBody>().status).toBe("completed"),
    );
  };
  return { ...app, isKept, make, chat, allowed, failures };
}

const FOR_JOBS = { cron_mode: "approve" };

describe("a job's rights", () => {
  test("a job's rights are those of jobs when a person runs it", async () => {
    const { make, runNow, isKept } = await open(FOR_JOBS, () => ({}));
    await runNow((await make()).id);
    expect(await isKept()).toBe(false);
  });

  test.each([
    [FOR_JOBS, true],
    [{ ...FOR_JOBS, unattended: "approve" }, false],
    [{ cron_mode: "deny", unattended: "approve" }, true],
  ])("a job's rights with %j are no more than the agent's own when the agent runs it: files are kept %j", async (approvals, kept) => {
    const { make, fires, chat, isKept } = await open(approvals, (id) => ({ action: "run", job_id: id }));
    const { id } = await make();
    expect(await chat()).toContain("started");
    await fires(id);
    expect(await isKept()).toBe(kept);
  });

  test("stay the agent's in another try of a fire that the agent asked for", async () => {
    const retry = { attempts: 1, delays: [0] };
    const { make, chat, isKept, history, failures } = await open(FOR_JOBS, (id) => ({
      action: "run",
      job_id: id,
    }));
    const { id } = await make({ retry });
    failures.push("auth");
    await chat();
    await vi.waitFor(async () => {
      const tries = (await history(id)).map(({ kind, status }) => [kind, status]);
      expect(tries).toEqual([
        ["retry", "completed"],
        ["manual", "failed"],
      ]);
    }, 5_000);
    expect(await isKept()).toBe(true);
  });

  test("a job's rights are the agent's own when it has made the job, even if a person allowed that, until a person writes the prompt", async () => {
    const made = { action: "create", name: "Tidy", prompt: CLEAN, schedule: "@yearly" };
    const { allowed, ask, runNow, isKept, change } = await open(FOR_JOBS, () => made);
    await allowed();
    const [job] = (await ask("/v1/jobs")).json<{ data: { id: string }[] }>().data;
    const id = job?.id ?? "";
    await runNow(id);
    expect(await isKept()).toBe(true);
    await change(id, { schedule: "@monthly" });
    await runNow(id);
    expect(await isKept()).toBe(true);
    await change(id, { prompt: `${CLEAN} Now.` });
    await runNow(id);
    expect(await isKept()).toBe(false);
  });

  test.each([
    [{ prompt: `${CLEAN} All of it.` }, true],
    [{ model: "hermes-agent" }, true],
    [{ schedule: "@monthly" }, false],
  ])("after the agent changed %j, which a person allowed, keep files: %j", async (fields, kept) => {
    const { make, allowed, runNow, isKept } = await open(FOR_JOBS, (id) => ({
      action: "update",
      job_id: id,
      ...fields,
    }));
    const { id } = await make();
    await allowed();
    await runNow(id);
    expect(await isKept()).toBe(kept);
  });
});

describe("where nobody can be asked the agent", () => {
  test.each([
    [{ action: "remove" }, "it deletes the job"],
    [{ action: "pause" }, "keeps the job"],
    [{ action: "run", prompt: "Something else." }, "with another prompt"],
    [{ action: "update", name: "Mine" }, "it changes the job"],
  ])("where nobody can be asked the agent does not do %j with a person's job", async (action, why) => {
    const { make, chat, ask, history } = await open({}, (id) => ({ ...action, job_id: id }));
    const { id } = await make();
    expect(await chat()).toContain(why);
    const job = (await ask(`/v1/jobs/${id}`)).json<{ state: string; name: string }>();
    expect(job).toMatchObject({ state: "scheduled", name: "Tidy" });
    expect(await history(id)).toEqual([]);
  });

  test.each([
    ["when it is made", async (_app: Awaited<ReturnType<typeof open>>, _id: string) => {}],
    [
      "after the agent had paused it, too",
      async ({ ask }: Awaited<ReturnType<typeof open>>, id: string) =>
        void (await ask(`/v1/jobs/${id}/pause`, { method: "POST" })),
    ],
  ])("where nobody can be asked the agent does not go on with a job that a person paused %s", async (_when, pause) => {
    const app = await open({}, (id) => ({ action: "resume", job_id: id }));
    const { id } = await app.make({ paused: true });
    await pause(app, id);
    expect(await app.chat()).toContain("needs a person's approval");
    expect((await app.read(id)).state).toBe("paused");
  });

  test.each([
    ["goes on with a job that it paused itself, as a person allowed", false, "resumed", "scheduled"],
    [
      "does not go on with one that a person paused after it had",
      true,
      "needs a person's approval",
      "paused",
    ],
  ])("%s", async (_what, isPausedAgain, says, state) => {
    const actions = ["pause", "resume"];
    const app = await open({}, (id) => ({ action: actions.shift(), job_id: id }));
    const { id } = await app.make();
    await app.allowed();
    expect((await app.read(id)).state).toBe("paused");
    if (isPausedAgain) await app.ask(`/v1/jobs/${id}/pause`, { method: "POST" });
    expect(await app.chat()).toContain(says);
    expect((await app.read(id)).state).toBe(state);
  });
});
