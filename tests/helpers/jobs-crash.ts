import type { Fire, Job } from "../../src/domain/job.ts";
import { ProviderError } from "../../src/providers/provider.ts";
import { aJob } from "./jobs.ts";
import { diesOrEnds, type JobsProcess, jobsProcess } from "./jobs-process.ts";
import { call, type Play, say } from "./scripted-provider.ts";
import { OWNER } from "./stored.ts";

const HOUR = 60 * 60 * 1000;
const NINE = Date.parse("2027-03-01T09:00:00Z");

/** Where a process dies: at which of its writes, counted from one. */
export interface DeathPoint {
  at: number;
  when: "before" | "after";
}

/** What a job does when its process dies. */
export interface CrashKind {
  /** Over those of a job that is due every hour from nine. */
  terms: Partial<Job>;
  /** When its process begins, after nine. */
  lateMs: number;
  /** The fires that there must be in the end: kind, hours after nine, status. */
  fires: readonly (readonly [Fire["kind"], number, Fire["status"]])[];
  /** It is told to run by hand. */
  isManual?: boolean;
  /** The first request fails before the model begins. */
  isUnreachable?: boolean;
}

const NO_RETRY: Job["retry"] = { attempts: 0, delaysMs: [1], policy: "before_model" };

/** Everything that makes rows in a job's history. */
export const CRASH_KINDS: Readonly<Record<string, CrashKind>> = {
  "an occurrence": { terms: {}, lateMs: 100, fires: [["schedule", 0, "completed"]] },
  "three missed occurrences, all to be done": {
    terms: { misfire: { policy: "all", graceMs: 24 * HOUR } },
    lateMs: 2.5 * HOUR,
    fires: [
      ["schedule", 0, "completed"],
      ["schedule", 1, "completed"],
      ["schedule", 2, "completed"],
    ],
  },
  "three missed occurrences, the latest to be done": {
    terms: { misfire: { policy: "latest", graceMs: 24 * HOUR } },
    lateMs: 2.5 * HOUR,
    fires: [
      ["schedule", 0, "skipped"],
      ["schedule", 1, "skipped"],
      ["schedule", 2, "completed"],
    ],
  },
  "a run by hand": {
    terms: { nextAt: NINE + 9 * HOUR, nextOccurrence: NINE + 9 * HOUR },
    lateMs: 0,
    isManual: true,
    fires: [["manual", 0, "completed"]],
  },
  "a retry": {
    terms: { retry: { attempts: 1, delaysMs: [1], policy: "before_model" } },
    lateMs: 100,
    isUnreachable: true,
    fires: [
      ["schedule", 0, "failed"],
      ["retry", 0, "completed"],
    ],
  },
};

/** Lets a process die there, and the next one go on; what is wrong then, and whether the first got that far. */
export async function crashFiring(
  kind: CrashKind,
  { at, when }: DeathPoint,
): Promise<{ failures: string[]; hasDied: boolean }> {
  const { terms, lateMs, isManual = false } = kind;
  const wall = { now: NINE + lateMs };
  const play = playOf(kind);
  const first = await jobsProcess({ wall, play });
  const job = aJob({ nextAt: NINE, nextOccurrence: NINE, retry: NO_RETRY, ...terms });
  await first.store.jobs.createJob(job);
  first.dieAt(at, when);
  void first.start();
  let isTold = false;
  if (isManual) void first.jobs.runNow(job).then(() => (isTold = true));
  await diesOrEnds(first, job, () => (wall.now += 10));
  const hasDied = first.isDead;
  void first.scheduler.stop();
  wall.now += 60_000;
  const second = await jobsProcess({ wall, play, left: first.store });
  await second.start();
  const left = await second.history(job);
  // What nobody was told of may not be there.
  if (isManual && left.length === 0) return { failures: isTold ? ["what was told is lost"] : [], hasDied };
  await diesOrEnds(second, job, () => (wall.now += 10));
  const failures = await faultsOf(kind, job, [first, second]);
  await second.scheduler.stop();
  return { failures, hasDied };
}

/** A model that calls the tool `write` once, then says how it went; at first it may not be there. */
function playOf({ isUnreachable = false }: CrashKind): Play {
  let isThere = !isUnreachable;
  return ({ items }) => {
    if (items.some(({ type }) => type === "function_call_output")) return say("Done.");
    if (isThere) return call("write");
    isThere = true;
    throw new ProviderError("auth", "no", { retryable: false });
  };
}

async function faultsOf(
  kind: CrashKind,
  job: Job,
  [first, second]: [JobsProcess, JobsProcess],
): Promise<string[]> {
  const fires = await second.history(job);
  const said = fires.map(({ kind: what, scheduledFor, status }) => [
    what,
    Math.floor((scheduledFor - NINE) / HOUR),
    status,
  ]);
  const failures: string[] = [];
  const check = (is: unknown, expected: unknown, what: string) => {
    if (JSON.stringify(is) !== JSON.stringify(expected))
      failures.push(`${what}: ${JSON.stringify(is)} instead of ${JSON.stringify(expected)}`);
  };
  // Nobody heard of the failure: the run went on in the next process, which reached the model.
  const isUnheard = kind.isUnreachable === true && said.length === 1;
  check(said, isUnheard ? [["schedule", 0, "completed"]] : kind.fires, "fires");
  const query = { owner: OWNER, surface: "jobs", order: "asc", limit: 99 } as const;
  const runs = (await second.store.listRuns(query)).map(({ run }) => run);
  const named = fires.filter(({ status }) => status !== "skipped").map(({ runId }) => runId);
  check(runs.map(({ id }) => id).sort(), named.sort(), "runs");
  const texts = await Promise.all(
    runs.map(async ({ id }) => JSON.stringify(await second.runs.read(id, OWNER))),
  );
  const lost = texts.filter((text) => text.includes("outcome is unknown")).length;
  const done = kind.fires.filter(([, , status]) => status === "completed").length;
  const writes = first.effects.length + second.effects.length;
  // A call that began and whose end nobody heard is not made again: the model is told so.
  if (writes > done || writes + lost < done) failures.push(`${writes} writes, ${lost} unknown`);
  const after = await second.job(job.id);
  const scheduled = kind.fires.filter(
    ([what, , status]) => what === "schedule" && status !== "skipped",
  ).length;
  check(after?.completed, scheduled, "completed");
  const next = kind.isManual ? 9 : Math.floor((second.wall.now - NINE) / HOUR) + 1;
  check(after?.nextOccurrence, NINE + next * HOUR, "next");
  check([after?.last?.status, after?.failureStreak], ["completed", 0], "last");
  check([...first.faults, ...second.faults].map(String), [], "faults");
  return failures;
}
