import { connect, type Socket } from "node:net";
import { rawRequest } from "../helpers/raw-socket.ts";
import { HEADERS } from "./server.ts";

/** A reader of an event stream that counts what it gets, and keeps little of it. */
export interface Counted {
  socket: Socket;
  bytes: number;
  /** When something came last, and the longest time that nothing came, ms. */
  lastAt: number;
  longestGapMs: number;
  isClosed: boolean;
  /** The last bytes, to see how it ended. */
  tail: string;
  /** Everything that came, chunk headers included, where that is wanted. */
  kept: string;
}

/** How a reader reads. */
export interface Reading {
  /** It never reads on its own. */
  paused?: boolean;
  /** It keeps everything. */
  keeps?: boolean;
}

/** Connects and asks for a stream; resolves when its head has come. */
export async function openCounted(
  url: string,
  { paused = false, keeps = false }: Reading = {},
): Promise<Counted> {
  const { hostname, port, pathname, search } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const counted: Counted = {
    socket,
    bytes: 0,
    lastAt: performance.now(),
    longestGapMs: 0,
    isClosed: false,
    tail: "",
    kept: "",
  };
  socket.on("error", () => undefined);
  const began = Promise.withResolvers<void>();
  socket.on("close", () => {
    counted.isClosed = true;
    began.resolve();
  });
  socket.on("data", (chunk) => {
    const now = performance.now();
    counted.longestGapMs = Math.max(counted.longestGapMs, now - counted.lastAt);
    counted.lastAt = now;
    counted.bytes += chunk.length;
    counted.tail = (counted.tail + chunk.toString("latin1")).slice(-200);
    if (keeps) counted.kept += chunk.toString("latin1");
    began.resolve();
  });
  socket.write(rawRequest(`GET ${pathname}${search} HTTP/1.1`, { authorization: HEADERS.authorization }));
  await began.promise;
  if (paused) socket.pause();
  return counted;
}

/** The numbers of all whole frames that a reader kept. */
export function cursorsIn({ kept }: Counted): number[] {
  return [...kept.matchAll(/^id: (\d+)\ndata: [^\n]*\n\n/gm)].map(([, id]) => Number(id));
}
