import { expect, test, vi } from "vitest";
import { openChat } from "../helpers/chat-app.ts";
import { say } from "../helpers/scripted-provider.ts";
import { TEST_KEY } from "../helpers/test-app.ts";
import { turnCounter } from "./example-part/turn-counter.ts";

test("a part is one object: it observes all runs, answers at its route and stands in the server's health", async () => {
  const { app, ask, chat } = await openChat([say("One."), say("Two."), say("Three.")], {
    parts: [turnCounter()],
  });
  const read = async (url: string) =>
    (await app.http.inject({ url, headers: { authorization: `Bearer ${TEST_KEY}` } })).json();
  await chat();
  await chat();
  await ask("/v1/responses", { body: { input: "Hello." } });
  const counts = { chat: 2, responses: 1 };
  await vi.waitFor(async () => expect(await read("/v1/turn-counts")).toEqual(counts), { interval: 5 });
  const health = await read("/health/detailed");
  expect(health.readiness.checks.turn_counter).toEqual({ status: "ok", counts });
  expect((await app.http.inject({ url: "/v1/turn-counts" })).statusCode).toBe(401);
});
