import { describe, expect, test } from "vitest";
import type { PromptBuilder } from "../../../src/context/core-prompt.ts";
import { createIdSource } from "../../../src/lib/id.ts";
import { createSessions, type Sessions } from "../../../src/sessions/service.ts";
import { hookedStore } from "../../helpers/hooked-store.ts";
import { aRun, aSession, keep, OWNER } from "../../helpers/stored.ts";

const signal = new AbortController().signal;

async function setUp() {
  const { store } = await hookedStore();
  let text = "first prompt";
  const prompt: Pick<PromptBuilder, "current"> = { current: async () => ({ text, hash: text }) };
  const clock = { now: () => 7_000, elapsed: () => 0 };
  const sessions = createSessions({ store, prompt, clock, nextId: createIdSource() });
  return { store, sessions, setPrompt: (next: string) => (text = next) };
}

/** Whether a promise is settled once everything that can happen has happened. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await new Promise(setImmediate);
  return settled;
}

describe("a session", () => {
  test("a session that is unknown is made, with the prompt as it is now", async () => {
    const { sessions, store } = await setUp();
    await sessions.check("s", OWNER);
    expect(await store.sessions.find("s", OWNER)).toBeUndefined();
    const { session } = await sessions.take("s", OWNER, signal);
    const expected = aSession("s", {
      createdAt: 7_000,
      prompt: { text: "first prompt", hash: "first prompt" },
    });
    expect(session).toEqual(expected);
    expect(await store.sessions.find("s", OWNER)).toEqual(expected);
  });

  test("a session keeps its prompt whatever the prompt is later, and knows its latest run", async () => {
    const { sessions, store, setPrompt } = await setUp();
    (await sessions.take("s", OWNER, signal)).release();
    setPrompt("second prompt");
    const run = aRun({ sessionId: "s" });
    await keep(store, run, "a", "b");
    const { session } = await sessions.take("s", OWNER, signal);
    expect(session).toMatchObject({ prompt: { text: "first prompt" }, headRun: run.id });
  });

  test("a session of somebody else is as unknown as none, and is not held up by who asks", async () => {
    const { sessions, store } = await setUp();
    await store.sessions.create(aSession("s", { owner: "somebody else" }));
    const unknown = expect.objectContaining({
      failure: expect.objectContaining({ code: "session_not_found" }),
    });
    await expect(sessions.check("s", OWNER)).rejects.toEqual(unknown);
    await expect(sessions.take("s", OWNER, signal)).rejects.toEqual(unknown);
    await expect(sessions.take("s", "somebody else", signal)).resolves.toBeDefined();
  });

  test.each([
    "",
    " ",
    "a/b",
    "a\\b",
    "..",
    "a..b",
    "a\nb",
    "a\u0000b",
    "a\u007fb",
    "x".repeat(257),
  ])("a session cannot be called %j", async (id) => {
    const { sessions } = await setUp();
    const refused = { failure: { param: "X-Hermes-Session-Id" } };
    await expect(sessions.check(id, OWNER)).rejects.toMatchObject(refused);
  });

  test.each(["a", "20260101_101010_abcdef", "ä b:c@d.e", "x".repeat(256)])("can be called %j", async (id) => {
    const { sessions } = await setUp();
    await expect(sessions.check(id, OWNER)).resolves.toBeUndefined();
  });
});

describe("a busy session", () => {
  /** Takes it so many times; tells in which order they had it. */
  async function queue(sessions: Sessions, count: number) {
    const order: number[] = [];
    const holder = await sessions.take("s", OWNER, signal);
    const waiting = Array.from({ length: count }, async (_, n) => {
      const lease = await sessions.take("s", OWNER, signal);
      order.push(n);
      return lease;
    });
    return { holder, waiting, order };
  }

  test("a busy session lets in one after the other, in the order in which they came", async () => {
    const { sessions } = await setUp();
    const { holder, waiting, order } = await queue(sessions, 3);
    expect(await isSettled(Promise.race(waiting))).toBe(false);
    holder.release();
    for (const [n, lease] of waiting.entries()) {
      const { release } = await lease;
      await new Promise(setImmediate);
      expect(order).toEqual([0, 1, 2].slice(0, n + 1));
      release();
    }
    (await sessions.take("s", OWNER, signal)).release();
  });

  test("a busy session does not hold up another", async () => {
    const { sessions } = await setUp();
    await sessions.take("s", OWNER, signal);
    await expect(sessions.take("t", OWNER, signal)).resolves.toBeDefined();
  });

  test("a busy session is left by who is aborted while waiting, without harm to the others", async () => {
    const { sessions } = await setUp();
    const holder = await sessions.take("s", OWNER, signal);
    const abort = new AbortController();
    const leaving = sessions.take("s", OWNER, abort.signal);
    const staying = sessions.take("s", OWNER, signal);
    abort.abort(new Error("gone"));
    await expect(leaving).rejects.toThrow("gone");
    expect(await isSettled(staying)).toBe(false);
    holder.release();
    await expect(staying).resolves.toBeDefined();
  });

  test("a busy session is neither taken nor waited for by who was aborted before", async () => {
    const { sessions } = await setUp();
    const aborted = AbortSignal.abort(new Error("gone"));
    await expect(sessions.take("s", OWNER, aborted)).rejects.toThrow("gone");
    const holder = await sessions.take("s", OWNER, signal);
    await expect(sessions.take("s", OWNER, aborted)).rejects.toThrow("gone");
    holder.release();
    await expect(sessions.take("s", OWNER, signal)).resolves.toBeDefined();
  });

  test("a busy session lets no more than 32 clients wait", async () => {
    const { sessions } = await setUp();
    const { holder, waiting } = await queue(sessions, 31);
    expect(() => sessions.checkQueue("s")).not.toThrow();
    waiting.push(sessions.take("s", OWNER, signal));
    expect(() => sessions.checkQueue("s")).toThrow("Too many requests wait for this session.");
    expect(() => sessions.checkQueue("t")).not.toThrow();
    holder.release();
    for (const lease of waiting) (await lease).release();
    expect(() => sessions.checkQueue("s")).not.toThrow();
  });
});
