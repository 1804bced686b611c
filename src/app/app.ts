import type { FastifyInstance } from "fastify";
import { createOperatorGate } from "../auth/operator.ts";
import type { Config } from "../config/load.ts";
import { operatorKeyDigest } from "../config/operator-key.ts";
import { createPrompts } from "../context/prompt-cache.ts";
import type { DeliveryChannel } from "../delivery/channel.ts";
import type { LogOptions } from "../http/server.ts";
import { systemClock } from "../lib/clock.ts";
import { createIdSource } from "../lib/id.ts";
import { createTextCipher } from "../lib/text-cipher.ts";
import type { Provider } from "../providers/provider.ts";
import type { Models } from "../providers/resolve.ts";
import type { Store } from "../storage/store.ts";
import type { ToolSource } from "../tools/source.ts";
import { createFileReader, FILE_LIMITS } from "../wire/shared/files/reader.ts";
import { openBackups } from "./backups.ts";
import { type AppContext, createContext } from "./context.ts";
import { openHousekeeping } from "./housekeeping.ts";
import { openJobs } from "./jobs.ts";
import { openModels } from "./models.ts";
import type { Part } from "./part.ts";
import { Parts } from "./parts.ts";
import { openPrompt, openReaders } from "./prompt.ts";
import { openRuns, type RunsPart } from "./runs.ts";
import { openServer, serverPart } from "./server.ts";
import { openSessions } from "./sessions.ts";
import { openStorage } from "./storage.ts";
import { aboutSurface, openSurfaces } from "./surfaces.ts";
import { openTools, type ToolsPart } from "./tools.ts";
import { openTransports } from "./transports.ts";

/** What a test or an embedding program may replace. */
export interface Overrides {
  /** Where log lines go; by default to stdout, as the configured level has them. */
  log?: LogOptions;
  store?: Store;
  /** Answers instead of every configured upstream. */
  provider?: Provider;
  /** More tools, beside the server's own. */
  toolSources?: readonly ToolSource[];
  /** More channels that results of jobs are delivered by. */
  channels?: readonly DeliveryChannel[];
  /** More parts, which are opened after the server's own. */
  parts?: readonly Part[];
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
 * Puts the server together; nothing else in the program knows how. Two of them in one process share nothing. A start that
 * fails closes what it opened.
 * @throws StorageError when the database cannot be used; UpstreamError or ConfigError for a configuration that cannot work.
 */
export async function createApp(config: Config, key: string, overrides: Overrides = {}): Promise<App> {
  const clock = systemClock;
  const nextId = createIdSource(clock.now);
  const http = await openServer(config, { key, log: overrides.log, nextId });
  const context = createContext({ config, clock, log: http.log, nextId });
  const parts = new Parts(clock);
  try {
    const { models, runs, tools } = await openParts(parts, { context, http, key, overrides });
    await overrides.beforeRoutes?.(http);
    for (const part of parts) connect(part, { http, runs, tools });
    await parts.start();
    const drainMs = config.settings.server.drain_timeout_seconds * 1000;
    return {
      http,
      models,
      recovered: { ...runs.recovered, killed: tools.killed },
      close: () => parts.stop(drainMs),
    };
  } catch (error) {
    await parts.stop(0).catch(context.onFault);
    throw error;
  }
}

interface Ground {
  context: AppContext;
  http: FastifyInstance;
  key: string;
  overrides: Overrides;
}

/** Opens the parts, each after those that it needs and that must be stopped after it. */
async function openParts(parts: Parts, { context, http, key, overrides }: Ground) {
  const { config } = context;
  const storage = parts.add(openStorage(context, overrides.store));
  const { store, wasKilled } = storage;
  const modelsPart = parts.add(openModels(context, overrides.provider));
  const { models } = modelsPart;
  parts.add(serverPart(http));
  const tools = parts.add(await openTools(context, { sources: overrides.toolSources ?? [], wasKilled }));
  const readers = openReaders(config);
  const prompt = openPrompt(context, readers);
  const prompts = createPrompts(prompt, store);
  const sessions = openSessions(context, { store, prompt, models });
  const runsPart = parts.add(
    openRuns(context, { store, models, sessions: sessions.sessions, prompts, tools: tools.catalog }),
  );
  const { runs } = runsPart;
  const transports = parts.add(openTransports(context, http));
  const jobs = parts.add(
    openJobs(context, { readers, store, runs, sessions, tools, models, channels: overrides.channels ?? [] }),
  );
  parts.add(openHousekeeping(context, { storage, prompts }));
  parts.add(openBackups(context, { storage, transports }));
  const needs = {
    store,
    runs,
    sessions,
    jobs,
    transports,
    models,
    tools: tools.catalog,
    files: createFileReader(FILE_LIMITS),
    cipher: createTextCipher(key),
    operator: createOperatorGate(operatorKeyDigest(config)),
  };
  for (const surface of openSurfaces(context, needs)) parts.add(surface);
  for (const part of overrides.parts ?? []) parts.add(part);
  parts.add(
    aboutSurface(context, needs, () => [...parts].flatMap((part) => Object.entries(part.health ?? {}))),
  );
  return { models, runs: runsPart, tools };
}

/** Joins a part with what others offer: its routes, its tools and their services, and the events that it observes. */
function connect(
  part: Part,
  { http, runs, tools }: { http: FastifyInstance; runs: RunsPart; tools: ToolsPart },
): void {
  part.routes?.(http);
  if (part.tools !== undefined) tools.catalog.add(part.tools);
  if (part.ports !== undefined) tools.offer(part.ports);
  if (part.observe !== undefined) runs.events.subscribe({ observe: part.observe.bind(part) });
}
