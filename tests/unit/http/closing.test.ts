import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { Closing, type ClosingLimits } from "../../../src/http/closing.ts";

const LIMITS: ClosingLimits = {
  lingerMs: 60_000,
  silenceMs: 60_000,
  maxBytes: 64_000_000,
  maxConnections: 8,
};
const REQUEST = "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100000000\r\n\r\n";

/** A server that refuses each request at once, and a client whose request has just been refused. */
async function refused(limits: Partial<ClosingLimits>) {
  const closing = new Closing({ ...LIMITS, ...limits });
  const server = createServer((request, response) => {
    closing.withAnswer(request.socket);
    response.writeHead(413, { connection: "close" }).end("no");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close().closeAllConnections());
  return { closing, ...(await visit(server)) };
}

async function visit(server: Server) {
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const accepted: Promise<[Socket]> = once(server, "connection") as Promise<[Socket]>;
  client.on("error", () => {});
  client.write(REQUEST);
  const [socket] = await accepted;
  const answer = (async () => {
    let text = "";
    for await (const chunk of client) text += chunk;
    return text;
  })();
  const closed = new Promise((resolve) => socket.once("close", resolve));
  return { client, socket, answer, closed };
}

it("a client that sends nothing more and does not close is closed after the longest silence", async () => {
  const { answer, closed } = await refused({ silenceMs: 30 });
  expect(await answer).toContain("HTTP/1.1 413");
  await closed;
});

it("a client that sends on and on is closed after the longest time", async () => {
  const { client, answer, closed } = await refused({ lingerMs: 60 });
  const dripping = setInterval(() => client.write("x"), 5);
  onTestFinished(() => clearInterval(dripping));
  expect(await answer).toContain("413");
  await closed;
});

it("a client that sends more than is read is closed at the limit", async () => {
  const { client, answer, socket, closed } = await refused({ maxBytes: 1_000_000 });
  expect(await answer).toContain("413");
  const chunk = Buffer.alloc(65_536);
  const more = () => {
    while (!client.destroyed && client.write(chunk));
  };
  client.on("drain", more);
  more();
  await closed;
  expect(socket.bytesRead).toBeLessThan(1_500_000);
});

it("a client that closes is let go at once", async () => {
  const { client, answer, closed } = await refused({});
  expect(await answer).toContain("413");
  client.end();
  await closed;
});

it("a server that shuts down does not wait for clients that still send", async () => {
  const { answer, closing, closed } = await refused({});
  expect(await answer).toContain("413");
  closing.shutDown();
  await closed;
});

it("a connection beyond the number that is read on is closed with its answer, as Node does", async () => {
  const { answer, closed } = await refused({ maxConnections: 0 });
  expect(await answer).toContain("413");
  await closed;
});
