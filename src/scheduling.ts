import { join } from "node:path";
import { OWNER } from "./auth/keys.ts";
import type { Config } from "./config/load.ts";
import type { Settings } from "./config/schema.ts";
import type { Run } from "./domain/run.ts";
import { agentJobs } from "./jobs/agent-jobs.ts";
import type { Carrier } from "./jobs/carrier.ts";
import { WorkCheck } from "./jobs/check-work.ts";
import { Deliveries } from "./jobs/deliveries.ts";
import { JobDesk } from "./jobs/desk.ts";
import { Execution } from "./jobs/execution.ts";
import { fileCarrier } from "./jobs/file-carrier.ts";
import { Outputs } from "./jobs/outputs.ts";
import { parseSchedule } from "./jobs/parse-schedule.ts";
import { scanPrompt } from "./jobs/scan.ts";
import { Scheduler } from "./jobs/scheduler.ts";
import { Jobs } from "./jobs/service.ts";
import { sessionCarrier } from "./jobs/session-carrier.ts";
import { JobsTally } from "./jobs/tally.ts";
import { webhookCarrier } from "./jobs/webhook-carrier.ts";
import { createPrinter } from "./jobs/zone.ts";
import type { Clock } from "./lib/clock.ts";
import { Places } from "./net/places.ts";
import { createSafeFetch } from "./net/safe-fetch.ts";
import type { Models } from "./providers/resolve.ts";
import { toolsOf } from "./runs/prepare.ts";
import type { Runs } from "./runs/service.ts";
import type { SessionContents } from "./runs/session-contents.ts";
import type { Sessions } from "./sessions/service.ts";
import { Skills } from "./skills/skills.ts";
import type { Store } from "./storage/store.ts";
import type { ToolRegistry } from "./tools/registry.ts";

/** What scheduled work is put together from. */
export interface SchedulingDeps {
  config: Config;
  store: Store;
  runs: Runs;
  sessions: Sessions;
  contents: SessionContents;
  tools: ToolRegistry;
  models: Models;
  clock: Clock;
  nextId(): string;
  onFault(error: unknown): void;
}

function webhooks({ network, jobs }: Settings, clock: Clock): Carrier {
  const places = new Places(network.allow_private);
  return webhookCarrier({ places, fetch: createSafeFetch({ places }), secret: jobs.webhook_secret, clock });
}

/** Puts the jobs together; nothing is due before the scheduler is started. */
export function openScheduling(deps: SchedulingDeps) {
  const { config, store, runs, clock, nextId, onFault, tools } = deps;
  const { settings, home } = config;
  const carriers = [fileCarrier(home.path), sessionCarrier(deps), webhooks(settings, clock)];
  const deliveries = new Deliveries({ carriers, store: store.jobs, clock, onFault });
  const tally = new JobsTally();
  const skills = new Skills(join(home.path, "skills"));
  const execution = new Execution({
    runs,
    sources: { skills, store: store.jobs },
    isPrincipal: (id) => id === OWNER.id,
  });
  const scheduler = new Scheduler({
    store: store.jobs,
    clock,
    maxRunning: settings.jobs.max_concurrent,
    execute: (job, fire, keep) => execution.execute(job, fire, keep),
    stopRun: ({ runId, owner }) => runId !== undefined && runs.stop(runId, owner),
    onSettled: () => void deliveries.wake(),
    observer: tally,
    nextId,
    onFault,
  });
  const jobs = new Jobs({ store: store.jobs, scheduler, clock, nextId });
  const timezone = settings.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const toolsets = new Set(tools.toolsets.map(({ name }) => name));
  const terms = {
    scan: scanPrompt,
    checkTarget: (target: string, param: string) => deliveries.check(target, param),
    readSchedule: (text: string, zone: string | undefined) =>
      parseSchedule(text, { timezone: zone ?? timezone, now: clock.now(), param: "schedule" }),
  };
  const print = createPrinter();
  const work = new WorkCheck({
    toolsets,
    skills,
    store: store.jobs,
    checkWorkdir: (workdir) => toolsOf(tools, { surface: "jobs", workdir }),
    resolve: (ask) => deps.models.resolve(ask),
  });
  const desk = new JobDesk({ jobs, terms, work, print });
  const routes = { jobs, desk, outputs: new Outputs(home.path), print, now: clock.now };
  const jobsOf = (run: Run, callId: string) => agentJobs({ jobs, desk }, run, callId);
  return { scheduler, deliveries, tally, jobs: routes, jobsOf };
}
