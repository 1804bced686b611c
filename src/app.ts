import { existsSync } from "node:fs";
import { homedir } from "node:os";
import type { FastifyBaseLogger, FastifyInstance } from "fastify";
import { createKeyRing } from "./auth/keys.ts";
import { createOperatorGate } from "./auth/operator.ts";
import { isLoopback } from "./config/key.ts";
import type { Config } from "./config/load.ts";
import { operatorKeyDigest } from "./config/operator-key.ts";
import { APPLICATION_ID, ownDirectories, protectedPaths, realPathOf } from "./config/profile.ts";
import type { Settings } from "./config/schema.ts";
import { coreSections, createPromptBuilder } from "./context/core-prompt.ts";
import { createPrompts } from "./context/prompt-cache.ts";
import { isTold } from "./domain/error.ts";
import type { RunId } from "./domain/id.ts";
import type { JobPort } from "./domain/job.ts";
import { Reader } from "./files/reader.ts";
import { jsonReader } from "./http/body.ts";
import { createServer, type LogOptions } from "./http/server.ts";
import { Sockets } from "./http/sockets.ts";
import { Streams } from "./http/streams.ts";
import type { Deliveries } from "./jobs/deliveries.ts";
import type { Scheduler } from "./jobs/scheduler.ts";
import type { ScriptRuns } from "./jobs/script-run.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { diskSpace } from "./lib/disk.ts";
import { createIdSource } from "./lib/id.ts";
import { createSeal } from "./lib/seal.ts";
import { openModels } from "./models.ts";
import type { Provider } from "./providers/provider.ts";
import type { Models } from "./providers/resolve.ts";
import { addRoutes } from "./routes.ts";
import { Backups } from "./runs/backup.ts";
import { EventLog } from "./runs/event-log.ts";
import { Housekeeping } from "./runs/housekeeping.ts";
import { Runs } from "./runs/service.ts";
import { type ContentsDeps, SessionContents } from "./runs/session-contents.ts";
import { createForks } from "./runs/session-forks.ts";
import { SessionModels } from "./runs/session-models.ts";
import { createLocalSandbox, killLeftCommands } from "./sandbox/local.ts";
import type { Sandbox } from "./sandbox/sandbox.ts";
import { openScheduling } from "./scheduling.ts";
import { type CatalogDeps, SessionCatalog } from "./sessions/catalog.ts";
import { createSessions } from "./sessions/service.ts";
import { openSqliteStore } from "./storage/sqlite/store.ts";
import type { Store } from "./storage/store.ts";
import { openCatalog, type ToolCatalog } from "./tools/catalog.ts";
import { Protection } from "./tools/files/protection.ts";
import { createWorkspace } from "./tools/files/workspace.ts";
import type { Policy } from "./tools/judgement.ts";
import { loadTools, TOOLS_DIRECTORY } from "./tools/load.ts";
import { createJudge } from "./tools/policy.ts";
import type { PortsFor } from "./tools/ports.ts";
import type { ToolSource } from "./tools/source.ts";
import { createFileReader, FILE_LIMITS } from "./wire/files/reader.ts";

/** What a test or an embedding program may replace. */
export interface Overrides {
  /** Where log lines go; by default to stdout, as the configured level has them. */
  log?: LogOptions;
  store?: Store;
  /** Answers instead of every configured upstream. */
  provider?: Provider;
  /** More tools, beside the server's own. */
  toolSources?: readonly ToolSource[];
  /** Runs before the routes are added; for plugins that must see them. */
  beforeRoutes?(http: FastifyInstance): Promise<void>;
}

/** A server that is ready to listen. */
export interface App {
  http: FastifyInstance;
  models: Models;
  /** What a former process had left: runs that were ended, runs that go on, and processes that were killed. */
  recovered: { ended: number; resumed: number; killed: number };
  /** Takes no more work, lets runs finish for the configured time, ends the rest, and closes everything. */
  close(): Promise<void>;
}

/**
 * Puts the server together; nothing else in the program knows how. Two of them in one process share nothing.
 * @throws StorageError when the database cannot be used; UpstreamError or ConfigError for a configuration that cannot work.
 */
