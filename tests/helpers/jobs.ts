import type { Fire, Job } from "../../src/domain/job.ts";
import type { WorkCheck } from "../../src/jobs/check-work.ts";
import { OWNER } from "./stored.ts";

let made = 0;

/** A job that nobody else has: every hour, in UTC. */
export function aJob(terms: Partial<Job> = {}): Job {
  made++;
  return {
    id: made.toString(16).padStart(12, "0"),
    owner: OWNER,
    name: `job ${made}`,
    work: { prompt: "Look.", limits: {} },
    schedule: { kind: "cron", expr: "0 * * * *", timezone: "UTC", display: "0 * * * *" },
    deliver: ["local"],
    failureDeliver: [],
    completed: 0,
    misfire: { policy: "latest" },
    overlap: "skip",
    jitterMs: 0,
    retry: { attempts: 3, delaysMs: [300_000, 900_000, 1_800_000], policy: "before_model" },
    maxFailures: 5,
    failureStreak: 0,
    state: "scheduled",
    createdAt: 1_000,
    updatedAt: 1_000,
    origin: {},
    revision: 1,
    ...terms,
  };
}

let fired = 0;

/** One time that a job is due; each of them at another. */
export function aFire(jobId: string, terms: Partial<Fire> = {}): Fire {
  fired++;
  return {
    id: `fire_${fired.toString().padStart(8, "0")}`,
    jobId,
    owner: OWNER,
    kind: "schedule",
    scheduledFor: fired,
    count: 1,
    attempt: 1,
    status: "queued",
    createdAt: 1_000,
    dueAt: 1_000,
    deliveries: [],
    ...terms,
  };
}

/** What drafts are read with where any work and any place to deliver to will do. */
export const ANY_DRAFT = {
  work: { check: async () => undefined } as unknown as WorkCheck,
  terms: { timezone: () => "UTC", now: Date.now, checkTarget: () => undefined },
};
