import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { hold, say } from "../helpers/scripted-provider.ts";
import { Refusal, TestSocket } from "../helpers/socket.ts";
import { openSockets as open } from "../helpers/socket-app.ts";

describe("the handshake of a WebSocket", () => {
  async function refusal(opening: Promise<TestSocket>) {
    const error = await opening.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof Refusal)) throw new Error("the handshake was not refused by HTTP");
    return { status: error.status, code: JSON.parse(error.body).error.code };
  }

  test("the handshake of a WebSocket passes the same guards as any request", async () => {
    const { origin } = await open([]);
    const url = `${origin}/v1/responses`;
    expect(await refusal(TestSocket.open(url, { authorization: "" }))).toEqual({
      status: 401,
      code: "invalid_api_key",
    });
    expect(await refusal(TestSocket.open(url, { authorization: "Bearer wrong" }))).toMatchObject({
      status: 401,
    });
    expect(await refusal(TestSocket.open(url, { origin: "https://evil.example" }))).toEqual({
      status: 403,
      code: "origin_not_allowed",
    });
    expect(await refusal(TestSocket.open(url, { host: "evil.example" }))).toEqual({
      status: 421,
      code: "host_not_allowed",
    });
    expect(await refusal(TestSocket.open(url, { "x-hermes-tool-items": "all" }))).toMatchObject({
      status: 400,
    });
    // Anywhere else there is nothing to open: the request is answered like any other.
    await expect(TestSocket.open(`${origin}/v1/models`)).rejects.toMatchObject({ status: 200 });
  });

  test("the handshake of a WebSocket works without /v1, and a plain GET still lists responses", async () => {
    const { origin, ask } = await open([say("Hi.")]);
    const socket = await TestSocket.open(`${origin}/responses`);
    expect((await socket.create({ input: "Hello?" })).type).toBe("response.completed");
    expect((await ask("/v1/responses")).json<{ data: unknown[] }>().data).toHaveLength(1);
  });

  test("an upgrade that is no WebSocket is answered as if it had not been asked for", async () => {
    const { talk } = await open([say("Hi.")]);
    await talk(
      { messages: [{ role: "user", content: "Hello?" }] },
      { connection: "Upgrade, HTTP2-Settings", upgrade: "h2c", "http2-settings": "AAMAAABkAAQCAAAAAAIAAAAA" },
    ).then((raw) => raw.until('"Hi."'));
  });
});

describe("a server that closes", () => {
  test("a server that closes lets the response of a socket come to its end, then says that it is going away", async () => {
    const gate = createGate();
    const { app, connect } = await open([[...hold(gate), ...say("Done.")]]);
    const [busy, idle] = [await connect(), await connect()];
    busy.send({ type: "response.create", input: "Wait." });
    await gate.reached();
    const closed = app.close();
    expect(await idle.closed).toMatchObject({ code: 1001 });
    gate.open();
    expect((await busy.answer()).at(-1)?.type).toBe("response.completed");
    expect(await busy.closed).toMatchObject({ code: 1001 });
    await closed;
  });

  test("ends one that takes too long with an event, then the socket", async () => {
    const { app, connect, running } = await open([[...say("One"), ...hold(createGate())]], {
      config: { gateway: { api_server: { drain_timeout_seconds: 0.05 } } },
    });
    const socket = await connect();
    socket.send({ type: "response.create", input: "Wait." });
    await running(1);
    await app.close();
    expect((await socket.answer()).at(-1)).toMatchObject({
      type: "response.failed",
      response: { error: { code: "server_shutdown" } },
    });
    expect(await socket.closed).toMatchObject({ code: 1001 });
  });
});

describe("messages that have not come whole", () => {
  const PART = Buffer.alloc(9_000_000, " ");

  test("hold no more than so much on all sockets together: who sends more is told so, and closed", async () => {
    const { connect } = await open(() => say("Hi."));
    const sockets = await Promise.all(Array.from({ length: 10 }, () => connect()));
    for (const socket of sockets) socket.raw.send(PART, { binary: false, fin: false });
    const refused = await Promise.race(
      sockets.map(async (socket) => {
        const message = await socket.next();
        return { message, closed: socket.closed };
      }),
    );
    expect(refused.message).toMatchObject({
      type: "error",
      status: 429,
      error: { code: "rate_limit_exceeded" },
    });
    expect(await refused.closed).toMatchObject({ code: 1013 });
    for (const socket of sockets) socket.raw.terminate();
    // What they held is free again.
    const next = await connect();
    next.raw.send(PART, { binary: false, fin: false });
    next.raw.send("{}", { binary: false, fin: true });
    expect((await next.answer()).at(-1)).toMatchObject({ type: "error", status: 400 });
  });
});