export async function createApp(config: Config, key: string, overrides: Overrides = {}): Promise<App> {
  const { settings } = config;
  const { server } = settings;
  const operator = createOperatorGate(operatorKeyDigest(config));
  const clock = systemClock;
  const nextId = createIdSource(clock.now);
  const http = await createServer({
    log: overrides.log ?? { level: settings.log.level },
    nextId,
    keys: createKeyRing(key),
    origins: server.cors_origins,
    allowedHosts: server.allowed_hosts,
    loopback: isLoopback(server.host),
  });
  const onFault = (error: unknown, run?: RunId) => {
    if (!isTold(error)) http.log.error({ err: error, run }, "internal error");
  };
  // A database that was closed has no log beside it.
  const wasKilled = existsSync(`${config.home.databaseFile}-wal`);
  const store = overrides.store ?? openStore(config, http.log);
  const warn = (message: string) => http.log.warn(message);
  const jobsOf: JobsOf = (...call) => scheduling.jobsOf(...call);
  const tools = await openTools(config, { sources: overrides.toolSources ?? [], jobsOf, warn });
  const models = openModels(config, overrides.provider);
  const readers = openReaders(config);
  const prompt = createPromptBuilder({
    sections: coreSections(promptSources(config, readers)),
    now: clock.elapsed,
    onLeftOut: (sentences) => warn(sentences.join(" ") || "The core prompt is whole again."),
  });
  const log = new EventLog({ store, clock, onFault });
  const sessions = createSessions({ store, prompt, clock, nextId });
  const prompts = createPrompts(prompt, store);
  const shared = { store, log, sessions, models, prompts, tools, clock, nextId, onFault };
  const runs = new Runs({ ...shared, ...runSettings(settings) });
  const transports = openTransports(http, server, onFault);
  await overrides.beforeRoutes?.(http);
  const disk = () => diskSpace(config.home.path);
  const backups = new Backups({ store, databaseFile: config.home.databaseFile, disk });
  const ofSessions = sessionParts({ ...shared, prompt });
  const sandbox = sandboxOf(config);
  const scheduling = openScheduling({ ...shared, ...ofSessions, config, readers, runs, sandbox });
  const parts = { ...shared, ...ofSessions, ...transports, ...scheduling, config, runs, backups };
  addRoutes(http, { ...parts, files: createFileReader(FILE_LIMITS), seal: createSeal(key), operator });
  const firesKeptMs = settings.jobs.retention_days * DAY_MS;
  const housekeeping = new Housekeeping({ ...shared, disk, firesKeptMs, warn });
  const close = closer({ ...parts, http, server, housekeeping });
  // Before its call is repeated or answered: what a killed server left running may still change something.
  const killed = wasKilled ? await killLeftCommands(realPathOf(config.home)) : 0;
  const recovered = { ...(await runs.recover()), killed };
  await scheduling.scheduler.start();
  await scheduling.deliveries.start();
  return { http, models, recovered, close };
}

/** What is closed, in an order of its own. */
interface Closed {
  http: FastifyInstance;
  server: Settings["server"];
  clock: Clock;
  store: Store;
  models: Models;
  runs: Runs;
  scheduler: Scheduler;
  scripts: ScriptRuns;
  deliveries: Deliveries;
  housekeeping: Housekeeping;
  backups: Backups;
  streams: Streams;
  sockets: Sockets;
}

function closer({ http, server, clock, streams, sockets, ...parts }: Closed): () => Promise<void> {
  return async () => {
    const drainMs = server.drain_timeout_seconds * 1000;
    const deadline = clock.elapsed() + drainMs;
    sockets.drain();
    parts.backups.close();
    await parts.scheduler.stop();
    await Promise.all([parts.runs.drain(drainMs), parts.scripts.close(drainMs)]);
    // Slow readers get what is left of the time: what ended well must not look cut.
    const graceMs = Math.max(CLOSE_GRACE_MS, deadline - clock.elapsed());
    await Promise.all([
      parts.scheduler.live.whenIdle(CLOSE_GRACE_MS).then(() => parts.deliveries.stop(graceMs)),
      parts.housekeeping.stop(),
      streams.close(graceMs),
      sockets.close(graceMs),
    ]);
    // Connections without an answer under way (half a request, a browser's spare one) are not waited for.
    const late = setTimeout(() => http.server.closeAllConnections(), CLOSE_GRACE_MS);
    await http.close();
    clearTimeout(late);
    await parts.models.close();
    await parts.store.close();
  };
}

/** What the routes of sessions and conversations work with. */
function sessionParts(shared: ContentsDeps & CatalogDeps & { models: Models }) {
  const { sessions, models } = shared;
  const catalog = new SessionCatalog(shared);
  const forks = createForks({ ...shared, catalog });
  const sessionModels = new SessionModels({ models, catalog });
  return { sessions, contents: new SessionContents(shared), catalog, forks, sessionModels };
}

/** How long answers may still flow to their readers when nothing else is to be done. */
const CLOSE_GRACE_MS = 300;

