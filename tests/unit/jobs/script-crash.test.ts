import { describe, expect, test } from "vitest";
import type { Fire, Job } from "../../../src/domain/job.ts";
import { ProviderError } from "../../../src/providers/provider.ts";
import { aJob } from "../../helpers/jobs.ts";
import { diesOrEnds, jobsProcess } from "../../helpers/jobs-process.ts";
import { type Play, say } from "../../helpers/scripted-provider.ts";

const NINE = Date.parse("2027-03-01T09:00:00Z");
const NO_RETRY: Job["retry"] = { attempts: 0, delaysMs: [1], policy: "before_model" };
const ONE_RETRY: Job["retry"] = { attempts: 1, delaysMs: [1], policy: "before_model" };

/** Far more writes than a fire makes. */
const MANY = 40;

const printed = async () => ({ output: "42\n" });

/** What the model says to what the script printed. */
const echo: Play = ({ items }) =>
  say(JSON.stringify(items).includes("42") ? "It is 42." : "There is nothing.");

/** A process of a job with a script, which is due; `left`: what a former one stored. */
async function process(terms: Partial<Parameters<typeof jobsProcess>[0]> = {}) {
  const wall = terms.wall ?? { now: NINE + 100 };
  return jobsProcess({ wall, play: echo, script: printed, ...terms });
}

function scriptJob(work: Partial<Job["work"]> = {}, terms: Partial<Job> = {}): Job {
  return aJob({
    nextAt: NINE,
    nextOccurrence: NINE,
    retry: NO_RETRY,
    work: { prompt: "Tell.", script: "look.sh", limits: {}, ...work },
    ...terms,
  });
}

/** Lets a process die at a write, and the next one go on: all fires in the end, and how often the script was run. */
async function crash(job: Job, { at, when }: { at: number; when: "before" | "after" }) {
  const first = await process();
  await first.store.jobs.createJob(job);
  first.dieAt(at, when);
  void first.start();
  await diesOrEnds(first, job);
  const hasDied = first.isDead;
  void first.scheduler.stop();
  const second = await process({ left: first.store, wall: first.wall });
  await second.start();
  await diesOrEnds(second, job, () => (first.wall.now += 10));
  await second.scheduler.stop();
  const fires = await second.history(job);
  return { hasDied, fires, runs: first.scripted.length + second.scripted.length };
}

/** A script's end, or that it was cut off and said so: never a second run. */
function expectOnce([fire, ...others]: Fire[], runs: number, output: string): "done" | "cut" {
  expect(others).toEqual([]);
  if (fire?.status === "interrupted") {
    expect(fire.reason).toContain("The server stopped while its script ran");
    expect(runs).toBeLessThanOrEqual(1);
    return "cut";
  }
  expect([fire?.status, fire?.output, runs]).toEqual(["completed", output, 1]);
  return "done";
}

describe("a process that dies before and after each of its writes", { timeout: 30_000 }, () => {
  test.each([
    ["before its model", {}, "It is 42."],
    ["without a model", { noAgent: true }, "42"],
  ])("a process that dies before and after each of its writes has run a script %s at most once", async (_name, work, output) => {
    const ends = new Set<string>();
    let points = 0;
    for (const when of ["before", "after"] as const)
      for (let at = 1; at < MANY; at++, points++) {
        const { hasDied, fires, runs } = await crash(scriptJob(work), { at, when });
        ends.add(expectOnce(fires, runs, output));
        if (!hasDied) break;
      }
    expect(points).toBeGreaterThan(6);
    expect([...ends].sort()).toEqual(["cut", "done"]);
  });
});

describe("a script that was cut off", () => {
  /** A process dies while its script runs. */
  async function cutOff(job: Job) {
    const first = await process({ script: () => new Promise(() => {}) });
    await first.store.jobs.createJob(job);
    void first.start();
    await expect.poll(() => first.scripted.length).toBe(1);
    void first.scheduler.stop();
    const second = await process({ left: first.store, wall: first.wall });
    await second.start();
    await diesOrEnds(second, job, () => (first.wall.now += 10));
    await second.scheduler.stop();
    return { second, fires: await second.history(job) };
  }

  test("a script that was cut off is told of in the history and in the job, and not run again", async () => {
    const job = scriptJob({}, { retry: ONE_RETRY, failureDeliver: ["local"] });
    const { second, fires } = await cutOff(job);
    expect(second.scripted).toEqual([]);
    expect(fires).toMatchObject([
      { status: "interrupted", script: { startedAt: expect.any(Number) }, deliveries: [{ target: "local" }] },
    ]);
    expect(fires[0]).not.toHaveProperty("runId");
    expect(await second.job(job.id)).toMatchObject({ failureStreak: 1, last: { status: "interrupted" } });
  });

  test("a script that was cut off is run again where the job says that it may be", async () => {
    const job = scriptJob({}, { retry: { ...ONE_RETRY, policy: "any" } });
    const { second, fires } = await cutOff(job);
    expect(second.scripted).toHaveLength(1);
    expect(fires.map(({ kind, status }) => [kind, status])).toEqual([
      ["schedule", "interrupted"],
      ["retry", "completed"],
    ]);
  });
});

describe("another try", () => {
  async function tried(terms: Parameters<typeof process>[0], retry: Job["retry"]) {
    const made = await process(terms);
    const job = scriptJob({}, { retry, failureDeliver: ["local"] });
    await made.store.jobs.createJob(job);
    await made.start();
    await diesOrEnds(made, job, () => (made.wall.now += 10));
    await made.scheduler.stop();
    return { made, fires: await made.history(job) };
  }

  test("another try is waited for before anybody is told of a failure", async () => {
    const play: Play = () => {
      throw new ProviderError("auth", "no", { retryable: false });
    };
    const { fires } = await tried({ play }, ONE_RETRY);
    expect(fires.map(({ status, deliveries }) => [status, deliveries.length])).toEqual([
      ["failed", 0],
      ["failed", 1],
    ]);
  });

  test("after a model that could not be reached uses what the script printed", async () => {
    let isThere = false;
    const play: Play = (request, n) => {
      if (isThere) return echo(request, n);
      isThere = true;
      throw new ProviderError("auth", "no", { retryable: false });
    };
    const { made, fires } = await tried({ play }, ONE_RETRY);
    expect(made.scripted).toHaveLength(1);
    expect(fires.map(({ status, output }) => [status, output])).toEqual([
      ["failed", undefined],
      ["completed", "It is 42."],
    ]);
  });

  test("another try of a script that failed is made only where the job says so", async () => {
    const script = async () => ({ output: "", failure: "Its script ended with exit code 1." });
    const { made, fires } = await tried({ script }, ONE_RETRY);
    expect([made.scripted.length, fires.length]).toEqual([1, 1]);
    const again = await tried({ script }, { ...ONE_RETRY, policy: "any" });
    expect([again.made.scripted.length, again.fires.length]).toEqual([2, 2]);
  });
});
