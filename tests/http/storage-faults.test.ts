import { describe, expect, test } from "vitest";
import { StorageError } from "../../src/storage/store.ts";
import { hookedStore } from "../helpers/hooked-store.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

/** A server whose store refuses one of its methods, by its path from the store. */
async function openBroken(method: string, kind: StorageError["kind"]) {
  const { store } = await hookedStore();
  const broken = refusing(store, method.split("."), () => {
    throw new StorageError(kind, `canary ${kind}`);
  });
  return openTestApp({ store: broken, provider: scriptedProvider(() => say("Hi.")), faultsExpected: true });
}

function refusing<Part extends object>(part: Part, [name, ...rest]: string[], refuse: () => never): Part {
  return new Proxy(part, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (key === name && rest.length === 0) return async () => refuse();
      if (key === name) return refusing(value as object, rest, refuse);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

describe("a database that cannot be used", () => {
  test.each([
    ["sessions.create", "full", 507, "storage_full"],
    ["sessions.find", "unavailable", 503, "storage_unavailable"],
    ["append", "full", 507, "storage_full"],
    ["append", "damaged", 503, "storage_unavailable"],
  ] as const)("a database that cannot be used at %s (%s) is told as %i, and why only in the log", async (method, kind, status, code) => {
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
