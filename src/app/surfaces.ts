import { approvalRoutes } from "../../routes/hermes/approvals.ts";
import { capabilityRoutes } from "../../routes/hermes/capabilities.ts";
import { healthRoutes } from "../../routes/hermes/health.ts";
import { runEventsRoute } from "../../routes/hermes/run-events.ts";
import { runsRoutes } from "../../routes/hermes/runs.ts";
import { sessionRoutes } from "../../routes/hermes/sessions.ts";
import { chatRoutes } from "../../routes/openai/chat.ts";
import { conversationRoutes } from "../../routes/openai/conversations.ts";
import { responseInputsRoutes } from "../../routes/openai/response-inputs.ts";
import { responsesRoutes } from "../../routes/openai/responses.ts";
import type { ResponsesSettings } from "../../routes/openai/responses-request.ts";
import { responsesSocket } from "../../routes/openai/responses-socket.ts";
import { storedResponsesRoutes } from "../../routes/openai/stored-responses.ts";
import { unsupportedRoutes } from "../../routes/openai/unsupported.ts";
import type { OperatorGate } from "../auth/operator.ts";
import type { TextCipher } from "../lib/text-cipher.ts";
import type { Models } from "../providers/resolve.ts";
import type { Runs } from "../runs/service.ts";
import type { Store } from "../storage/store.ts";
import type { ToolCatalog } from "../tools/catalog.ts";
import { VERSION } from "../version.ts";
import type { HealthCheck } from "../wire/hermes/health/schema.ts";
import type { FileReader } from "../wire/shared/files/reader.ts";
import type { AppContext } from "./context.ts";
import type { JobsPart } from "./jobs.ts";
import type { Part } from "./part.ts";
import { missingPreviousKind } from "./runs.ts";
import type { SessionServices } from "./sessions.ts";
import type { TransportsPart } from "./transports.ts";

/** What the surfaces are views of. */
interface SurfaceNeeds {
  store: Store;
  runs: Runs;
  sessions: SessionServices;
  jobs: JobsPart;
  transports: TransportsPart;
  models: Models;
  tools: ToolCatalog;
  files: FileReader;
  cipher: TextCipher;
  operator: OperatorGate;
}

/** The surfaces; each gets what it needs of the configuration, and no more. */
export function openSurfaces(context: AppContext, needs: SurfaceNeeds): Part[] {
  return [
    chatSurface(context, needs),
    responsesSurface(context, needs),
    runsSurface(needs),
    sessionsSurface(needs),
    { name: "unsupported", routes: unsupportedRoutes },
  ];
}

/** Health and capabilities: what the server says of itself. `checks`: the entries of all parts. */
export function aboutSurface(
  { config }: AppContext,
  needs: SurfaceNeeds,
  checks: () => Iterable<[name: string, check: () => HealthCheck | Promise<HealthCheck>]>,
): Part {
  const { store, runs, jobs, models, tools } = needs;
  return {
    name: "about",
    routes(http) {
      healthRoutes(http, { version: VERSION, runs, store, scheduler: jobs.scheduler, checks });
      capabilityRoutes(http, {
        model: models.name,
        cors: config.settings.server.cors_origins.length > 0,
        toolsets: () => tools.current.toolsets,
        skills: () => jobs.skills.list(),
      });
    },
  };
}

function chatSurface({ config }: AppContext, { runs, transports, files }: SurfaceNeeds): Part {
  const { server } = config.settings;
  const settings = {
    clientTools: server.client_tools,
    toolProgress: server.tool_progress,
    namedEvents: server.tool_progress_events,
    onDisconnect: server.on_disconnect,
    disconnectGraceMs: server.disconnect_grace_ms,
    files,
    smallRequestsAreBackground: server.small_requests_are_background,
  };
  return {
    name: "chat",
    routes: (http) => chatRoutes(http, { runs, streams: transports.streams, settings }),
  };
}

function responsesSurface({ config }: AppContext, needs: SurfaceNeeds): Part {
  const { server } = config.settings;
  const { runs, files, cipher, tools, transports } = needs;
  const { streams, sockets } = transports;
  const settings: ResponsesSettings = {
    clientTools: server.client_tools,
    files,
    toolItems: server.tool_items,
    inheritInstructions: server.inherit_instructions,
    previousNotFound: missingPreviousKind(server),
    isOwnTool: (name) => tools.current.has(name),
    cipher,
    onDisconnect: server.on_disconnect,
    disconnectGraceMs: server.disconnect_grace_ms,
  };
  return {
    name: "responses",
    routes(http) {
      responsesRoutes(http, { runs, streams, settings });
      responseInputsRoutes(http, { runs, streams, settings });
      const socket = responsesSocket({ runs, sockets, settings });
      const cancelForeground = server.cancel_foreground_responses;
      storedResponsesRoutes(http, { runs, streams, cipher, cancelForeground, socket });
    },
  };
}

function runsSurface({ runs, files, jobs, operator, transports }: SurfaceNeeds): Part {
  return {
    name: "runs-api",
    routes(http) {
      runsRoutes(http, { runs, files, stopUpcoming: (...run) => jobs.scheduler.live.stopRun(...run) });
      runEventsRoute(http, { runs, streams: transports.streams });
      approvalRoutes(http, { runs, operator });
    },
  };
}

function sessionsSurface({ runs, files, sessions: services, transports }: SurfaceNeeds): Part {
  const { sessions, catalog, contents, forks, sessionModels } = services;
  const { streams } = transports;
  return {
    name: "sessions-api",
    routes(http) {
      conversationRoutes(http, { runs, sessions, contents, files });
      sessionRoutes(http, { runs, sessions, catalog, contents, forks, sessionModels, streams, files });
    },
  };
}
