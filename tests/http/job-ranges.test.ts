import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrinter } from "../../src/jobs/schedule/zone.ts";
import { DAILY, HOURLY, PAST } from "../helpers/hermes-jobs.ts";
import { openJobsApp } from "../helpers/jobs-app.ts";
import { say } from "../helpers/scripted-provider.ts";
import type { AnyBody } from "../helpers/test-app.ts";

const JOBS = "/v1/jobs";

const open = () => openJobsApp(() => say("Done."), { config: { timezone: "UTC" } });

/** Sizes from nothing to beyond every limit. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 999_999 }),
  fc.double({ min: 1e-9, max: 1e12, noNaN: true }),
  fc.constantFrom(525_600, 525_601, 1e11, 1e300, Number.MAX_VALUE),
);
const unit = fc.constantFrom("s", "m", "h", "d", "w");
const pad = (digits: number, max: number) =>
  fc.integer({ min: 0, max }).map((n) => String(n).padStart(digits, "0"));
const year = fc.oneof(pad(4, 9999), fc.constantFrom("1969", "1970", "9998", "9999"));
const offset = fc.oneof(
  fc.constantFrom("", "Z", "+18:00", "-18:00", "+18:01", "+99:00"),
  fc.tuple(fc.constantFrom("+", "-"), pad(2, 99), pad(2, 99)).map(([sign, h, m]) => `${sign}${h}:${m}`),
);
const instant = fc
  .tuple(year, pad(2, 13), pad(2, 32), pad(2, 24), pad(2, 60), offset)
  .map(([y, mo, d, h, mi, zone]) => `${y}-${mo}-${d}T${h}:${mi}:00${zone}`);
const timezone = fc.constantFrom(undefined, "UTC", "Europe/Berlin", "Pacific/Kiritimati", "Etc/GMT+12");
const words = fc.oneof(
  fc.tuple(fc.constantFrom("every ", "in ", ""), size, unit).map(([how, n, u]) => `${how}${n}${u}`),
  instant,
);
const structured = fc.oneof(
  size.map((minutes) => ({ kind: "interval", minutes })),
  instant.map((run_at) => ({ kind: "once", run_at })),
);
const id = fc.integer({ min: 1, max: 2 ** 40 }).map((n) => n.toString(16).padStart(12, "0"));

describe("what is accepted of schedules can be read, listed and forecast:", () => {
  const check = async (ask: Awaited<ReturnType<typeof open>>["ask"], job: string) => {
    for (const url of ["", "/forecast", "/forecast?from=9998-12-30T00:00:00Z", "/runs"]) {
      const answer = await ask(`${JOBS}/${job}${url}`);
      expect([url, answer.status, answer.text]).toEqual([url, 200, expect.any(String)]);
    }
    for (const url of [`${JOBS}?limit=100`, "/api/jobs?include_disabled=true"])
      expect((await ask(url)).status).toBe(200);
    expect((await ask(`${JOBS}/${job}`, { method: "DELETE" })).status).toBe(200);
  };

  test("what is accepted of schedules can be read, listed and forecast: as people write it, and as the server answers it", async () => {
    const { ask } = await open();
    const schedule = fc.oneof(words, structured);
    await fc.assert(
      fc.asyncProperty(schedule, timezone, fc.boolean(), async (said, zone, paused) => {
        const made = await ask(JOBS, { body: { prompt: "x", schedule: said, timezone: zone, paused } });
        expect([201, 400]).toContain(made.status);
        if (made.status === 400) return;
        const job = made.json<{ id: string; schedule: object }>();
        // What it answers is taken as well: there is one range.
        const again = await ask(JOBS, { body: { prompt: "x", schedule: job.schedule } });
        const isNow = again.status === 400 && again.text.includes("lies in the past");
        expect([again.status, again.text, isNow]).toEqual([isNow ? 400 : 201, expect.any(String), isNow]);
        if (again.status === 201) await ask(`${JOBS}/${again.json<AnyBody>().id}`, { method: "DELETE" });
        await check(ask, job.id);
      }),
      { numRuns: 300 },
    );
  });

  test("what is accepted of schedules can be read, listed and forecast: in a file of hermes'", async () => {
    const { ask } = await open();
    const time = fc.option(instant, { nil: undefined });
    const record = fc.record({
      id,
      schedule: fc.oneof(structured, fc.constant({ kind: "cron", expr: "0 9 29 2 *" })),
      timezone,
      state: fc.constantFrom("scheduled", "paused", "completed"),
      created_at: time,
      next_run_at: time,
      last_run_at: time,
      paused_at: time,
    });
    await fc.assert(
      fc.asyncProperty(record, async (fields) => {
        const answer = await ask(`${JOBS}/import`, { body: [{ name: "n", prompt: "x", ...fields }] });
        expect(answer.status).toBe(200);
        const [result] = answer.json<{ data: { result: string; param: string }[] }>().data;
        if (result?.result === "refused") expect(result.param).toMatch(/^(schedule|\w+_at)/);
        else await check(ask, fields.id);
      }),
      { numRuns: 300 },
    );
  });
});

describe("beyond the range of times", () => {
  test("an instant that was stored before there was one is printed all the same", () => {
    expect(createPrinter()(6e304, "Europe/Berlin")).toBe("9999-01-01T01:00:00+01:00");
  });

  test.each([
    [{ schedule: "every 366d" }, "schedule"],
    [{ schedule: "every 100000d" }, "schedule"],
    [{ schedule: { kind: "interval", minutes: 525_601 } }, "schedule.minutes"],
    [{ schedule: "in 999999w" }, "schedule"],
    [{ schedule: "9999-05-01T09:00" }, "schedule"],
    [{ schedule: "2099-05-01T09:00+99:00" }, "schedule"],
    [{ schedule: "2099-05-01T09:00+18:01" }, "schedule"],
    [{ schedule: "2099-05-01T09:00+05:60" }, "schedule"],
    [{ schedule: { kind: "once", run_at: "2099-05-01T09:00-19:00" } }, "schedule"],
  ])("a schedule is refused: %j", async (fields, param) => {
    const { ask } = await open();
    for (const url of [JOBS, "/api/jobs"]) {
      const refused = await ask(url, { body: { name: "n", prompt: "x", ...fields } });
      expect(refused.status).toBe(400);
      if (url === JOBS) expect(refused.json().error.param).toBe(param);
    }
  });

  test.each([
    [{ ...HOURLY, schedule: { kind: "interval", minutes: 1e300 } }, "schedule.minutes"],
    [{ ...HOURLY, schedule: { kind: "interval", minutes: 525_601 } }, "schedule.minutes"],
    [{ ...PAST, schedule: { kind: "once", run_at: "9999-12-31T23:59:59-12:00" } }, "schedule.run_at"],
    [{ ...DAILY, next_run_at: "9999-12-31T00:00:00Z" }, "next_run_at"],
    [{ ...DAILY, created_at: "0001-01-01T00:00:00Z" }, "created_at"],
    [{ ...DAILY, last_run_at: "2026-01-01T00:00:00+99:00" }, "last_run_at"],
  ])("a record is refused: %j", async (record, param) => {
    const { ask } = await open();
    const answer = await ask(`${JOBS}/import`, { body: [record] });
    expect(answer.json<{ data: object[] }>().data).toMatchObject([{ result: "refused", param }]);
  });

  test.each(["from", "to"])("a forecast is refused, naming '%s'", async (param) => {
    const { ask, create } = await open();
    const { id: job } = await create({ prompt: "x", schedule: "every 1h" });
    for (const text of ["%2B275760-09-12T00:00:00Z", "999999999999", "1960-01-01", "soon"]) {
      const refused = await ask(`${JOBS}/${job}/forecast?${param}=${text}`);
      expect([refused.status, refused.json().error.param]).toEqual([400, param]);
    }
  });
});
