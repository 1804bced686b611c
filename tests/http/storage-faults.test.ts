import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/storage/store.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** A server whose store refuses one of its methods. */
async function openBroken(method: string, kind: StorageError["kind"]) {
  const { store } = await hookedStore();
  const broken = new Proxy(store, {
    get(target, key) {
      if (key === method) return () => Promise.reject(new StorageError(kind, `canary ${kind}`));
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return openTestApp({ store: broken, provider: scriptedProvider(() => say("Hi.")), faultsExpected: true });
}

describe("a database that cannot be used", () => {
  test.each([
    ["createSession", "full", 507, "storage_full"],
    ["findSession", "unavailable", 503, "storage_unavailable"],
    ["append", "full", 507, "storage_full"],
    ["append", "damaged", 503, "storage_unavailable"],
  ] as const)("at %s (%s) is told as %i, and why only in the log", async (method, kind, status, code) => {
    const { ask, log } = await openBroken(method, kind);
    const body = { messages: [{ role: "user", content: "x" }] };
    const answer = await ask("/v1/chat/completions", { body, headers: { "x-hermes-session-id": "s" } });
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
    expect(answer.text).not.toContain("canary");
    expect(JSON.stringify(log)).toContain(`canary ${kind}`);
  });

  test("when a response is read is told as 503", async () => {
    const { ask } = await openBroken("readEvents", "damaged");
    const { id } = (await ask("/v1/responses", { body: { input: "x" } })).json();
    const answer = await ask(`/v1/responses/${id}`);
    expect([answer.status, answer.json().error.code]).toEqual([503, "storage_unavailable"]);
  });
});
