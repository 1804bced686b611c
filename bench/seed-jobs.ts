import { mkdirSync } from "node:fs";
import path from "node:path";
import { OWNER } from "../src/auth/keys.ts";
import { APPLICATION_ID } from "../src/config/profile.ts";
import type { Job } from "../src/domain/job.ts";
import { openSqliteStore } from "../src/storage/sqlite/store.ts";
import type { Store } from "../src/storage/store.ts";
import { toMark } from "./scenarios.ts";

/** Jobs that are all due at one time. */
export interface JobSeed {
  jobs: number;
  /** Epoch ms. */
  dueAt: number;
  /** How long the model takes for each. */
  modelMs: number;
}

/** Opens a home's database while no server does. */
export function openHome(home: string): Store {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  return openSqliteStore({
    file: path.join(home, "state.db"),
    applicationId: APPLICATION_ID,
    sync: "normal",
  });
}

/** Stores jobs and gives the id of the last one. */
export async function storeJobs({ jobs }: Store, seed: JobSeed): Promise<string> {
  let last = "";
  for (let n = 0; n < seed.jobs; n += 1) {
    last = n.toString(16).padStart(12, "0");
    await jobs.createJob(jobOf(last, seed));
  }
  return last;
}

function jobOf(id: string, { dueAt, modelMs }: JobSeed): Job {
  return {
    id,
    owner: OWNER.id,
    name: `job ${id}`,
    work: { prompt: toMark({ kind: "paced", tokens: 1, everyMs: modelMs }), limits: {} },
    schedule: { kind: "once", runAt: dueAt, timezone: "UTC", display: "once" },
    deliver: [],
    failureDeliver: [],
    times: 1,
    completed: 0,
    misfire: { policy: "latest" },
    overlap: "skip",
    jitterMs: 0,
    retry: { attempts: 0, delaysMs: [1_000], policy: "before_model" },
    maxFailures: 5,
    failureStreak: 0,
    state: "scheduled",
    createdAt: 1,
    updatedAt: 1,
    nextAt: dueAt,
    nextOccurrence: dueAt,
    origin: {},
    revision: 1,
  };
}

if (import.meta.main) {
  const [home = "", seed = "{}"] = process.argv.slice(2);
  const store = openHome(home);
  process.stdout.write(await storeJobs(store, JSON.parse(seed) as JobSeed));
  await store.close();
}
