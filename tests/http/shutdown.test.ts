import { describe, expect, onTestFinished, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { contentOf } from "../helpers/frames.ts";
import { answersOf, openRaw } from "../helpers/raw-socket.ts";
import { call, hold, type Play, say } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** A server that listens, with this much time for what runs when it closes. */
async function open(play: Play, drainSeconds: number) {
  const config = { gateway: { api_server: { drain_timeout_seconds: drainSeconds } } };
  const opened = await openChat(play, { config });
  return { ...opened, origin: await opened.listen() };
}

/** Longest that a close may take after the time for what runs is over, ms. */
const LAST_WORDS_MS = 1_000;

describe("a server that closes", () => {
  test("a server that closes takes no new work, says so, and is not ready, while it waits for what runs", async () => {
    const gate = createGate();
    const { app, chat, ask, origin } = await open([[...hold(gate), ...say("Done.")]], 60);
    const running = chat();
    await gate.reached();
    const closed = app.close();
    for (const stream of [false, true]) {
      const refused = await chat({ stream });
      expect([refused.status, refused.json().error.code]).toEqual([503, "gateway_draining"]);
      expect(refused.headers["retry-after"]).toBe("1");
    }
    // Over the network, too: who comes now is told, not turned away.
    expect((await fetch(`${origin}/ready`)).status).toBe(503);
    expect((await fetch(`${origin}/health`)).status).toBe(200);
    const ready = await ask("/ready");
    expect([ready.status, ready.json().status]).toEqual([503, "not_ready"]);
    gate.open();
    expect((await running).json().choices[0]?.message.content).toBe("Done.");
    await closed;
    await expect(fetch(`${origin}/health`)).rejects.toThrow();
  });

  test("a server that closes lets a stream come to its end", async () => {
    const gate = createGate();
    const { app, talk } = await open([[...say("One"), ...hold(gate), ...say(" two.")]], 60);
    const raw = await talk({ messages: HELLO, stream: true }, { connection: "close" });
    await raw.until('"One"');
    const closed = app.close();
    gate.open();
    const [answer] = answersOf(await raw.closed);
    expect(contentOf(answer?.text ?? "")).toBe("One two.");
    expect(answer?.text).toMatch(/data: \[DONE\]\n\n$/);
    await closed;
  });

  test("ends a stream that takes too long with an error event, not with a cut", async () => {
    const { app, talk, provider } = await open([[...say("One"), ...hold(createGate())]], 0.05);
    const raw = await talk({ messages: HELLO, stream: true }, { connection: "close" });
    await raw.until('"One"');
    await app.close();
    const [answer] = answersOf(await raw.closed);
    expect(answer?.text).toMatch(/"code":"server_shutdown"[^\n]+\n\ndata: \[DONE\]\n\n$/);
    expect(provider.aborts).toHaveLength(1);
  });

  test("answers a request that takes too long with a 503", async () => {
    const gate = createGate();
    const { app, chat } = await open([hold(gate)], 0.05);
    const running = chat();
    await gate.reached();
    await app.close();
    const answer = await running;
    expect([answer.status, answer.json().error.code]).toEqual([503, "server_shutdown"]);
  });

  test("a server that closes tells the client of a run that did something not to repeat it", async () => {
    const { app, chat, provider } = await open(
      [call("write_file", { path: "a.txt", content: "a" }), hold(createGate())],
      0.05,
    );
    const running = chat();
    await expect.poll(() => provider.requests.length, { interval: 5 }).toBe(2);
    await app.close();
    expect((await running).headers["x-should-retry"]).toBe("false");
  });

  test("ends who waits for a busy session, too", async () => {
    const { app, chat, running } = await open(() => hold(createGate()), 0.05);
    const session = { "x-hermes-session-id": "s-1" };
    const both = [chat({}, session), chat({}, session)];
    await running(2);
    await app.close();
    expect((await Promise.all(both)).map(({ status }) => status)).toEqual([503, 503]);
  });

  test("a server that closes does not begin what was still being prepared", async () => {
    const gate = createGate();
    const upstream = await FakeUpstream.start(({ endpoint }) =>
      endpoint === "models"
        ? { status: 200, body: { data: [{ id: "m" }] }, gate }
        : { stall: "before-headers" },
    );
    onTestFinished(() => upstream.close());
    const { app, ask } = await openTestApp({
      env: { LLM_PROVIDER: "chat-completions", LLM_BASE_URL: upstream.origin, LLM_API_KEY: "sk-x" },
      config: { gateway: { api_server: { drain_timeout_seconds: 0 } } },
    });
    const running = ask("/v1/chat/completions", { body: { messages: HELLO } });
    await gate.reached();
    const closed = app.close();
    // The timer of no time at all goes first.
    await new Promise((resolve) => setTimeout(resolve, 1));
    gate.open();
    expect((await running).json().error.code).toBe("server_shutdown");
    await closed;
    expect(upstream.requests.map(({ endpoint }) => endpoint)).toEqual(["models"]);
  });

  test("a server that closes does so once, however often it is told", async () => {
    const { app, chat } = await open([say("Hi.")], 1);
    await chat();
    await Promise.all([app.close(), app.close()]);
    await app.close();
  });
});

describe("a server that closes does not wait for", () => {
  const waits: Record<string, (origin: string) => Promise<unknown>> = {
    "a connection that says nothing": (origin) => openRaw(origin),
    "a connection that is kept for later": async (origin) => {
      const raw = await openRaw(origin);
      raw.send("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n");
      await raw.until('"ok"');
    },
    "half a head": async (origin) =>
      (await openRaw(origin)).send("POST /v1/chat/completions HTTP/1.1\r\nhost: "),
    "half a body": async (origin) => {
      const raw = await openRaw(origin);
      raw.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{");
      await raw.until("401");
    },
  };
  test.each(Object.keys(waits))("%s", async (name) => {
    const { app, origin } = await open([], 60);
    await waits[name]?.(origin);
    const start = performance.now();
    await app.close();
    expect(performance.now() - start).toBeLessThan(LAST_WORDS_MS);
  });

  test.each([[true], [false]])("a client that does not read its answer (streamed: %s)", async (stream) => {
    const { app, talk, running } = await open([say("x".repeat(32_000_000))], 0.05);
    const raw = await talk({ messages: HELLO, stream });
    raw.socket.pause();
    await running(0);
    const start = performance.now();
    await app.close();
    expect(performance.now() - start).toBeLessThan(2 * LAST_WORDS_MS);
  });
});
