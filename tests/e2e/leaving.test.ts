import { describe, expect, test } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { type Live, type LiveOptions, send, startLive } from "../helpers/live-app.ts";
import { openWire } from "../helpers/wire-client.ts";

/** The longest that a client's leaving may go unnoticed, ms. */
const NOTICED_MS = 250;

function ask(live: Live, headers: Record<string, string> = {}, stream = true) {
  const given = { authorization: `Bearer ${live.apiKey}`, "content-type": "application/json", ...headers };
  const messages = [{ role: "user", content: "Hello?" }];
  return openWire(`${live.baseURL}/chat/completions`, { stream, messages }, given);
}

const start = (script: Script, options: LiveOptions = {}) => startLive(script, options);

async function elapsed(done: Promise<unknown>): Promise<number> {
  const since = performance.now();
  await done;
  return performance.now() - since;
}

describe.each([true, false])("a client that leaves, streamed: %s", (stream) => {
  test("frees the upstream at once", async () => {
    const live = await start([{ text: "One two", stall: stream ? { events: 2 } : "before-headers" }]);
    const call = ask(live, {}, stream);
    await live.upstream.requestArrived();
    call.abort();
    expect(await elapsed(live.upstream.streamAborted())).toBeLessThan(NOTICED_MS);
  });

  test("kills the command that runs for it, with all that it started", async () => {
    // Its child holds a connection for as long as it lives.
    await using other = await FakeUpstream.start(() => ({ status: 200, stall: "before-headers" }));
    const command = `curl -s ${other.origin} & wait`;
    const live = await start([
      { toolCalls: [{ name: "terminal", arguments: { command } }] },
      { text: "Never." },
    ]);
    const call = ask(live, {}, stream);
    await other.requestArrived();
    call.abort();
    expect(await elapsed(other.streamAborted())).toBeLessThan(NOTICED_MS);
    expect(live.upstream.requests).toHaveLength(1);
  });

  test("lets the run finish when it said so, and finds it in the session", async () => {
    const gate = createGate();
    const session = { "x-hermes-session-id": "s" };
    const live = await start([{ text: ["One", gate, " two."] }, { text: "Yes." }]);
    const call = ask(live, { ...session, "x-hermes-disconnect": "continue" }, stream);
    await gate.reached();
    call.abort();
    gate.open();
    await live.upstream.idle();
    expect(live.upstream.counts.abortedStreams).toBe(0);
    const again = await send(
      live,
      "/v1/chat/completions",
      { messages: [{ role: "user", content: "Sure?" }] },
      session,
    );
    expect(again.status).toBe(200);
    const { messages } = asChat(await live.upstream.requestArrived(2));
    expect(messages.slice(1)).toMatchObject([
      { content: "Hello?" },
      { content: "One two." },
      { content: "Sure?" },
    ]);
  });
});

test("a client that leaves makes room in its session and under the cap", async () => {
  const session = { "x-hermes-session-id": "s" };
  const yaml = "gateway: { api_server: { max_concurrent_runs: 2 } }";
  const live = await start([{ text: "One", stall: { events: 2 } }, { text: "Two." }], { yaml });
  const [first, waiting] = [ask(live, session), ask(live, session)];
  await live.upstream.requestArrived();
  await waiting.received(1);
  const refused = await send(live, "/v1/chat/completions", { messages: [{ role: "user", content: "x" }] });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "1"]);
  first.abort();
  expect((await waiting.answer).bytes.toString()).toContain('"content":"Two."');
});

test("a client that leaves while it waits for its session never asks the model", async () => {
  const session = { "x-hermes-session-id": "s" };
  const gate = createGate();
  const live = await start([{ text: "One.", gate }, { text: "Three." }]);
  const first = ask(live, session);
  await gate.reached();
  const second = ask(live, session);
  await second.received(1);
  second.abort();
  const third = ask(live, session);
  await third.received(1);
  gate.open();
  expect((await first.answer).bytes.toString()).toContain("One.");
  expect((await third.answer).bytes.toString()).toContain("Three.");
  expect(live.upstream.requests).toHaveLength(2);
});

test("a grace period keeps the run until it is over", async () => {
  const yaml = "gateway: { api_server: { disconnect_grace_ms: 100 } }";
  const live = await start([{ text: "One", stall: { events: 2 } }], { yaml });
  const call = ask(live);
  await live.upstream.requestArrived();
  call.abort();
  expect(await elapsed(live.upstream.streamAborted())).toBeGreaterThan(80);
});
