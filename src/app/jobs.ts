import { join } from "node:path";
import { apiJobsRoutes } from "../../routes/hermes/api-jobs.ts";
import { jobImportRoute } from "../../routes/hermes/job-import.ts";
import { jobOutputRoutes } from "../../routes/hermes/job-outputs.ts";
import type { JobsRoutesDeps } from "../../routes/hermes/job-request.ts";
import { jobsRoutes } from "../../routes/hermes/jobs.ts";
import { OWNER } from "../auth/keys.ts";
import type { DeliveryChannel } from "../delivery/channel.ts";
import { Deliveries } from "../delivery/deliveries.ts";
import { fileChannel } from "../delivery/file.ts";
import { Outputs } from "../delivery/outputs.ts";
import { sessionChannel } from "../delivery/session.ts";
import { webhookChannel } from "../delivery/webhook.ts";
import type { JobWork } from "../domain/job.ts";
import { WorkCheck } from "../jobs/check-work.ts";
import { Execution } from "../jobs/execution/execution.ts";
import { ScriptRuns } from "../jobs/execution/script-run.ts";
import { Scripts } from "../jobs/execution/scripts.ts";
import { JobImport } from "../jobs/import/import.ts";
import { createPrinter } from "../jobs/schedule/zone.ts";
import { JobCounters } from "../jobs/scheduler/job-counters.ts";
import { Scheduler } from "../jobs/scheduler/scheduler.ts";
import { Jobs } from "../jobs/service.ts";
import { DestinationPolicy } from "../net/destination-policy.ts";
import { createSafeFetch } from "../net/safe-fetch.ts";
import type { Models } from "../providers/resolve.ts";
import { selectTools } from "../runs/prepare.ts";
import type { Runs } from "../runs/service.ts";
import { Skills } from "../skills/skills.ts";
import type { Store } from "../storage/store.ts";
import { fireFacts } from "../wire/hermes/jobs/object.ts";
import { decodeRecord } from "../wire/hermes/jobs/record.ts";
import { agentJobs } from "./agent-jobs.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";
import { CLOSE_GRACE_MS } from "./parts.ts";
import type { Readers } from "./prompt.ts";
import type { SessionServices } from "./sessions.ts";
import type { ToolsPart } from "./tools.ts";

/** Jobs, and what does them when they are due. */
export interface JobsPart extends Part {
  readonly scheduler: Scheduler;
  readonly skills: Skills;
}

/** What jobs are done with. */
interface JobsNeeds {
  readers: Readers;
  store: Store;
  runs: Runs;
  sessions: SessionServices;
  tools: ToolsPart;
  models: Models;
  /** More channels than the server's own. */
  channels: readonly DeliveryChannel[];
}

/** Opens the jobs; nothing is due before they are started. */
export function openJobs(context: AppContext, needs: JobsNeeds): JobsPart {
  const tally = new JobCounters();
  const { skills, scripts, execution, check } = openWork(context, needs);
  const deliveries = openDeliveries(context, needs, tally);
  const scheduler = openScheduler(context, needs, { tally, deliveries, execution });
  const asked = openRequests(context, needs, { scheduler, deliveries, check });
  return {
    name: "jobs",
    scheduler,
    skills,
    ports: { jobs: (run, callId) => agentJobs(asked, run, callId) },
    routes(http) {
      jobsRoutes(http, asked);
      jobOutputRoutes(http, asked);
      jobImportRoute(http, asked);
      apiJobsRoutes(http, asked);
    },
    health: {
      scheduler: () => ({
        status: scheduler.isAlive ? "ok" : "degraded",
        ...scheduler.load,
        ...tally.totals,
      }),
    },
    async start() {
      await scheduler.start();
      await deliveries.start();
    },
    async drain(timeoutMs) {
      await scheduler.stop();
      await scripts.close(timeoutMs);
    },
    async flush(graceMs) {
      await scheduler.live.whenIdle(CLOSE_GRACE_MS);
      await deliveries.stop(graceMs);
    },
  };
}

function openDeliveries(context: AppContext, needs: JobsNeeds, observer: JobCounters): Deliveries {
  const { config, clock, onFault } = context;
  const { network, jobs } = config.settings;
  const places = new DestinationPolicy(network.allow_private);
  const channels = [
    fileChannel(config.home.path, needs.readers.home),
    sessionChannel(needs.sessions),
    webhookChannel({
      places,
      fetch: createSafeFetch({ places }),
      secret: jobs.webhook_secret,
      clock,
      printFire: fireFacts,
    }),
    ...needs.channels,
  ];
  return new Deliveries({ channels, store: needs.store.jobs, clock, observer, onFault });
}

function openScheduler(
  { config, clock, nextId, onFault }: AppContext,
  { store, runs }: JobsNeeds,
  { tally, deliveries, execution }: { tally: JobCounters; deliveries: Deliveries; execution: Execution },
): Scheduler {
  return new Scheduler({
    store: store.jobs,
    clock,
    maxRunning: config.settings.jobs.max_concurrent,
    execute: (begun) => execution.execute(begun),
    stopRun: ({ runId, owner }) => runId !== undefined && runs.stop(runId, owner),
    onSettled: () => void deliveries.wake(),
    observer: tally,
    nextId,
    onFault,
  });
}

/** What makes, changes and shows jobs for clients and for the agent. */
function openRequests(
  { config, clock, nextId }: AppContext,
  { store, readers }: JobsNeeds,
  { scheduler, deliveries, check }: { scheduler: Scheduler; deliveries: Deliveries; check: WorkCheck },
): JobsRoutesDeps {
  const { settings, home } = config;
  const terms = {
    // Asked for when it is needed: the first question loads 8 MB of what is known of languages.
    timezone: () => settings.timezone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
    now: clock.now,
    checkTarget: (target: string, param: string) => deliveries.check(target, param),
  };
  const jobs = new Jobs({ store: store.jobs, scheduler, work: check, terms, clock, nextId });
  const importer = new JobImport({ store: store.jobs, scheduler, work: check, terms, decode: decodeRecord });
  return {
    jobs,
    importer,
    outputs: new Outputs(home.path, readers.home),
    print: createPrinter(),
    now: clock.now,
  };
}

/** What does a job's work, and what checks that it can be done. */
function openWork({ config, clock }: AppContext, needs: JobsNeeds) {
  const { settings, home } = config;
  const { readers, store, runs, models } = needs;
  const { catalog: tools, sandbox } = needs.tools;
  const skills = new Skills(join(home.path, "skills"), readers.home);
  const files = new Scripts({
    directory: join(home.path, "scripts"),
    reader: readers.home,
    sandbox,
    timeoutMs: settings.jobs.script_timeout_seconds * 1000,
  });
  const directoryOf = ({ workdir }: Pick<JobWork, "workdir">) =>
    selectTools(tools.current, { ...(workdir !== undefined && { workdir }) }).root;
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
