import { describe, expect, test } from "vitest";
import type { Job } from "../../../../src/domain/job.ts";
import { toCalendar } from "../../../../src/jobs/schedule/schedule.ts";
import { fireDue } from "../../../../src/jobs/scheduler/firing.ts";
import { aJob } from "../../../helpers/jobs.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** A Monday, 09:00 in UTC. */
const NINE = Date.parse("2027-03-01T09:00:00Z");
const hourly = { schedule: { kind: "cron", expr: "0 * * * *", timezone: "UTC", display: "" } } as const;

function fire(terms: Partial<Job>, now: number, isBusy = false) {
  const job = aJob({ ...hourly, nextOccurrence: NINE, nextAt: NINE, ...terms });
  let n = 0;
  const {
    job: after,
    fires,
    replaces,
  } = fireDue({
    job,
    calendar: toCalendar(job.schedule),
    now,
    isBusy,
    random: () => 0.5,
    newFireId: () => `fire_${++n}`,
    newRunId: () => "run_1",
  });
  const rows = fires.map(({ scheduledFor, status, reason, count }) => [
    (scheduledFor - NINE) / HOUR,
    status === "queued" ? "done" : reason,
    count,
  ]);
  return { rows, after, fires, replaces, next: after.nextOccurrence };
}

describe("a job that is due", () => {
  test("a job that is due is done, and waits for its next time", () => {
    const { rows, next, after, fires } = fire({}, NINE + 200);
    expect(rows).toEqual([[0, "done", 1]]);
    expect(next).toBe(NINE + HOUR);
    expect(after).toMatchObject({ state: "scheduled", completed: 1, nextAt: NINE + HOUR });
    expect(fires[0]).toMatchObject({ kind: "schedule", status: "queued", runId: "run_1", attempt: 1 });
  });

  test("a job that is due comes up to its jitter later, for the same occurrence", () => {
    const { after } = fire({ jitterMs: 10 * MINUTE }, NINE);
    expect([after.nextOccurrence, after.nextAt]).toEqual([NINE + HOUR, NINE + HOUR + 5 * MINUTE]);
  });

  test.each([
    ["latest", 29 * MINUTE, [[0, "done", 1]]],
    // Half of its period.
    ["latest", 31 * MINUTE, [[0, "missed", 1]]],
    ["skip", 59_000, [[0, "done", 1]]],
    ["skip", 2 * MINUTE, [[0, "missed", 1]]],
  ] as const)("a job that is due with misfire %s is, %i ms late, as it should", (policy, late, rows) => {
    expect(fire({ misfire: { policy } }, NINE + late).rows).toEqual(rows);
  });

  test.each([
    [
      "latest",
      4 * HOUR,
      [
        [0, "superseded", 1],
        [1, "superseded", 1],
        [2, "superseded", 1],
        [3, "done", 1],
      ],
    ],
    [
      "all",
      4 * HOUR,
      [
        [0, "done", 1],
        [1, "done", 1],
        [2, "done", 1],
        [3, "done", 1],
      ],
    ],
    [
      "all",
      2 * HOUR + MINUTE,
      [
        [0, "missed", 1],
        [1, "done", 1],
        [2, "done", 1],
        [3, "done", 1],
      ],
    ],
    [
      "latest",
      10 * MINUTE,
      [
        [0, "missed", 1],
        [1, "missed", 1],
        [2, "missed", 1],
        [3, "done", 1],
      ],
    ],
  ] as const)("after three missed times, with misfire %s and a grace of %i ms", (policy, graceMs, rows) => {
    const { rows: found, next } = fire(
      { misfire: { policy, graceMs }, overlap: "allow" },
      NINE + 3 * HOUR + 1_000,
    );
    expect([found, next]).toEqual([rows, NINE + 4 * HOUR]);
  });

  test.each([
    ["skip", [[0, "overlap", 1]], false],
    ["queue", [[0, "done", 1]], false],
    ["allow", [[0, "done", 1]], false],
    ["replace", [[0, "done", 1]], true],
  ] as const)("while its last run goes on, with overlap %s", (overlap, rows, replaces) => {
    expect(fire({ overlap }, NINE, true)).toMatchObject({ rows, replaces, next: NINE + HOUR });
  });

  test("a job that is due does what it missed one after the other when all of it is wanted, however it overlaps", () => {
    const misfire = { policy: "all", graceMs: 9 * HOUR } as const;
    expect(fire({ misfire, overlap: "skip" }, NINE + 2 * HOUR).rows.map(([, what]) => what)).toEqual([
      "done",
      "done",
      "done",
    ]);
  });

  test("a job that is due skips what it missed, also where that is seconds ago", () => {
    const schedule = {
      kind: "interval",
      everyMs: 5_000,
      anchorAt: NINE - 5_000,
      timezone: "UTC",
      display: "",
    } as const;
    const { rows } = fire({ schedule, misfire: { policy: "skip" } }, NINE + 7_700);
    expect(rows.map(([, what]) => what)).toEqual(["missed", "missed"]);
  });

  test("a job that is due is done so often, and no more", () => {
    const last = fire({ times: 3, completed: 2 }, NINE);
    expect([last.rows, last.after.state, last.next]).toEqual([[[0, "done", 1]], "completed", undefined]);
    const many = fire(
      { times: 3, completed: 2, misfire: { policy: "all", graceMs: 9 * HOUR }, overlap: "allow" },
      NINE + HOUR,
    );
    expect(many.rows).toEqual([
      [0, "done", 1],
      [1, "repeat_limit", 1],
    ]);
  });

  test("once is over after that", () => {
    const schedule = { kind: "once", runAt: NINE, timezone: "UTC", display: "" } as const;
    expect(fire({ schedule }, NINE + HOUR)).toMatchObject({
      rows: [[0, "done", 1]],
      after: { state: "completed" },
    });
    expect(fire({ schedule }, NINE + 3 * HOUR)).toMatchObject({
      rows: [[0, "missed", 1]],
      after: { state: "completed" },
    });
  });

  test("after a long time tells the older ones by their number, and in no time", () => {
    const schedule = { kind: "cron", expr: "* * * * * *", timezone: "Europe/Berlin", display: "" } as const;
    const began = performance.now();
    const { rows, next, fires } = fire({ schedule }, NINE + 400 * 24 * HOUR);
    expect(performance.now() - began).toBeLessThan(2_000);
    expect(next).toBe(NINE + 400 * 24 * HOUR + 1_000);
    expect(fires).toHaveLength(100);
    expect(rows[0]?.[2]).toBeGreaterThanOrEqual(1_000);
    expect(rows.filter(([, what]) => what === "done")).toHaveLength(1);
    expect(rows.at(-1)?.[1]).toBe("done");
  });

  test("a job that is due is not due twice for an occurrence, whatever the clock does", () => {
    const first = fire({}, NINE + 1_000);
    // Set back by an hour: nothing is due before the next one.
    const back = fire({ ...first.after }, NINE - HOUR);
    expect([back.rows, back.next]).toEqual([[], NINE + HOUR]);
  });
});
