import { describe, expect, test, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { openStream } from "../helpers/live-stream.ts";
import { call, fail, hold, type Play, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, type TestAppOptions, type TestRequest } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const RESPONSES = "/v1/responses";
const SURFACES = [
  { url: CHAT, body: { messages: [{ role: "user", content: "Hello?" }] } },
  { url: RESPONSES, body: { input: "Hello?" } },
];
const WRITE = call("write_file", { path: "note.txt", content: "x" });
const READ = call("read_file", { path: "note.txt" });
const DAY_MS = 24 * 60 * 60 * 1000;

async function open(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, ...options });
  const keyed = (url: string, body: object, { key = "k", ...headers }: Record<string, string> = {}) =>
    app.ask(url, { body, headers: { "idempotency-key": key, ...headers } } satisfies TestRequest);
  return { ...app, provider, keyed };
}

describe.each(SURFACES)("a request with an Idempotency-Key to $url", ({ url, body }) => {
  test.each([
    true,
    false,
  ])("is answered by the run that the key stands for, byte for byte (stream: %s)", async (stream) => {
    const { keyed, provider } = await open([[...READ, ...say("I ", "look.")], say("Hello, ", "you.")]);
    const first = await keyed(url, { ...body, stream });
    expect(first.headers).not.toHaveProperty("idempotency-replayed");
    const again = await keyed(url, { stream, ...body });
    expect(again.headers["idempotency-replayed"]).toBe("true");
    expect(again.headers["x-hermes-run-id"]).toBe(first.headers["x-hermes-run-id"]);
    expect(again.text).toBe(first.text);
    expect(again.text).toContain("you.");
    expect(provider.requests).toHaveLength(2);
  });

  test.each([true, false])("sent fifty times at once is one run (stream: %s)", async (stream) => {
    const gate = createGate();
    const { keyed, provider } = await open([[...say("Hello, "), ...hold(gate), ...say("you.")]]);
    const answers = Array.from({ length: 50 }, () => keyed(url, { ...body, stream }));
    await gate.reached();
    gate.open();
    const texts = (await Promise.all(answers)).map(({ text, status }) => ({ text, status }));
    expect(new Set(texts.map(({ text }) => text)).size).toBe(1);
    expect(texts[0]).toMatchObject({ status: 200 });
    expect(provider.requests).toHaveLength(1);
  });

  test("that asks for something else is refused, whether the run goes on or is over, and not repeated", async () => {
    const gate = createGate();
    const { keyed } = await open([[...hold(gate), ...say("Hello.")]]);
    const first = keyed(url, body);
    await gate.reached();
    const other = () => keyed(url, { ...body, temperature: 0 });
    const conflict = { error: { code: "idempotency_key_conflict", param: "Idempotency-Key" } };
    const early = await other();
    expect(early).toMatchObject({ status: 409, headers: { "x-should-retry": "false" } });
    expect(early.json()).toMatchObject(conflict);
    gate.open();
    await first;
    const late = await other();
    expect(late).toMatchObject({ status: 409, headers: { "x-should-retry": "false" } });
    expect(late.json()).toMatchObject(conflict);
  });

  test.each(["", " ", "a b", "é", "k".repeat(256)])("with the key %j is refused", async (key) => {
    const { ask } = await open([]);
    const answer = await ask(url, { body, headers: { "idempotency-key": key } });
    expect(answer.status).toBe(400);
    expect(answer.json().error).toMatchObject({ code: "invalid_idempotency_key", param: "Idempotency-Key" });
  });

  test("that is nested without end is refused", async () => {
    const { ask } = await open([]);
    const parameters = `{"a":${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}}`;
    const tool = `{"type":"function","name":"f","parameters":${parameters},"function":{"name":"f","parameters":${parameters}}}`;
    const text = JSON.stringify(body).replace(/}$/, `,"tools":[${tool}]}`);
    const answer = await ask(url, { body: text, headers: { "idempotency-key": "k" } });
    expect(answer.status).toBe(400);
  });

  test("whose run came to nothing runs anew, with another body too", async () => {
    const { keyed, provider } = await open([fail("server"), READ, fail("server"), say("Now.")]);
    for (const calls of [1, 3]) {
      const failed = await keyed(url, body);
      expect(failed.status).toBeGreaterThanOrEqual(500);
      expect(failed.headers["x-should-retry"]).not.toBe("false");
      expect(provider.requests).toHaveLength(calls);
    }
    const answer = await keyed(url, { ...body, temperature: 0 });
    expect(answer.text).toContain("Now.");
    expect(answer.headers).not.toHaveProperty("idempotency-replayed");
  });

  test("whose run failed after a tool that may have changed something gets that failure again", async () => {
    const { keyed, provider } = await open([WRITE, fail("server")]);
    const failed = await keyed(url, body);
    const again = await keyed(url, body);
    expect(again).toMatchObject({ status: failed.status, text: failed.text });
    expect(again.headers).toMatchObject({ "x-should-retry": "false", "idempotency-replayed": "true" });
    expect(provider.requests).toHaveLength(2);
  });

  test("that is refused before there is a run leaves the key as it was", async () => {
    const gate = createGate();
    const { keyed, ask } = await open([[...hold(gate), ...say("First.")], say("Second.")], {
      config: { gateway: { api_server: { max_concurrent_runs: 1 } } },
    });
    const first = ask(url, { body });
    await gate.reached();
    expect((await keyed(url, body)).status).toBe(429);
    gate.open();
    await first;
    expect((await keyed(url, { ...body, temperature: 0 })).text).toContain("Second.");
  });

  test("is answered again when there is no room for a new run", async () => {
    const gate = createGate();
    const { keyed, ask } = await open([say("First."), [...hold(gate), ...say("Second.")]], {
      config: { gateway: { api_server: { max_concurrent_runs: 1 } } },
    });
    const first = await keyed(url, body);
    const second = ask(url, { body });
    await gate.reached();
    expect(await keyed(url, body)).toMatchObject({ status: 200, text: first.text });
    gate.open();
    await second;
  });

  test("is answered again after a restart", async () => {
    const { keyed, home, app } = await open([say("Once.")]);
    const first = await keyed(url, body);
    await app.close();
    const later = await open([], { env: { HERMES_HOME: home } });
    const again = await later.keyed(url, body);
    expect(again).toMatchObject({ status: 200, text: first.text });
    expect(again.headers["idempotency-replayed"]).toBe("true");
  });

  test("runs anew after 24 hours, swept or not", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    try {
      const { keyed } = await open([say("One."), say("Two.")]);
      await keyed(url, body);
      vi.setSystemTime(Date.now() + DAY_MS - 1_000);
      expect((await keyed(url, body)).text).toContain("One.");
      vi.setSystemTime(Date.now() + 1_000);
      expect((await keyed(url, body)).text).toContain("Two.");
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a run that several clients wait for", () => {
  const body = { messages: [{ role: "user", content: "Hello?" }] };
  const key = { "idempotency-key": "k" };

  test("a run that several clients wait for shows each of them its stream from the first event on, then as it comes", async () => {
    const gate = createGate();
    const { listen, provider } = await open([[...say("One ", "two "), ...hold(gate), ...say("three.")]]);
    const url = (await listen()) + CHAT;
    const first = await openStream(url, { ...body, stream: true }, key);
    await gate.reached();
    await first.sees(/two/);
    const second = await openStream(url, { ...body, stream: true }, key);
    await second.sees(/One .*two/s);
    gate.open();
    expect(await second.ended).toBe(await first.ended);
    expect(provider.requests).toHaveLength(1);
  });

  test("a run that several clients wait for goes on until the last of them has left, and its key is free then", async () => {
    const gate = createGate();
    const { listen, provider, running, keyed } = await open([[...say("One"), ...hold(gate)], say("Anew.")]);
    const url = (await listen()) + CHAT;
    const streams = [];
    for (let n = 0; n < 3; n++) streams.push(await openStream(url, { ...body, stream: true }, key));
    await gate.reached();
    for (const stream of streams) await stream.sees(/One/);
    const [first, second, last] = streams;
    first?.leave();
    second?.leave();
    await Promise.all([first?.ended, second?.ended]);
    const twin = await openStream(url, { ...body, stream: true }, key);
    last?.leave();
    await last?.ended;
    await twin.sees(/One/);
    await running(1);
    expect(provider.aborts).toEqual([]);
    twin.leave();
    await running(0);
    expect(provider.aborts).toHaveLength(1);
    expect((await keyed(CHAT, { ...body, stream: true })).text).toContain("Anew.");
  });
});

describe("a key", () => {
  test("a key means something else on another route and in another session", async () => {
    const { keyed } = await open([say("One."), say("Two."), say("Three.")]);
    expect((await keyed(CHAT, { messages: [{ role: "user", content: "?" }] })).text).toContain("One.");
    expect((await keyed(RESPONSES, { input: "?" })).text).toContain("Two.");
    expect((await keyed(RESPONSES, { input: "?" }, { key: "other" })).text).toContain("Three.");
    const session = { "x-hermes-session-id": "s" };
    const other = await keyed(CHAT, { messages: [{ role: "user", content: "?" }] }, session);
    expect(other.status).toBe(409);
  });

  test("a key adds its turn to a session once", async () => {
    const { keyed, ask, provider } = await open([say("One."), say("Two.")]);
    const session = { "x-hermes-session-id": "s" };
    const body = { messages: [{ role: "user", content: "First?" }] };
    await keyed(CHAT, body, session);
    const again = await keyed(CHAT, body, session);
    expect(again.headers).toMatchObject({ "idempotency-replayed": "true", "x-hermes-session-id": "s" });
    await ask(CHAT, { body: { messages: [{ role: "user", content: "Second?" }] }, headers: session });
    expect(provider.requests[1]?.items).toHaveLength(3);
  });

  test("alone leads to a response that is not to be stored", async () => {
    const { keyed, ask } = await open([say("Secret.")]);
    const body = { input: "Hello?", store: false };
    const first = await keyed(RESPONSES, body);
    const { id } = first.json();
    expect((await ask(`${RESPONSES}/${id}`)).status).toBe(404);
    expect((await ask(RESPONSES)).json<{ data: unknown[] }>().data).toEqual([]);
    expect((await ask(`${RESPONSES}/${id}`, { method: "DELETE" })).status).toBe(404);
    const next = await ask(RESPONSES, { body: { input: "And?", previous_response_id: id } });
    expect(next.json().error.code).toBe("previous_response_not_found");
    expect(await keyed(RESPONSES, body)).toMatchObject({ status: 200, text: first.text });
  });

  test("a key keeps what is not to be stored out of its conversation, too", async () => {
    const { keyed, ask, provider } = await open([say("Noted."), say("Secret."), say("Ann.")]);
    const conversation = "talk";
    await keyed(RESPONSES, { input: "I am Ann.", conversation }, { key: "first" });
    const body = { input: "Tell me a secret.", conversation, store: false };
    const first = await keyed(RESPONSES, body);
    expect(await keyed(RESPONSES, body)).toMatchObject({ status: 200, text: first.text });
    expect(provider.requests[1]?.items).toHaveLength(3);
    await ask(RESPONSES, { body: { input: "Who am I?", conversation } });
    expect(provider.requests[2]?.items).toHaveLength(3);
  });

  test("a key begins one background response, whatever became of it", async () => {
    const gate = createGate();
    const { keyed, ask, provider } = await open([[...hold(gate), ...say("Hello.")]]);
    const body = { input: "Hello?", background: true };
    const [first, twin] = await Promise.all([keyed(RESPONSES, body), keyed(RESPONSES, body)]);
    const url = `${RESPONSES}/${first.json().id}`;
    gate.open();
    await vi.waitFor(async () => expect((await ask(url)).json().status).toBe("completed"));
    const late = await keyed(RESPONSES, body);
    expect(new Set([first.text, twin.text, late.text]).size).toBe(1);
    expect([first, twin, late].map(({ headers }) => headers["idempotency-replayed"])).toEqual([
      undefined,
      "true",
      "true",
    ]);
    expect(provider.requests).toHaveLength(1);
  });

  test("a key does not bring back a response that was deleted, nor make it again", async () => {
    const { keyed, ask, provider } = await open([say("Hello.")]);
    const first = await keyed(RESPONSES, { input: "Hello?" });
    expect((await ask(`${RESPONSES}/${first.json().id}`, { method: "DELETE" })).status).toBe(200);
    const again = await keyed(RESPONSES, { input: "Hello?" });
    expect(again.status).toBe(404);
    expect(provider.requests).toHaveLength(1);
  });
});
