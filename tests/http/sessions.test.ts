import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { joinText } from "../../src/domain/item.ts";
import { call, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { heard, openSession, openStore, SESSION, user, WEATHER } from "../helpers/session-app.ts";
import { openTestApp } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";

describe("a session", () => {
  test("a session is made by its first request, which is told the id", async () => {
    const { turn } = await openSession([say("Hi.")]);
    const answer = await turn([user("Hello?")]);
    expect(answer.headers["x-hermes-session-id"]).toBe("s-1");
    expect(answer.headers["x-hermes-run-id"]).toMatch(/^run_[0-9a-f]{32}$/);
  });

  test("a session takes a result for its client's call, alone or within the whole history", async () => {
    for (const whole of [true, false]) {
      const { turn, provider } = await openSession([call("weather", { city: "Oslo" }), say("Sunny.")]);
      const first = (await turn([user("Weather?")], { tools: [WEATHER] })).json();
      const message = first.choices[0]?.message as { tool_calls: { id: string }[] };
      const result = { role: "tool", tool_call_id: message.tool_calls[0]?.id, content: "sun" };
      const answer = await turn(whole ? [user("Weather?"), message, result] : [result], { tools: [WEATHER] });
      expect(answer.status).toBe(200);
      expect(heard(provider, 2)).toEqual(["user: Weather?", "function_call", "result: sun"]);
    }
  });

  test("names the call that it waits for, and the result that answers none", async () => {
    const { turn } = await openSession([call("weather"), say("Never.")]);
    const first = (await turn([user("Weather?")], { tools: [WEATHER] })).json();
    const id = first.choices[0]?.message.tool_calls?.[0]?.id as string;
    const unanswered = await turn([user("And now?")]);
    expect([unanswered.status, unanswered.json().error.code]).toEqual([400, "missing_tool_output"]);
    expect(unanswered.json().error.message).toContain(id);
    const orphan = await turn([{ role: "tool", tool_call_id: "call_none", content: "x" }]);
    expect([orphan.status, orphan.json().error.code]).toEqual([400, "unknown_tool_call"]);
    expect(orphan.json().error.message).toContain("call_none");
  });

  test("a session keeps the prompt that it began with", async () => {
    const { turn, provider, workspace } = await openSession([say("1"), say("2")]);
    await turn([user("One")]);
    await writeFile(`${workspace}/AGENTS.md`, "Speak like a pirate.");
    await turn([user("Two")]);
    expect(provider.requests[1]?.core).toBe(provider.requests[0]?.core);
  });

  test("a session is not touched by a frontend's own questions about it", async () => {
    const { ask, turn, provider } = await openSession([say("Hi."), say("A title"), say("Bye.")]);
    await turn([user("Hello?")]);
    const headers = { ...SESSION, "x-openwebui-task": "title_generation" };
    const title = await ask(CHAT, { body: { messages: [user("Make a title.")] }, headers });
    expect(title.headers["x-hermes-session-id"]).toBeUndefined();
    expect(provider.requests[1]).toMatchObject({ core: "", tools: [] });
    await turn([user("Bye!")]);
    expect(heard(provider, 3)).toEqual(["user: Hello?", "assistant: Hi.", "user: Bye!"]);
  });
});

describe("the id of a session", () => {
  test.each([
    ["x".repeat(257), "Session ID too long"],
    ["a/b", "Invalid session ID"],
    ["a\\b", "Invalid session ID"],
    ["..", "Invalid session ID"],
    ["a..b", "Invalid session ID"],
    ["a\tb", "Invalid session ID"],
    [" ", "Invalid session ID"],
    ["", "Invalid session ID"],
  ])("%j is refused: %s", async (id, message) => {
    const { ask, provider } = await openSession([]);
    for (const stream of [false, true]) {
      const answer = await ask(CHAT, {
        body: { messages: [user("Hello?")], stream },
        headers: { "x-hermes-session-id": id },
      });
      expect(answer.status).toBe(400);
      expect(answer.json().error).toMatchObject({ message, param: "X-Hermes-Session-Id" });
    }
    expect(provider.requests).toEqual([]);
  });

  test.each([["x".repeat(256)], ["20260101_101010_abcdef"], ["a b:c@d+é"]])("%j is one", async (id) => {
    const { ask } = await openSession([say("Hi.")]);
    const headers = { "x-hermes-session-id": id };
    expect((await ask(CHAT, { body: { messages: [user("Hello?")] }, headers })).status).toBe(200);
  });

  test("the id of a session of somebody else is unknown, streamed or not", async () => {
    const store = await openStore();
    const prompt = { text: "", hash: "" };
    await store.sessions.create({ id: "s-1", owner: "somebody", createdAt: 0, prompt });
    const { ask, provider } = await openSession([], { store });
    for (const stream of [false, true]) {
      const answer = await ask(CHAT, { body: { messages: [user("Hello?")], stream }, headers: SESSION });
      expect([answer.status, answer.json().error.code]).toEqual([404, "session_not_found"]);
      expect(answer.text).not.toContain("somebody");
    }
    expect(provider.requests).toEqual([]);
  });

  test.each([["x".repeat(257)], ["a\u0001b"]])("memory scopes have rules as well: %j", async (key) => {
    const { ask } = await openSession([]);
    const headers = { "x-hermes-session-key": key };
    const answer = await ask(CHAT, { body: { messages: [user("Hello?")] }, headers });
    expect([answer.status, answer.json().error.param]).toEqual([400, "X-Hermes-Session-Key"]);
  });

  test("a memory scope comes back", async () => {
    const { ask } = await openSession([say("Hi.")]);
    const headers = { "x-hermes-session-key": "webui:1" };
    const answer = await ask(CHAT, { body: { messages: [user("Hello?")] }, headers });
    expect(answer.headers["x-hermes-session-key"]).toBe("webui:1");
  });
});

describe("a session that responses go on with", () => {
  test("a session that responses go on with knows what was said before, on any surface, and says its id again", async () => {
    const provider = scriptedProvider(() => say("Hi."));
    const { ask } = await openTestApp({ provider });
    const headers = { "x-hermes-session-id": "shared" };
    await ask("/v1/chat/completions", { body: { messages: [{ role: "user", content: "one" }] }, headers });
    const answer = await ask("/v1/responses", { body: { input: "two" }, headers });
    expect(answer.headers["x-hermes-session-id"]).toBe("shared");
    const said = provider.requests
      .at(-1)
      ?.items.map((item) => (item.type === "message" ? joinText(item.content) : ""));
    expect(said).toEqual(["one", "Hi.", "two"]);
  });

  test("a session that responses go on with gives way to a conversation and to a previous response", async () => {
    const provider = scriptedProvider(() => say("Hi."));
    const { ask } = await openTestApp({ provider });
    const headers = { "x-hermes-session-id": "shared" };
    const first = await ask("/v1/responses", { body: { input: "one", conversation: "talk" }, headers });
    expect(first.headers["x-hermes-session-id"]).toBeUndefined();
    const second = await ask("/v1/responses", { body: { input: "a" } });
    const body = { input: "b", previous_response_id: second.json().id };
    const third = await ask("/v1/responses", { body, headers });
    expect(third.headers["x-hermes-session-id"]).toBeUndefined();
    expect(provider.requests.at(-1)?.items).toHaveLength(3);
  });

  test("a session that responses go on with is refused by name when it cannot be one", async () => {
    const { ask } = await openTestApp();
    const headers = { "x-hermes-session-id": "../x" };
    const answer = await ask("/v1/responses", { body: { input: "x" }, headers });
    expect([answer.status, answer.json().error.param]).toEqual([400, "X-Hermes-Session-Id"]);
  });
});
