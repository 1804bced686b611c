import type { FastifyInstance } from "fastify";
import { apiJobsRoutes } from "../routes/api-jobs.ts";
import { approvalRoutes } from "../routes/approvals.ts";
import { backupRoute } from "../routes/backup.ts";
import { capabilityRoutes } from "../routes/capabilities.ts";
import { chatRoutes } from "../routes/chat.ts";
import { conversationRoutes } from "../routes/conversations.ts";
import { healthRoutes } from "../routes/health.ts";
import { jobImportRoute } from "../routes/job-import.ts";
import { jobOutputRoutes } from "../routes/job-outputs.ts";
import type { JobsRoutesDeps } from "../routes/job-request.ts";
import { jobsRoutes } from "../routes/jobs.ts";
import { modelRoutes } from "../routes/models.ts";
import { responseInputsRoutes } from "../routes/response-inputs.ts";
import { responsesRoutes } from "../routes/responses.ts";
import type { ResponsesSettings } from "../routes/responses-request.ts";
import { responsesSocket } from "../routes/responses-socket.ts";
import { runEventsRoute } from "../routes/run-events.ts";
import { runsRoutes } from "../routes/runs.ts";
import { sessionRoutes } from "../routes/sessions.ts";
import { storedResponsesRoutes } from "../routes/stored-responses.ts";
import { unsupportedRoutes } from "../routes/unsupported.ts";
import type { OperatorGate } from "./auth/operator.ts";
import type { Config } from "./config/load.ts";
import type { Settings } from "./config/schema.ts";
import type { Sockets } from "./http/sockets.ts";
import type { Streams } from "./http/streams.ts";
import type { Scheduler } from "./jobs/scheduler.ts";
import type { JobsTally } from "./jobs/tally.ts";
import type { Seal } from "./lib/seal.ts";
import type { Models } from "./providers/resolve.ts";
import type { Backups } from "./runs/backup.ts";
import type { Runs } from "./runs/service.ts";
import type { SessionContents } from "./runs/session-contents.ts";
import type { SessionForks } from "./runs/session-forks.ts";
import type { SessionModels } from "./runs/session-models.ts";
import type { SessionCatalog } from "./sessions/catalog.ts";
import type { Sessions } from "./sessions/service.ts";
import type { Skills } from "./skills/skills.ts";
import type { Store } from "./storage/store.ts";
import type { ToolCatalog } from "./tools/catalog.ts";
import { VERSION } from "./version.ts";
import type { FileReader } from "./wire/files/reader.ts";

/** What the surfaces are made of. */
export interface Parts {
  config: Config;
  runs: Runs;
  store: Store;
  sessions: Sessions;
  contents: SessionContents;
  backups: Backups;
  catalog: SessionCatalog;
  forks: SessionForks;
  sessionModels: SessionModels;
  jobs: JobsRoutesDeps;
  scheduler: Scheduler;
  skills: Skills;
  tally: JobsTally;
  streams: Streams;
  sockets: Sockets;
  models: Models;
  tools: ToolCatalog;
  files: FileReader;
  seal: Seal;
  operator: OperatorGate;
}

/** Constant, so that a client's list does not look new each time. */
const MODELS_CREATED = 1_767_225_600;

/** Mounts every surface; each gets what it needs of the configuration, and no more. */
export function addRoutes(http: FastifyInstance, parts: Parts): void {
  const { config, runs, streams, sockets, models, tools, files, seal } = parts;
  const { server, llm } = config.settings;
  healthRoutes(http, {
    version: VERSION,
    runs,
    store: parts.store,
    scheduler: parts.scheduler,
    tally: parts.tally,
    home: config.home.path,
    model: async () => {
      const { upstream } = await models.default();
      return `${upstream.name} ${upstream.model ?? "(the first it lists)"}`;
    },
  });
  capabilityRoutes(http, {
    model: models.name,
    cors: server.cors_origins.length > 0,
    toolsets: () => tools.current.toolsets,
    skills: () => parts.skills.list(),
  });
  const list = modelList(models, llm.context_length);
  modelRoutes(http, { models: () => list });
  chatRoutes(http, {
    runs,
    streams,
    settings: {
      clientTools: server.client_tools,
      toolProgress: server.tool_progress,
      namedEvents: server.tool_progress_events,
      onDisconnect: server.on_disconnect,
      disconnectGraceMs: server.disconnect_grace_ms,
      files,
      smallRequestsAreBackground: server.small_requests_are_background,
    },
  });
  const responses = responsesSettings(server, { files, seal, tools });
  responsesRoutes(http, { runs, streams, settings: responses });
  responseInputsRoutes(http, { runs, streams, settings: responses });
  backupRoute(http, { backups: parts.backups, writeTimeoutMs: streams.writeTimeoutMs });
  const socket = responsesSocket({ runs, sockets, settings: responses });
  const cancelForeground = server.cancel_foreground_responses;
  storedResponsesRoutes(http, { runs, streams, seal, cancelForeground, socket });
  jobsRoutes(http, parts.jobs);
  jobOutputRoutes(http, parts.jobs);
  jobImportRoute(http, parts.jobs);
  apiJobsRoutes(http, parts.jobs);
  runsRoutes(http, { runs, files, stopUpcoming: (...run) => parts.scheduler.live.stopRun(...run) });
  runEventsRoute(http, { runs, streams });
  approvalRoutes(http, { runs, operator: parts.operator });
  conversationRoutes(http, parts);
  sessionRoutes(http, parts);
  unsupportedRoutes(http);
}

function modelList(models: Models, contextLength: number) {
  return models.list().map(({ id, root, parent }) => ({
    id,
    object: "model" as const,
    created: MODELS_CREATED,
    owned_by: "hermes",
    permission: [],
    root,
    parent,
    name: id,
    context_length: contextLength,
    architecture: { input_modalities: ["text", "image"], output_modalities: ["text"] },
  }));
}

function responsesSettings(
  server: Settings["server"],
  { files, seal, tools }: Pick<Parts, "files" | "seal" | "tools">,
): ResponsesSettings {
  return {
    clientTools: server.client_tools,
    files,
    toolItems: server.tool_items,
    inheritInstructions: server.inherit_instructions,
    previousNotFoundStatus: server.previous_response_not_found_status,
    isOwnTool: (name) => tools.current.has(name),
    seal,
    onDisconnect: server.on_disconnect,
    disconnectGraceMs: server.disconnect_grace_ms,
  };
}
