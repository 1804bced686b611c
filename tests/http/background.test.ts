import { describe, expect, test, vi } from "vitest";
import { joinText } from "../../src/domain/item.ts";
import { StorageError } from "../../src/storage/store.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { framesOf } from "../helpers/frames.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { openStream } from "../helpers/live-stream.ts";
import { call, fail, hold, type Play, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "../helpers/test-app.ts";

const URL = "/v1/responses";

async function open(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ provider, ...options });
  const create = async (body: object = {}) =>
    (await app.ask(URL, { body: { input: "Hello?", background: true, ...body } })).json();
  const read = async (id: string) => (await app.ask(`${URL}/${id}`)).json<Record<string, unknown>>();
  const ends = async (id: string) =>
    vi.waitFor(async () => {
      const response = await read(id);
      expect(["queued", "in_progress"]).not.toContain(response["status"]);
      return response;
    });
  return { ...app, provider, create, read, ends };
}

describe("a background response", () => {
  test("a background response is queued at once, and goes on without its client to the end", async () => {
    const gate = createGate();
    const { create, read, ends } = await open([[...hold(gate), ...say("Hi.")]]);
    const created = await create();
    expect(created).toMatchObject({ status: "queued", background: true, output: [], usage: null });
    await gate.reached();
    await vi.waitFor(async () => expect((await read(created.id))["status"]).toBe("in_progress"));
    gate.open();
    expect(await ends(created.id)).toMatchObject({
      status: "completed",
      background: true,
      output: [{ type: "message", content: [{ text: "Hi." }] }],
    });
  });

  test("a background response is streamed as queued and in progress, and read on where its client left", async () => {
    const gate = createGate();
    const { listen, ends, ask } = await open([[...say("one "), ...hold(gate), ...say("two")]]);
    const origin = await listen();
    const stream = await openStream(origin + URL, { input: "x", background: true, stream: true });
    const [, id = ""] = await stream.sees(/"id":"(resp_\w+)"/);
    await stream.sees(/one /);
    stream.leave();
    const heard = framesOf(await stream.ended).map(({ event }) => event);
    expect(heard.slice(0, 3)).toEqual(["response.created", "response.queued", "response.in_progress"]);
    gate.open();
    expect(await ends(id)).toMatchObject({ status: "completed" });
    const { text } = await ask(`${URL}/${id}?stream=true`);
    expect(text.startsWith(stream.text)).toBe(true);
    const rest = await ask(`${URL}/${id}?stream=true&starting_after=${heard.length - 1}`);
    expect(stream.text + rest.text).toBe(text);
  });

  test("a background response that fails or is cancelled says so", async () => {
    const gate = createGate();
    const { create, ends, ask } = await open([fail("server"), hold(gate)]);
    const failed = await ends((await create()).id);
    expect(failed).toMatchObject({ status: "failed", error: { code: "upstream_error" } });
    const { id } = await create();
    await gate.reached();
    const cancelled = (await ask(`${URL}/${id}/cancel`, { method: "POST" })).json();
    expect(cancelled.status).toBe("cancelled");
    expect((await ask(`${URL}/${id}/cancel`, { method: "POST" })).json()).toEqual(cancelled);
  });

  test("a background response can be gone on from when it is over, and not before", async () => {
    const gate = createGate();
    const { create, ends, ask } = await open([[...hold(gate), ...say("Hi.")], say("Again.")]);
    const { id } = await create();
    const next = { body: { input: "And?", previous_response_id: id } };
    const early = await ask(URL, next);
    expect([early.status, early.json().error.code]).toEqual([400, "previous_response_in_progress"]);
    gate.open();
    await ends(id);
    expect((await ask(URL, next)).json().status).toBe("completed");
  });

  test("a background response must be stored", async () => {
    const { ask } = await open([]);
    const answer = await ask(URL, { body: { input: "x", background: true, store: false } });
    expect([answer.status, answer.json().error.param]).toEqual([400, "store"]);
  });

  test("a background response that cannot be stored is refused, and nothing is asked of the model", async () => {
    const hooked = await hookedStore();
    const { ask, provider } = await open([], { store: hooked.store, faultsExpected: true });
    hooked.before = () => Promise.reject(new StorageError("full", "The disk is full."));
    const answer = await ask(URL, { body: { input: "x", background: true } });
    expect([answer.status, answer.json().error.code]).toEqual([507, "storage_full"]);
    expect(provider.requests).toEqual([]);
    hooked.before = () => undefined;
  });
});

