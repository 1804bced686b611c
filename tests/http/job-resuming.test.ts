import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { DAILY } from "../helpers/hermes-jobs.ts";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { openRuns } from "../helpers/runs-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";

const JOB = `/v1/jobs/${DAILY.id}`;
const PLAIN = { ...DAILY, skills: [], skill: null, context_from: null, workdir: null };

/** A server with a job of hermes' that was read from a file. */
async function imported(fields: object) {
  const app = await openJobsApp(() => say("Done."));
  const { ask, read } = app;
  const answer = await ask("/v1/jobs/import", { body: [{ ...PLAIN, ...fields }] });
  expect(answer.json<{ data: object[] }>().data).toMatchObject([{ result: "created", state: "paused" }]);
  const resume = (at = "/v1") => ask(`${at}/jobs/${DAILY.id}/resume`, { method: "POST" });
  const change = (body: object) => ask(JOB, { method: "PATCH", body });
  return { ...app, resume, change, job: () => read(DAILY.id) };
}

async function writeSkill(home: string): Promise<string> {
  const skill = join(home, "skills", "weather");
  await mkdir(skill, { recursive: true });
  await writeFile(join(skill, "SKILL.md"), "---\nname: weather\ndescription: How to look\n---\nLook up.\n");
  return skill;
}

describe("a job that was not seen to is not resumed, naming what is wrong:", () => {
  test.each([
    [{ skills: ["nowhere"] }, "skills", { skills: null }],
    [{ deliver: "telegram:-100" }, "deliver", { deliver: null }],
    [{ failure_deliver: "telegram:-100" }, "failure_deliver", { failure_deliver: null }],
    [{ prompt: "" }, "prompt", { prompt: "Look." }],
    [{ workdir: "/home/ada/site" }, "workdir", { workdir: null }],
    [{ context_from: ["eeeeeeeeeeee"] }, "context_from", { context_from: null }],
    [{ script: "nowhere.py" }, "script", { script: null }],
    [{ enabled_toolsets: ["web"] }, "enabled_toolsets", { enabled_toolsets: null }],
  ])("%j", async (fields, param, mended) => {
    const { resume, change, ask, job } = await imported(fields);
    const refused = await resume();
    expect([refused.status, refused.json().error.param]).toEqual([400, param]);
    const flat = await resume("/api");
    expect([flat.status, flat.json()]).toEqual([400, { error: expect.any(String) }]);
    for (const asked of [{ enabled: true }, { paused: false, name: "Mine" }]) {
      const unchanged = await change(asked);
      expect([unchanged.status, unchanged.json().error.param]).toEqual([400, param]);
    }
    expect(await job()).toMatchObject({ state: "paused", name: DAILY.name });
    const resumed = await ask(JOB, { method: "PATCH", body: { ...mended, enabled: true } });
    expect([resumed.status, resumed.json<object>()]).toEqual([
      200,
      expect.objectContaining({ state: "scheduled", paused_reason: null }),
    ]);
  });
});

test.each([
  [{ prompt: "" }, "prompt", { prompt: "Look." }],
  [{ no_agent: true }, "no_agent", undefined],
])("a job with nothing to do is not done by hand either: %j", async (fields, param, mended) => {
  const { ask, fires } = await imported(fields);
  const refused = await ask(`${JOB}/run`, { method: "POST" });
  expect([refused.status, refused.json().error.param]).toEqual([400, param]);
  if (mended === undefined) return;
  expect((await ask(`${JOB}/run`, { body: mended })).status).toBe(202);
  await fires(DAILY.id);
});

describe("resuming", () => {
  test("resuming is a person's word that a job may be done without what has no place here", async () => {
    const { resume, job } = await imported({ base_url: "http://127.0.0.1:1/v1" });
    expect(await job()).toMatchObject({
      paused_reason: expect.stringContaining("Resumed, it is done without"),
    });
    expect((await resume()).json<object>()).toMatchObject({ state: "scheduled" });
  });

  test("resuming is refused when what a job made here needs is gone, and goes on when it is back", async () => {
    const { ask, create, home } = await openJobsApp(() => say("Done."));
    const skill = await writeSkill(home);
    const { id } = await create({ prompt: "x", schedule: "@daily", skills: ["weather"], paused: true });
    await rm(skill, { recursive: true });
    const refused = await ask(`/v1/jobs/${id}/resume`, { method: "POST" });
    expect([refused.status, refused.json().error.param]).toEqual([400, "skills"]);
    await writeSkill(home);
    expect((await ask(`/v1/jobs/${id}/resume`, { method: "POST" })).status).toBe(200);
  });

  test("resuming by the agent is refused in the same way", async () => {
    const calls = [call("cronjob", { action: "resume", job_id: DAILY.id }), say("Done.")];
    const { ask, create, ends, provider } = await openRuns(calls);
    await ask("/v1/jobs/import", { body: [{ ...PLAIN, deliver: "telegram:-100" }] });
    await ends((await create()).run_id);
    expect(JSON.stringify(provider.requests.at(-1)?.items.at(-1))).toContain("'deliver' names no place");
    expect((await ask(JOB)).json<object>()).toMatchObject({ state: "paused" });
  });
});
