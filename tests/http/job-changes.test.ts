import { describe, expect, test } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { type AnyBody, openTestApp, type TestAppOptions } from "../helpers/test-app.ts";

type JobBody = Record<string, unknown> & { id: string };

/** A job that says something about everything. */
const FULL = {
  name: "Its name",
  prompt: "Look at the weather.",
  schedule: "0 9 * * *",
  timezone: "Europe/Berlin",
  model: "gpt-9",
  provider: "demo",
  reasoning_effort: "low",
  enabled_toolsets: ["file"],
  attach_to_session: "daily",
  limits: { max_steps: 3, max_seconds: 60, max_tokens: 500 },
  deliver: ["local", "session:daily"],
  failure_deliver: ["local"],
  repeat: 7,
  misfire: { policy: "all", grace: 60 },
  overlap: "queue",
  jitter: 5,
  retry: { attempts: 1, delays: [10], policy: "any" },
  max_failures: 2,
};

async function open(body: object = FULL, options: TestAppOptions = {}) {
  const app = await openTestApp({ provider: scriptedProvider(() => say("Done.")), ...options });
  const made = await app.ask("/v1/jobs", { body });
  expect([made.status, made.text]).toEqual([201, expect.any(String)]);
  const { id } = made.json<JobBody>();
  const patch = (change: object, at = "/v1/jobs") =>
    app.ask(`${at}/${id}`, { method: "PATCH", body: change });
  const changed = async (change: object) => {
    const answer = await patch(change);
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)]);
    return answer.json<JobBody>();
  };
  return { ...app, made: made.json<JobBody>(), patch, changed };
}

