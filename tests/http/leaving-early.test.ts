import { expect, test, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { hold, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY } from "../helpers/test-app.ts";

test("a watcher that leaves before its stream begins leaves nothing behind", async () => {
  const { store } = await hookedStore();
  const [reading, working] = [createGate("reading"), createGate("working")];
  const slow = new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== "function") return value;
      if (key !== "readFacts") return value.bind(target);
      return async (...args: unknown[]) => {
        await reading.pass();
        return value.apply(target, args);
      };
    },
  });
  const provider = scriptedProvider([[...say("one "), ...hold(working), ...say("two")]]);
  const { app, ask, listen } = await openTestApp({ provider, store: slow });
  const origin = await listen();
  const { run_id: id } = (await ask("/v1/runs", { body: { input: "x" } })).json<{ run_id: string }>();
  await working.reached();
  const abort = new AbortController();
  const watching = fetch(`${origin}/v1/runs/${id}/events?after=1`, {
    headers: { authorization: `Bearer ${TEST_KEY}` },
    signal: abort.signal,
  }).catch(() => undefined);
  await reading.reached();
  const connections = () => new Promise((resolve) => app.http.server.getConnections((_e, n) => resolve(n)));
  abort.abort();
  await watching;
  await vi.waitFor(async () => expect(await connections()).toBe(0));
  reading.open();
  working.open();
  const closing = performance.now();
  await app.close();
  // A stream that nobody reads would be waited for until the drain timeout, 20 s.
  expect(performance.now() - closing).toBeLessThan(5_000);
});

test("clients that wait to add to a busy conversation are 32 at most", async () => {
  const gate = createGate();
  const { ask } = await openTestApp({ provider: scriptedProvider([[...hold(gate), ...say("Hi.")]]) });
  const busy = ask("/v1/responses", { body: { input: "x", conversation: "talk" } });
  await gate.reached();
  const items = [{ role: "user", content: "y" }];
  const add = () => ask("/v1/conversations/talk/items", { body: { items } });
  const waiting = Array.from({ length: 40 }, add);
  const refused = await Promise.race(waiting);
  expect([refused.status, refused.json().error.code]).toEqual([429, "rate_limit_exceeded"]);
  gate.open();
  await busy;
  const statuses = (await Promise.all(waiting)).map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(32);
  expect(statuses.filter((status) => status === 429)).toHaveLength(8);
});

test("a conversation that cannot hold its first items is not made", async () => {
  const { store } = await hookedStore();
  const created = vi.fn();
  const watched = new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key === "createSession") created();
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const { ask } = await openTestApp({ store: watched });
  const items = [{ type: "function_call_output", call_id: "x", output: "" }];
  const answer = await ask("/v1/conversations", { body: { items } });
  expect([answer.status, answer.json().error.param]).toEqual([400, "items"]);
  expect(created).not.toHaveBeenCalled();
});
