import type { FastifyInstance } from "fastify";
import { jsonReader } from "../http/body.ts";
import { Sockets } from "../http/sockets.ts";
import { Streams } from "../http/streams.ts";
import type { AppContext } from "./context.ts";
import type { Part } from "./part.ts";

/** A WebSocket that asks for nothing is closed after this time; OpenAI's end after an hour, too. */
const SOCKET_IDLE_MS = 60 * 60 * 1000;
const MAX_SOCKETS = 1_000;

/** What carries answers that take their time. */
export interface TransportsPart extends Part {
  readonly streams: Streams;
  readonly sockets: Sockets;
}

/** Opens the event streams and the WebSockets. */
export function openTransports({ config, onFault }: AppContext, http: FastifyInstance): TransportsPart {
  const { server } = config.settings;
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
  return {
    name: "transports",
    streams,
    sockets,
    drain: async () => sockets.drain(),
    flush: async (graceMs) => void (await Promise.all([streams.close(graceMs), sockets.close(graceMs)])),
  };
}