describe("a change of a job", () => {
  test.each([
    ["model", null],
    ["provider", null],
    ["reasoning_effort", null],
    ["enabled_toolsets", null],
    ["attach_to_session", null],
    ["limits", { max_steps: null, max_seconds: null, max_tokens: null }],
    ["deliver", "local"],
    ["failure_deliver", ""],
    ["repeat", { times: null, completed: 0 }],
    ["misfire", { policy: "latest", grace: null }],
    ["overlap", "skip"],
    ["jitter", 0],
    ["retry", { attempts: 3, delays: [300, 900, 1800], policy: "before_model" }],
    ["max_failures", 5],
    ["name", "Look at the weather."],
  ])("a change of a job clears %s by null, and leaves the rest", async (field, cleared) => {
    const { made, changed } = await open();
    const { updated_at: _then, ...before } = made;
    expect(await changed({ [field]: null })).toEqual({
      ...before,
      updated_at: expect.any(String),
      [field]: cleared,
    });
  });

  test("a change of a job speaks of parts of a part alone", async () => {
    const { changed } = await open();
    expect(
      await changed({ limits: { max_steps: null }, retry: { attempts: 9 }, misfire: { grace: null } }),
    ).toMatchObject({
      limits: { max_steps: null, max_seconds: 60, max_tokens: 500 },
      retry: { attempts: 9, delays: [10], policy: "any" },
      misfire: { policy: "all", grace: null },
    });
  });

  test("a change of a job that clears the time zone brings back the configured one, and leaves an instant what it is", async () => {
    const config = { timezone: "Asia/Tokyo" };
    const daily = await open({ ...FULL, schedule: "every day at 9am" }, { config });
    expect(await daily.changed({ timezone: null })).toMatchObject({
      timezone: "Asia/Tokyo",
      schedule: { expr: "0 9 * * *", timezone: "Asia/Tokyo" },
      schedule_display: "every day at 9am",
      next_run_at: expect.stringMatching(/T09:00:00\+09:00$/),
    });
    const once = await open({ ...FULL, schedule: "2099-05-01T09:00" }, { config });
    expect(await once.changed({ timezone: null })).toMatchObject({
      timezone: "Asia/Tokyo",
      next_run_at: "2099-05-01T16:00:00+09:00",
    });
  });

  test("a change of a job reads the zone of a schedule in the form that is answered", async () => {
    const { made, changed, patch } = await open({
      prompt: "x",
      schedule: { kind: "cron", expr: "0 9 * * *", timezone: "Europe/Berlin" },
    });
    expect(made).toMatchObject({
      timezone: "Europe/Berlin",
      next_run_at: expect.stringMatching(/T09:00:00\+0[12]:00$/),
    });
    const schedule = { ...(made["schedule"] as object), timezone: "Asia/Tokyo" };
    expect(await changed({ schedule })).toMatchObject({ timezone: "Asia/Tokyo" });
    // What is only said again does not contradict.
    expect(await changed({ schedule, timezone: "Europe/Berlin" })).toMatchObject({
      timezone: "Europe/Berlin",
    });
    const refused = await patch({ schedule, timezone: "Asia/Seoul" });
    expect([refused.status, refused.json<AnyBody>().error.param]).toEqual([400, "timezone"]);
  });

  test("a change of a job of an instant without an offset reads it in the job's zone", async () => {
    const { changed } = await open({ ...FULL, schedule: "2099-05-01T11:00" });
    expect(await changed({ schedule: { kind: "once", run_at: "2099-05-01T09:00" } })).toMatchObject({
      next_run_at: "2099-05-01T09:00:00+02:00",
    });
  });

  test("a change of a job of the time zone alone moves the schedule there", async () => {
    const { changed } = await open();
    expect(await changed({ timezone: "Asia/Tokyo" })).toMatchObject({
      timezone: "Asia/Tokyo",
      schedule: { expr: "0 9 * * *", timezone: "Asia/Tokyo" },
      next_run_at: expect.stringMatching(/T09:00:00\+09:00$/),
    });
  });

  test.each([
    [{ schedule: null }, "schedule"],
    [{ prompt: null }, "prompt"],
    [{ prompt: " " }, "prompt"],
    [{ timezone: "Mars/Base" }, "timezone"],
    [{ model: null, provider: "nobody" }, "provider"],
    [{ enabled_toolsets: ["magic"] }, "enabled_toolsets"],
  ])("like %j is refused, and changes nothing", async (change, param) => {
    const { made, patch, ask } = await open();
    const refused = await patch(change);
    expect([refused.status, refused.json<AnyBody>().error.param]).toEqual([400, param]);
    expect((await ask(`/v1/jobs/${made.id}`)).json()).toEqual(made);
    expect((await patch(change, "/api/jobs")).json()).toEqual({ error: expect.any(String) });
  });

  test.each([
    ["an interval", { schedule: "every 90s", failure_deliver: [] }],
    ["an instant", { schedule: "2099-05-01T09:00", repeat: "once" }],
    ["a cron expression", {}],
  ])("a change of a job that only says again what was answered changes nothing: %s", async (_kind, terms) => {
    const { made, patch } = await open({ ...FULL, ...terms });
    const answer = await patch(made, "/api/jobs");
    expect([answer.status, answer.json()]).toEqual([
      200,
      { job: { ...made, updated_at: expect.any(String) } },
    ]);
    const displayed = await patch({ schedule: made["schedule_display"] });
    expect([displayed.status, displayed.json<JobBody>()["schedule_display"]]).toEqual([
      200,
      made["schedule_display"],
    ]);
  });

  test("a change of a job by null counts as one in the reference's words, too", async () => {
    const { patch } = await open();
    const answer = await patch({ model: null }, "/api/jobs");
    expect([answer.status, answer.json<{ job: JobBody }>().job["model"]]).toEqual([200, null]);
  });
});

describe("a refusal", () => {
  test.each([
    [{ repeat: 1.5 }, 'a whole number from 1 to 1000000, "forever" or "once"'],
    [{ repeat: "often" }, 'a whole number from 1 to 1000000, "forever" or "once"'],
    [{ schedule: 5 }, 'a text such as "0 9 * * mon-fri"'],
    [{ schedule: { kind: "hourly" } }, "schedule"],
    [{ schedule: { kind: "interval", minutes: -1 } }, "schedule.minutes"],
  ])("a refusal of %j says what is accepted", async (wrong, says) => {
    const { ask } = await openTestApp();
    const refused = await ask("/v1/jobs", { body: { prompt: "x", schedule: "@daily", ...wrong } });
    expect(refused.status).toBe(400);
    expect(refused.json<AnyBody>().error.message).toContain(says);
  });
});