describe("above the cap", () => {
  const config = { gateway: { api_server: { max_concurrent_runs: 1, max_queued_runs: 2 } } };

  test("background responses wait in order, and are refused when too many wait", async () => {
    const gate = createGate();
    const { ask, create, ends, read, provider } = await open(
      (_request, n) => (n === 1 ? [...hold(gate), ...say("1")] : say(`${n}`)),
      { config },
    );
    const ids = [(await create()).id, (await create()).id, (await create()).id];
    await gate.reached();
    expect(await Promise.all(ids.map(async (id) => (await read(id))["status"]))).toEqual([
      "in_progress",
      "queued",
      "queued",
    ]);
    for (const body of [{ input: "x", background: true }, { input: "x" }])
      expect((await ask(URL, { body })).status).toBe(429);
    gate.open();
    const texts = await Promise.all(ids.map(async (id) => JSON.stringify((await ends(id))["output"])));
    for (const [i, text] of texts.entries()) expect(text).toContain(`"text":"${i + 1}"`);
    expect(provider.requests.length).toBe(3);
  });

  test("a waiting one can be cancelled, and deleted", async () => {
    const gate = createGate();
    const { ask, create, ends, provider } = await open([[...hold(gate), ...say("1")], say("2")], { config });
    const first = await create();
    await gate.reached();
    const [second, third] = [await create(), await create()];
    const cancelled = await ask(`${URL}/${second.id}/cancel`, { method: "POST" });
    expect(cancelled.json().status).toBe("cancelled");
    expect((await ask(`${URL}/${third.id}`, { method: "DELETE" })).status).toBe(200);
    expect((await ask(`${URL}/${third.id}`)).status).toBe(404);
    gate.open();
    await ends(first.id);
    expect((await ask(URL, { body: { input: "x" } })).status).toBe(200);
    expect(provider.requests.length).toBe(2);
  });
});

test("what a failed response had finished is gone on from, what it had only begun is not", async () => {
  const { ask, create, ends, provider } = await open([
    [...say("I look."), ...call("terminal", { command: "echo seen" })],
    fail("server"),
    say("Again."),
  ]);
  const { id } = await create();
  expect(await ends(id)).toMatchObject({ status: "failed" });
  await ask(URL, { body: { input: "And?", previous_response_id: id } });
  const said = provider.requests.at(-1)?.items.map(({ type }) => type);
  expect(said).toEqual(["message", "message", "function_call", "function_call_output", "message"]);
});

describe("background responses of one conversation", () => {
  test("background responses of one conversation are queued at once and take their turns in order, each with what was said before it", async () => {
    const gate = createGate();
    const { create, ends, provider, ask } = await open((_request, n) =>
      n === 1 ? [...hold(gate), ...say("one")] : say(`answer ${n}`),
    );
    const { id: conversation } = (await ask("/v1/conversations", { body: {} })).json();
    const ids: string[] = [];
    for (const input of ["first", "second", "third"]) {
      const created = await create({ input, conversation });
      expect(created.status).toBe("queued");
      ids.push(created.id);
    }
    await gate.reached();
    gate.open();
    for (const id of ids)
      expect(await ends(id)).toMatchObject({ status: "completed", conversation: { id: conversation } });
    const heard = provider.requests.at(-1)?.items.map((item) => (item.type === "message" ? item.role : ""));
    expect(heard).toEqual(["user", "assistant", "user", "assistant", "user"]);
  });

  test("hold up nobody else while they wait for it", async () => {
    const gate = createGate();
    const config = { gateway: { api_server: { max_concurrent_runs: 2 } } };
    const { create, ends, ask } = await open(
      (_request, n) => (n === 1 ? [...hold(gate), ...say("one")] : say(`answer ${n}`)),
      { config },
    );
    const { id: conversation } = (await ask("/v1/conversations", { body: {} })).json();
    const ids: string[] = [];
    for (let n = 0; n < 40; n++) ids.push((await create({ input: `${n}`, conversation })).id);
    await gate.reached();
    expect((await ask(URL, { body: { input: "x" } })).status).toBe(200);
    expect(await ends((await create()).id)).toMatchObject({ status: "completed" });
    gate.open();
    for (const id of ids) expect(await ends(id)).toMatchObject({ status: "completed" });
  });

  test("one that is cancelled before its turn leaves the conversation as it was", async () => {
    const gate = createGate();
    const { create, ends, provider, ask } = await open((_request, n) =>
      n === 1 ? [...hold(gate), ...say("one")] : say(`answer ${n}`),
    );
    const { id: conversation } = (await ask("/v1/conversations", { body: {} })).json();
    const first = await create({ input: "first", conversation });
    await gate.reached();
    const second = await create({ input: "second", conversation });
    const third = await create({ input: "third", conversation });
    const cancelled = await ask(`${URL}/${second.id}/cancel`, { method: "POST" });
    expect(cancelled.json()).toMatchObject({ status: "cancelled" });
    gate.open();
    await ends(first.id);
    expect(await ends(third.id)).toMatchObject({ status: "completed" });
    const heard = provider.requests
      .at(-1)
      ?.items.map((item) => (item.type === "message" ? joinText(item.content) : ""));
    expect(heard).toEqual(["first", "one", "third"]);
  });
});
