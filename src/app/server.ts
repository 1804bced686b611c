import type { FastifyInstance } from "fastify";
import { createKeyRing } from "../auth/keys.ts";
import { isLoopback } from "../config/key.ts";
import type { Config } from "../config/load.ts";
import { createServer, type LogOptions } from "../http/server.ts";
import type { Part } from "./part.ts";
import { CLOSE_GRACE_MS } from "./parts.ts";

/** What the HTTP server is made with, beside the configuration. */
interface ServerTerms {
  /** The key that clients send. */
  key: string;
  log: LogOptions | undefined;
  nextId(): string;
}

/** Makes the HTTP server; it holds nothing open before it listens. */
export function openServer(
  { settings }: Config,
  { key, log, nextId }: ServerTerms,
): Promise<FastifyInstance> {
  const { server } = settings;
  return createServer({
    log: log ?? { level: settings.log.level },
    nextId,
    keys: createKeyRing(key),
    origins: server.cors_origins,
    allowedHosts: server.allowed_hosts,
    loopback: isLoopback(server.host),
  });
}

/** The HTTP server as a part. */
export function serverPart(http: FastifyInstance): Part {
  return {
    name: "http",
    async stop() {
      // Connections without an answer under way (half a request, a browser's spare one) are not waited for.
      const late = setTimeout(() => http.server.closeAllConnections(), CLOSE_GRACE_MS);
      await http.close().finally(() => clearTimeout(late));
    },
  };
}
