import { rm } from "node:fs/promises";
import { expect, test } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** A server that has answered once, and whose home is removed under it. */
async function openWithoutHome() {
  const provider = scriptedProvider(() => say("Hi."));
  const opened = await openTestApp({ provider, faultsExpected: true });
  const { id } = (await opened.ask("/v1/responses", { body: { input: "first" } })).json();
  await rm(opened.home, { recursive: true });
  return { ...opened, id };
}

test("a server whose home was removed acknowledges nothing that must be kept, and still reads what it has", async () => {
  const { ask, id } = await openWithoutHome();
  const posts = [
    ["/v1/responses", { input: "x" }],
    ["/v1/responses", { input: "x", background: true }],
    ["/v1/runs", { input: "x" }],
    ["/v1/conversations", {}],
    ["/v1/jobs", { name: "Look", prompt: "Look.", schedule: "every 1h" }],
  ] as const;
  for (const [path, body] of posts) {
    const answer = await ask(path, { body });
    expect([path, answer.status, answer.json().error?.code]).toEqual([path, 503, "storage_unavailable"]);
    expect(answer.headers["retry-after"]).toBeDefined();
  }
  const deletion = await ask(`/v1/responses/${id}`, { method: "DELETE" });
  expect(deletion.json().error.code).toBe("storage_unavailable");
  expect((await ask(`/v1/responses/${id}`)).status).toBe(200);
});

test("a server whose home was removed is not ready, and its health says why", async () => {
  const { ask, home } = await openWithoutHome();
  expect((await ask("/ready")).status).toBe(503);
  expect((await ask("/health")).status).toBe(200);
  const { status, json } = await ask("/health/detailed");
  const { readiness } = json<{ readiness: { status: string; checks: Record<string, object> } }>();
  expect([status, readiness.status]).toEqual([200, "degraded"]);
  expect(readiness.checks["state_db"]).toMatchObject({
    status: "degraded",
    state: "gone",
    detail: expect.stringContaining(home),
  });
  expect(readiness.checks["disk"]).toMatchObject({ status: "degraded" });
});

test("a home that was removed is logged once, however much is refused for it", async () => {
  const { ask, log } = await openWithoutHome();
  for (let n = 0; n < 20; n++) await ask("/v1/responses", { body: { input: "x" } });
  expect(log.filter(({ level }) => level >= 50).map(({ msg }) => msg)).toEqual([
    expect.stringContaining("was removed or replaced under the running server"),
  ]);
});
