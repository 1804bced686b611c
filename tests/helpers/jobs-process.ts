import { vi } from "vitest";
import type { Fire, Job } from "../../src/domain/job.ts";
import { Execution } from "../../src/jobs/execution/execution.ts";
import { ScriptRuns } from "../../src/jobs/execution/script-run.ts";
import type { ScriptEnd } from "../../src/jobs/execution/scripts.ts";
import { JobCounters } from "../../src/jobs/scheduler/job-counters.ts";
import { Scheduler } from "../../src/jobs/scheduler/scheduler.ts";
import { Jobs } from "../../src/jobs/service.ts";
import { createIdSource } from "../../src/lib/id.ts";
import { Skills } from "../../src/skills/skills.ts";
import type { JobStore } from "../../src/storage/job-store.ts";
import type { Store } from "../../src/storage/store.ts";
import { fakeTool, registryOf } from "./agent-run.ts";
import { readerOf } from "./confined-reader.ts";
import { NEVER } from "./crash.ts";
import { ANY_DRAFT } from "./jobs.ts";
import { runService } from "./run-service.ts";
import { type Play, scriptedProvider } from "./scripted-provider.ts";
import { OWNER } from "./stored.ts";

/** The wall clock of one or more processes, which a test sets. */
export interface WallClock {
  now: number;
}

/** What a process is made with. */
export interface JobsProcessTerms {
  wall: WallClock;
  /** The store that a former process left. */
  left?: Store;
  play: Play;
  /** What a job's script does. */
  script?(): Promise<ScriptEnd>;
}

const WRITES_JOBS = ["createJob", "changeJob", "claimFires", "updateFire", "deleteJob"] as const;

/** Scheduler and runs over a store in memory, whose process can die at any write; nothing is due before `start`. */
export async function jobsProcess({ wall, left, play, script }: JobsProcessTerms) {
  let writes = 0;
  let death = { at: Number.POSITIVE_INFINITY, when: "before" as "before" | "after" };
  const effects: string[] = [];
  const delivered: Fire[] = [];
  const faults: unknown[] = [];
  const write = fakeTool("write", async () => `write ${effects.push("write")}`, { effect: "write" });
  const service = await runService(scriptedProvider(play), { tools: { current: registryOf([write]) } }, left);
  const isOver = () => writes > death.at || (writes === death.at && death.when === "before");
  const before = () => {
    writes++;
    return isOver() ? NEVER : undefined;
  };
  const after = () => (writes >= death.at ? NEVER : undefined);
  Object.assign(service, { before, after });
  const store = hookedJobs(service.inner.jobs, { before, after });
  const clock = { now: () => wall.now, elapsed: () => performance.now() };
  const tally = new JobCounters();
  const nextId = createIdSource();
  const scripted: string[] = [];
  const run = async () => {
    scripted.push("begun");
    return script?.();
  };
  const scripts = new ScriptRuns({
    scripts: { command: async () => "true", run },
    clock,
    directoryOf: () => "/",
  });
  const reader = readerOf();
  const execution = new Execution({
    runs: service.runs,
    scripts,
    sources: { skills: new Skills("/nowhere", reader), reader, store, directoryOf: () => "/" },
    isPrincipal: (id) => id === OWNER,
  });
  const scheduler = new Scheduler({
    store,
    clock,
    maxRunning: 4,
    execute: (begun) => execution.execute(begun),
    stopRun: ({ runId, owner }) => runId !== undefined && service.runs.stop(runId, owner),
    onSettled: (fire) => delivered.push(fire),
    observer: tally,
    nextId,
    onFault: (error) => faults.push(error),
  });
  return {
    wall,
    store: service.inner,
    runs: service.runs,
    jobs: new Jobs({ ...ANY_DRAFT, store, scheduler, clock, nextId }),
    scheduler,
    tally,
    effects,
    /** Each time that a job's script was run. */
    scripted,
    delivered,
    faults,
    /** Goes on with what was left, and with what is due. */
    async start() {
      await service.runs.recover();
      await scheduler.start();
    },
    /** The process does nothing more from its n-th write on. */
    dieAt(at: number, when: "before" | "after") {
      death = { at, when };
    },
    /** How many writes there were. */
    get writes() {
      return writes;
    },
    get isDead() {
      return writes >= death.at;
    },
    history: (job: Pick<Job, "id">) =>
      service.inner.jobs.listFires({ jobId: job.id, owner: OWNER, order: "asc", limit: 1_000 }),
    job: (id: string) => service.inner.jobs.findJob(id, OWNER),
  };
}

export type JobsProcess = Awaited<ReturnType<typeof jobsProcess>>;

function hookedJobs(
  jobs: JobStore,
  { before, after }: { before(): Promise<void> | undefined; after(): Promise<void> | undefined },
): JobStore {
  return new Proxy(jobs, {
    get(target, key) {
      const value = Reflect.get(target, key) as (...args: unknown[]) => Promise<unknown>;
      if (!(WRITES_JOBS as readonly unknown[]).includes(key)) return value.bind(target);
      return async (...args: unknown[]) => {
        await before();
        const result = await value.apply(target, args);
        await after();
        return result;
      };
    },
  });
}

/** Resolves when the process is dead, or its job's fires have all ended; `onLook` may let time pass. */
export function diesOrEnds(process: JobsProcess, job: Pick<Job, "id">, onLook = () => {}): Promise<void> {
  return vi.waitFor(
    async () => {
      if (process.isDead) return;
      onLook();
      void process.scheduler.tick();
      const fires = await process.history(job);
      if (fires.length === 0 || fires.some(isOpen)) throw new Error("it goes on");
    },
    { timeout: 5_000, interval: 2 },
  );
}

function isOpen({ status }: Fire): boolean {
  return status === "queued" || status === "running";
}
