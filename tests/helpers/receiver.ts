import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A request as it came in. */
export interface Received {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** Answers a request; `n` counts them from 1. */
export type Answering = (response: ServerResponse, request: Received, n: number) => void;

/** A place on loopback that requests are sent to, and what it got. */
export interface Receiver {
  origin: string;
  /** Its address and port, as an operator allows it. */
  place: string;
  received: Received[];
  /** Connections that were made to it. */
  connections(): number;
}

/** Listens on loopback until the test is over; without `answer` it takes whatever comes. */
export async function startReceiver(
  answer: Answering = (response) => response.end(),
  { host = "127.0.0.1", port = 0 } = {},
): Promise<Receiver> {
  const received: Received[] = [];
  let connections = 0;
  const server = createServer(async (incoming, response) => {
    const request = await read(incoming);
    received.push(request);
    answer(response, request, received.length);
  });
  server.on("connection", () => connections++);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const place = `${host}:${(server.address() as AddressInfo).port}`;
  return { origin: `http://${place}`, place, received, connections: () => connections };
}

async function read(incoming: IncomingMessage): Promise<Received> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const { method = "", url: path = "", headers } = incoming;
  return { method, path, headers: headers as Record<string, string>, body: Buffer.concat(chunks).toString() };
}
