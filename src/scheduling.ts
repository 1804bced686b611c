import { join } from "node:path";
import { OWNER } from "./auth/keys.ts";
import type { Config } from "./config/load.ts";
import type { Settings } from "./config/schema.ts";
import type { JobWork } from "./domain/job.ts";
import type { Run } from "./domain/run.ts";
import type { Reader } from "./files/reader.ts";
import { agentJobs } from "./jobs/agent-jobs.ts";
import type { Carrier } from "./jobs/carrier.ts";
import { WorkCheck } from "./jobs/check-work.ts";
import { Deliveries } from "./jobs/deliveries.ts";
import { JobDesk } from "./jobs/desk.ts";
import { Execution } from "./jobs/execution.ts";
import { fileCarrier } from "./jobs/file-carrier.ts";
import { JobImport } from "./jobs/import.ts";
import { Outputs } from "./jobs/outputs.ts";
import { parseSchedule } from "./jobs/parse-schedule.ts";
import { scanPrompt } from "./jobs/scan.ts";
import { Scheduler } from "./jobs/scheduler.ts";
import { ScriptRuns } from "./jobs/script-run.ts";
import { Scripts } from "./jobs/scripts.ts";
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
import type { Sandbox } from "./sandbox/sandbox.ts";
import type { Sessions } from "./sessions/service.ts";
import { Skills } from "./skills/skills.ts";
import type { Store } from "./storage/store.ts";
import type { ToolCatalog } from "./tools/catalog.ts";

/** What scheduled work is put together from. */
export interface SchedulingDeps {
  config: Config;
  readers: { home: Reader; workspace: Reader };
  store: Store;
  runs: Runs;
  sessions: Sessions;
  contents: SessionContents;
  tools: ToolCatalog;
  sandbox: Sandbox;
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
  const { config, readers, store, clock, nextId, onFault } = deps;
  const { settings, home } = config;
  const carriers = [fileCarrier(home.path, readers.home), sessionCarrier(deps), webhooks(settings, clock)];
  const tally = new JobsTally();
  const deliveries = new Deliveries({ carriers, store: store.jobs, clock, observer: tally, onFault });
  const { skills, scripts, execution, check } = workParts(deps);
  const scheduler = new Scheduler({
    store: store.jobs,
    clock,
    maxRunning: settings.jobs.max_concurrent,
    execute: (begun) => execution.execute(begun),
    stopRun: ({ runId, owner }) => runId !== undefined && deps.runs.stop(runId, owner),
    onSettled: () => void deliveries.wake(),
    observer: tally,
    nextId,
    onFault,
  });
  const jobs = new Jobs({ store: store.jobs, scheduler, clock, nextId });
  const terms = {
    scan: scanPrompt,
    checkTarget: (target: string, param: string) => deliveries.check(target, param),
    // Asked for when it is needed: the first question loads 8 MB of what is known of languages.
    get timezone() {
      return settings.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    },
    readSchedule: (text: string, zone: string) =>
      parseSchedule(text, { timezone: zone, now: clock.now(), param: "schedule" }),
  };
  const print = createPrinter();
  const desk = new JobDesk({ jobs, terms, work: check, print });
  const importer = new JobImport({
    store: store.jobs,
    scheduler,
    work: check,
    terms: () => ({ ...terms, now: clock.now() }),
  });
  const routes = {
    jobs,
    desk,
    importer,
    outputs: new Outputs(home.path, readers.home),
    print,
    now: clock.now,
  };
  const jobsOf = (run: Run, callId: string) => agentJobs({ jobs, desk }, run, callId);
  return { scheduler, skills, scripts, deliveries, tally, jobs: routes, jobsOf };
}

/** What does a job's work, and what checks that it can be done. */
function workParts({ config, readers, store, runs, clock, models, tools, sandbox }: SchedulingDeps) {
  const { settings, home } = config;
  const skills = new Skills(join(home.path, "skills"), readers.home);
  const files = new Scripts({
    directory: join(home.path, "scripts"),
    reader: readers.home,
    sandbox,
    timeoutMs: settings.jobs.script_timeout_seconds * 1000,
  });
  const directoryOf = ({ workdir }: Pick<JobWork, "workdir">) =>
    toolsOf(tools.current, { surface: "jobs", ...(workdir !== undefined && { workdir }) }).root;
  const scripts = new ScriptRuns({ scripts: files, clock, directoryOf });
  const execution = new Execution({
    runs,
    sources: { skills, reader: readers.workspace, store: store.jobs, directoryOf },
    scripts,
    isPrincipal: (id) => id === OWNER.id,
  });
  const check = new WorkCheck({
    toolsets: () => tools.current.toolsets.map(({ name }) => name),
    skills,
    scripts: files,
    store: store.jobs,
    checkWorkdir: (workdir) => void directoryOf({ workdir }),
    resolve: (ask) => models.resolve(ask),
  });
  return { skills, scripts, execution, check };
}
