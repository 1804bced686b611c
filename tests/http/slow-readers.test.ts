import type { Socket } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { NO_USAGE } from "../../src/domain/usage.ts";
import type { Provider } from "../../src/providers/provider.ts";
import { contentOf } from "../helpers/frames.ts";
import { answersOf, openRaw, rawRequest } from "../helpers/raw-socket.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { TestSocket } from "../helpers/socket.ts";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

const CHAT = { messages: [{ role: "user", content: "Hello?" }] };
const IMPATIENT = { gateway: { api_server: { write_timeout_seconds: 0.1, keepalive_seconds: 0.02 } } };

/** Far more than any socket of the kernel takes. */
const HUGE_BYTES = 32_000_000;
const DELTA = "0123456789".repeat(1_000);

/** Says more than any socket holds, one delta a turn, and `watch`es after each. */
function talkative(watch: () => void): Provider {
  return {
    name: "talkative",
    protocol: "talkative",
    async generate(_request, sink, signal) {
      const item = { type: "message" as const, role: "assistant" as const, content: [] };
      sink([{ type: "item", index: 0, item }]);
      const count = HUGE_BYTES / DELTA.length;
      for (let n = 0; n < count; n++) {
        await new Promise(setImmediate);
        signal.throwIfAborted();
        sink([{ type: "delta", index: 0, channel: "text", delta: DELTA }]);
        watch();
      }
      const content = [{ type: "output_text" as const, text: DELTA.repeat(count) }];
      const served = { provider: "talkative", model: "talkative" };
      return { items: [{ ...item, content }], finish: "stop", usage: NO_USAGE, served };
    },
    close: async () => {},
  };
}

/** A server whose sockets can be looked at. */
async function open(config: object, provider?: Provider) {
  const sockets: Socket[] = [];
  let peak = 0;
  const watch = () => {
    for (const { writableLength } of sockets) peak = Math.max(peak, writableLength);
  };
  const app = await openTestApp({ config, provider: provider ?? talkative(watch) });
  app.app.http.server.on("connection", (socket) => sockets.push(socket));
  const origin = await app.listen();
  return { ...app, origin, sockets, peak: () => peak };
}

describe("a client that never reads", () => {
  test("a stream costs little memory and is cut off after the write timeout", async () => {
    const { talk, sockets, running, peak } = await open(IMPATIENT);
    const raw = await talk({ ...CHAT, stream: true });
    raw.socket.pause();
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true), { interval: 5, timeout: 10_000 });
    await running(0);
    expect(peak()).toBeGreaterThan(0);
    expect(peak()).toBeLessThan(200_000);
  });

  test("a whole answer is cut off after the write timeout", async () => {
    const answer = say("x".repeat(HUGE_BYTES));
    const { talk, sockets } = await open(IMPATIENT, scriptedProvider([answer]));
    const raw = await talk(CHAT);
    raw.socket.pause();
    await vi.waitFor(() => expect(sockets[0]?.writableLength).toBeGreaterThan(0), { interval: 5 });
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true), { interval: 5, timeout: 10_000 });
  });
});

test("a client that reads late gets all of a stream, in order, though the server kept little of it", {
  timeout: 30_000,
}, async () => {
  const { talk, peak, sockets } = await open({});
  const raw = await talk({ ...CHAT, stream: true }, { connection: "close" });
  raw.socket.pause();
  await vi.waitFor(() => expect(sockets[0]?.writableLength).toBeGreaterThan(0), { interval: 5 });
  raw.socket.resume();
  const [answer] = answersOf(await raw.closed);
  expect(answer?.text.endsWith("data: [DONE]\n\n")).toBe(true);
  expect(contentOf(answer?.text ?? "") === DELTA.repeat(HUGE_BYTES / DELTA.length)).toBe(true);
  expect(peak()).toBeLessThan(HUGE_BYTES / 10);
});

describe("a client of a WebSocket", () => {
  test("a client of a WebSocket that never reads costs little memory, and is cut off after the write timeout", async () => {
    // Time to fill the socket on a busy machine: it cannot answer a ping either.
    const times = { write_timeout_seconds: 1, keepalive_seconds: 0.5 };
    const { origin, sockets, running, peak } = await open({ gateway: { api_server: times } });
    const socket = await TestSocket.open(`${origin}/v1/responses`);
    socket.raw.pause();
    socket.send({ type: "response.create", input: "Talk.", store: false });
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true), { interval: 5, timeout: 10_000 });
    await running(0);
    expect(peak()).toBeGreaterThan(0);
    expect(peak()).toBeLessThan(200_000);
  });

  test("a client of a WebSocket that answers no ping is cut off, and one that does is not", async () => {
    const { origin } = await open(IMPATIENT, scriptedProvider([say("Here.")]));
    const socket = await TestSocket.open(`${origin}/v1/responses`);
    const mute = await openRaw(origin);
    const head = {
      authorization: `Bearer ${TEST_KEY}`,
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
    };
    mute.send(rawRequest("GET /v1/responses HTTP/1.1", head));
    expect(await mute.closed).toMatch(/^HTTP\/1\.1 101 /);
    expect((await socket.create({ input: "Still there?" })).type).toBe("response.completed");
  });
});
