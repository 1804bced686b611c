import { describe, expect, onTestFinished, test } from "vitest";
import type { Job } from "../../../src/domain/job.ts";
import { clockedJobs, DAY, gapsIn, HOUR, MINUTE, NINE, toldOf } from "../../helpers/jobs-clock.ts";

const cron = (expr: string): Pick<Job, "schedule"> => ({
  schedule: { kind: "cron", expr, timezone: "UTC", display: expr },
});
const HOURLY = cron("0 * * * *");
const EACH_MINUTE = cron("* * * * *");

async function clocked(jobs: readonly Partial<Job>[]) {
  const made = await clockedJobs(jobs);
  onTestFinished(() => made.process.scheduler.stop());
  return made;
}

describe("when the clock", () => {
  test("when the clock goes as it should, each occurrence is done once", async () => {
    const { walk, history } = await clocked([EACH_MINUTE]);
    await walk(NINE + 10 * MINUTE, 20_000);
    expect(toldOf(await history())).toEqual(Array.from({ length: 10 }, (_, i) => `${i} completed`));
  });

  test("when the clock jumps an hour ahead, the latest occurrence is done and the others are told", async () => {
    const { at, history } = await clocked([EACH_MINUTE, HOURLY]);
    await at(NINE);
    await at(NINE + HOUR);
    const each = await history(0);
    expect(
      each.filter(({ status }) => status === "completed").map(({ scheduledFor }) => scheduledFor),
    ).toEqual([NINE, NINE + HOUR]);
    expect(each.reduce((sum, { count }) => sum + count, 0)).toBe(61);
    expect(toldOf(await history(1))).toEqual(["0 completed", "60 completed"]);
  });

  test("when the clock jumps a day ahead, there is no storm, and what is too late is skipped", async () => {
    const { at, history, made } = await clocked([EACH_MINUTE, HOURLY, cron("30 9 * * *")]);
    await at(NINE);
    await at(NINE + DAY + 40 * MINUTE);
    const histories = await Promise.all([0, 1, 2].map((index) => history(index)));
    for (const [i, fires] of histories.entries()) {
      expect(fires.filter(({ status }) => status === "completed").length).toBeLessThanOrEqual(2);
      expect(fires.length).toBeLessThanOrEqual(101);
      const range = { from: NINE - 1, to: NINE + DAY + 40 * MINUTE };
      expect(made[i] && gapsIn(made[i], fires, range)).toEqual([]);
    }
    // Half past nine of the day before is too late, that of today is not.
    expect(toldOf(histories[2] ?? [])).toEqual(["30 missed", `${24 * 60 + 30} completed`]);
  });

  test.each([
    HOUR,
    DAY,
  ])("when the clock is set back by %i ms, nothing is done a second time", async (back) => {
    const { at, walk, history, wall } = await clocked([EACH_MINUTE, HOURLY]);
    await at(NINE);
    await walk(NINE + 5 * MINUTE, MINUTE);
    wall.now -= back;
    await walk(NINE - back + 30 * MINUTE, MINUTE);
    expect(toldOf(await history(0))).toEqual(Array.from({ length: 6 }, (_, i) => `${i} completed`));
    // It goes on where the clock comes to times that it has not shown.
    await at(NINE + 6 * MINUTE);
    expect(toldOf(await history(0)).at(-1)).toBe("6 completed");
    expect(toldOf(await history(1))).toEqual(["0 completed"]);
  });

  test("when the clock is set back and a job is changed then, its past times stay done and it goes on", async () => {
    const { at, walk, process, made, history } = await clocked([HOURLY]);
    await at(NINE);
    await at(NINE + HOUR);
    await at(NINE - 30 * MINUTE);
    const [job] = made;
    if (job === undefined) throw new Error("no job");
    // The same times, written in another way.
    await process.jobs.update(job, { work: {}, schedule: "0 0 * * * *" });
    await walk(NINE + 2 * HOUR, 10 * MINUTE);
    expect(toldOf(await history())).toEqual(["0 completed", "60 completed", "120 completed"]);
    expect(process.faults).toEqual([]);
  });

  test("when the clock drifts slowly, each occurrence is done once", async () => {
    const { at, history, made } = await clocked([EACH_MINUTE]);
    // Each look a second, by a clock that goes up to a second wrong, either way.
    let now = NINE - 1_000;
    for (let i = 0; i < 600; i++) {
      now += 1_000;
      await at(now + Math.round(900 * Math.sin(i / 7)));
    }
    const last = NINE + 9 * MINUTE;
    const fires = (await history()).filter(({ scheduledFor }) => scheduledFor <= last);
    expect(made[0] && gapsIn(made[0], fires, { from: NINE - 1, to: last })).toEqual([]);
    expect(fires.every(({ status }) => status === "completed")).toBe(true);
  });
});

describe("after eight hours of sleep", () => {
  test("each policy does what it says, once", async () => {
    const policy = (name: Job["misfire"]["policy"], graceMs: number) => ({
      ...HOURLY,
      misfire: { policy: name, graceMs },
    });
    const { at, history } = await clocked([
      policy("latest", 2 * HOUR),
      policy("skip", 2 * HOUR),
      policy("all", 3 * HOUR),
    ]);
    await at(NINE);
    await at(NINE + 8 * HOUR + 10 * MINUTE);
    await at(NINE + 8 * HOUR + 11 * MINUTE);
    const told = await Promise.all([0, 1, 2].map(async (i) => toldOf(await history(i))));
    const missed = (from: number, to: number, reason: string) =>
      Array.from({ length: to - from + 1 }, (_, i) => `${(from + i) * 60} ${reason}`);
    expect(told[0]).toEqual(["0 completed", ...missed(1, 6, "missed"), "420 superseded", "480 completed"]);
    expect(told[1]).toEqual(["0 completed", ...missed(1, 8, "missed")]);
    expect(told[2]).toEqual(["0 completed", ...missed(1, 5, "missed"), ...missed(6, 8, "completed")]);
  });

  test("a late start does what is due once, within its grace", async () => {
    const once = (graceMs: number): Partial<Job> => ({
      schedule: { kind: "once", runAt: NINE, timezone: "UTC", display: "" },
      misfire: { policy: "latest", graceMs },
    });
    const { at, history } = await clocked([once(2 * HOUR), once(HOUR)]);
    await at(NINE + 90 * MINUTE);
    await at(NINE + 91 * MINUTE);
    expect(toldOf(await history(0))).toEqual(["0 completed"]);
    expect(toldOf(await history(1))).toEqual(["0 missed"]);
  });
});
