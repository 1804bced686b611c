import type { AddressInfo } from "node:net";
import { type App, createApp } from "./app/app.ts";
import { banner } from "./cli/banner.ts";
import { EXIT, StartError } from "./cli/failure.ts";
import { createLogStream } from "./cli/log.ts";
import { ensureServerKey, keyWarning, type ServerKey } from "./config/key.ts";
import { type Config, type LoadOptions, listSecrets, loadConfig } from "./config/load.ts";
import { withWebhookSecret } from "./config/webhook-secret.ts";
import { workspaceWarning } from "./config/workspace.ts";
import { giveMemoryBack } from "./lib/memory.ts";
import { ProcessEnd } from "./lib/process-end.ts";
import { DEMO_HINT } from "./providers/protocols/demo/provider.ts";

/**
 * Reads the configuration, starts the server and says how to use it. Ends the process on SIGTERM, SIGINT and
 * SIGHUP, after running work was given its time.
 * @throws ConfigError, UpstreamError, StorageError and StartError when it cannot start.
 */
export async function serve(options: LoadOptions): Promise<void> {
  const processEnd = new ProcessEnd();
  const loaded = loadConfig(options);
  const key = ensureServerKey(loaded);
  const config = withWebhookSecret(loaded);
  const stream = createLogStream({
    pretty: process.stdout.isTTY,
    secrets: [key.value, ...listSecrets(config)],
  });
  const app = await createApp(config, key.value, { log: { level: config.settings.log.level, stream } });
  const url = await listen(app, config);
  handleSignals(app, processEnd, config.settings.server.drain_timeout_seconds * 1000);
  await announce(app, { config, key, url });
  setTimeout(() => whenAlone(app, giveMemoryBack), QUIET_MS).unref();
}

/** Does what others would have to wait for, unless somebody is there. */
function whenAlone(app: App, work: () => void): void {
  app.http.server.getConnections((_error, count) => {
    if (count === 0) work();
  });
}

const QUIET_MS = 1_000;

async function listen(app: App, { settings }: Config): Promise<string> {
  const { host, port } = settings.server;
  try {
    await app.http.listen({ host, port });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    await app.close();
    if (code === "EADDRINUSE") {
      const cure = "Stop the other program or set API_SERVER_PORT to another port.";
      throw new StartError(`Port ${port} on ${host} is taken. ${cure}`, EXIT.unavailable);
    }
    throw new StartError(`Cannot listen on ${host}:${port} (${code}).`, EXIT.unavailable);
  }
  const address = app.http.server.address() as AddressInfo;
  const name = address.family === "IPv6" ? `[${address.address}]` : address.address;
  return `http://${name}:${address.port}`;
}

/** What closing may take beyond the time of running work, ms. */
const CLOSING_MS = 950;

/** A second signal does not wait. */
function handleSignals(app: App, processEnd: ProcessEnd, drainMs: number): void {
  let stopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (stopping) {
      void processEnd.end(EXIT.failure);
      return;
    }
    stopping = true;
    processEnd.within(drainMs + CLOSING_MS);
    app.http.log.info(`${signal}: no new work is taken; running work may finish`);
    app.close().then(
      () => processEnd.end(EXIT.ok),
      (error: unknown) => {
        app.http.log.fatal({ err: error }, "shutdown failed");
        return processEnd.end(EXIT.failure);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, stop);
}

interface Started {
  config: Config;
  key: ServerKey;
  url: string;
}

/** Says what runs and what to do next: for people on a terminal, else for the log. */
async function announce(app: App, { config, key, url }: Started): Promise<void> {
  const { log } = app.http;
  const found = await app.models.default();
  const model = `${found.upstream.name}/${found.upstream.model ?? "first listed"}`;
  if (process.stdout.isTTY) process.stdout.write(banner({ config, key, url, model, reason: found.reason }));
  else log.info({ url: `${url}/v1`, model, reason: found.reason, workspace: config.workspace }, "listening");
  if (key.created) log.info(`a new API key was made; it lies in ${config.home.envFile}`);
  if (found.upstream.protocol.name === "demo")
    log.warn(`demo model: a rule-based stand-in, not a language model. ${DEMO_HINT}`);
  for (const warning of [...config.warnings, keyWarning(key.value), workspaceWarning(config)])
    if (warning !== undefined) log.warn(warning);
  if (config.settings.server.cors_origins.includes("*")) {
    log.warn("CORS is open to every web page (API_SERVER_CORS_ORIGINS=*); list exact origins instead");
  }
  const { ended, resumed, killed } = app.recovered;
  if (killed > 0) log.warn(`${killed} processes that a former process's commands left running were killed`);
  if (ended > 0) log.warn(`${ended} runs that a former process left unfinished were ended as failed`);
  if (resumed > 0) log.info(`${resumed} background runs go on where a former process left them`);
}