/** A WebSocket that asks for nothing is closed after this time; OpenAI's end after an hour, too. */
const SOCKET_IDLE_MS = 60 * 60 * 1000;
const MAX_SOCKETS = 1_000;

/** What carries answers that take their time. */
function openTransports(
  http: FastifyInstance,
  server: Settings["server"],
  onFault: (error: unknown) => void,
) {
  const streams = new Streams({
    keepaliveMs: server.keepalive_seconds * 1000,
    writeTimeoutMs: server.write_timeout_seconds * 1000,
  });
  const sockets = new Sockets({
    times: { ...streams.times, idleMs: SOCKET_IDLE_MS },
    maxOpen: MAX_SOCKETS,
    parse: jsonReader(http),
    onFault,
  });
  return { streams, sockets };
}

/** One for each place whose disk may fail by itself. */
function openReaders({ home }: Config) {
  const secrets = new Protection([home.configFile, ...protectedPaths(home)]);
  return { home: new Reader({ secrets }), workspace: new Reader({ secrets }) };
}

/** What the core prompt is made of. SOUL.md may be a link out of the home: the home is its owner's word. */
function promptSources({ home, workspace }: Config, readers: ReturnType<typeof openReaders>) {
  return {
    soul: { reader: readers.home, place: { within: "/", name: home.soulFile } },
    workspaceInstructions: { reader: readers.workspace, place: { within: workspace, name: "AGENTS.md" } },
    workspace,
  };
}

function openStore({ home, settings }: Config, log: FastifyBaseLogger): Store {
  return openSqliteStore({
    file: home.databaseFile,
    applicationId: APPLICATION_ID,
    sync: settings.storage.sync,
    onHealth: ({ state, detail }) => {
      if (state === "ok") log.info("the database takes everything again");
      else log.error(`${detail} What cannot be stored is refused (${state}).`);
    },
  });
}

type JobsOf = (...call: Parameters<PortsFor>) => JobPort;

/** What the server's own tools are joined with. */
interface ToolTerms {
  /** More tools. */
  sources: readonly ToolSource[];
  jobsOf: JobsOf;
  warn(message: string): void;
}

async function openTools(config: Config, { sources, jobsOf, warn }: ToolTerms): Promise<ToolCatalog> {
  const secrets = protectedPaths(config.home);
  const workspace = await createWorkspace({ root: config.workspace, protectedPaths: secrets });
  const own = await loadTools(TOOLS_DIRECTORY);
  return openCatalog([own, ...sources], {
    workspace,
    sandbox: sandboxOf(config),
    policy: policyOf(config, secrets),
    allowsUnattended: ({ surface, byAgent }) => {
      const { unattended, cron_mode: ofJobs = unattended } = config.settings.approvals;
      const isAllowed = unattended === "approve";
      return surface === "jobs" ? ofJobs === "approve" && (byAgent !== true || isAllowed) : isAllowed;
    },
    portsFor: (...call) => ({
      get jobs() {
        return jobsOf(...call);
      },
    }),
    warn,
  });
}

function sandboxOf(config: Config): Sandbox {
  return createLocalSandbox({ env: config.environment, home: realPathOf(config.home) });
}

/** The policy's rules; with approvals off, what would ask is allowed, what is denied stays denied. */
function policyOf(config: Config, secrets: readonly string[]): Policy {
  const judge = createJudge({
    home: homedir(),
    hermesHome: config.home.path,
    ownDirectories: ownDirectories(config.home),
    protectedPaths: secrets,
    workspaceRoot: config.workspace,
    pid: process.pid,
  });
  const off = config.settings.approvals.mode === "off";
  return (call) => {
    const verdict = judge(call);
    return off && verdict.verdict === "ask" ? { verdict: "allow" } : verdict;
  };
}

function runSettings({ agent, approvals, llm, server, responses, runs }: Settings) {
  return {
    retention: { responsesMs: responses.retention_days * DAY_MS, runsMs: runs.retention_days * DAY_MS },
    limits: {
      maxSteps: agent.max_steps,
      maxRunMs: agent.max_run_seconds * 1000,
      contextTokens: llm.context_length,
      maxOutputTokens: agent.max_output_tokens,
    },
    approvalTimeoutMs: approvals.timeout_seconds * 1000,
    maxConcurrent: server.max_concurrent_runs,
    maxQueued: server.max_queued_runs,
    upstreamStream: llm.upstream_stream,
    previousNotFoundStatus: server.previous_response_not_found_status,
    historyOutputChars: server.history_tool_output_max_chars,
    ephemeralPrompt: agent.ephemeral_system_prompt,
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
