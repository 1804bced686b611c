import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { parseJsonObject } from "../../../src/lib/json.ts";
import { frame, signature } from "./protocol.ts";

/** An upstream that speaks the example protocol. */
export interface ExampleUpstream extends AsyncDisposable {
  /** Its base URL. */
  url: string;
  /** The bodies that it got, in order. */
  requests: string[];
}

/** Starts an upstream that says `words` to every request that `key` has signed; its streams arrive byte by byte. */
export async function startExampleUpstream(key: string, words: readonly string[]): Promise<ExampleUpstream> {
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const body = Buffer.concat(await request.toArray());
    requests.push(body.toString());
    if (request.headers["x-signature"] !== signature(key, body)) {
      response.writeHead(403).end(JSON.stringify({ error: { message: "The signature is wrong." } }));
      return;
    }
    if (parseJsonObject(body.toString())?.["stream"] !== true) {
      response.end(JSON.stringify({ text: words.join("") }));
      return;
    }
    response.writeHead(200, { "content-type": "application/x-example" });
    const bytes = Buffer.concat([...words.map((text) => frame({ text })), frame({ end: true })]);
    for (const byte of bytes) {
      response.write(Buffer.of(byte));
      await nextTurn();
    }
    response.end();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/example`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}
