import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { call, hold, say } from "../helpers/scripted-provider.ts";
import { openStore, user } from "../helpers/session-app.ts";
import { brief, openSessions } from "../helpers/sessions-app.ts";

const patch = (body: unknown) => ({ method: "PATCH" as const, body });
const DELETE = { method: "DELETE" as const };

describe("a session that is changed", () => {
  test("a session that is changed has what was said of it, until it is said otherwise", async () => {
    const { at, create, read } = await openSessions([]);
    await create({ id: "s", title: "First" });
    const body = { title: "Second", archived: true, unread: true, end_reason: "user_exit" };
    const answer = await at("/s", patch(body));
    expect(answer.json()).toMatchObject({ object: "hermes.session", session: { id: "s", title: "Second" } });
    const session = await read("s");
    expect(session).toMatchObject({ archived: true, end_reason: "user_exit", ended_at: expect.any(Number) });
    expect(session).not.toHaveProperty("unread");
    await at("/s", patch({ title: null, end_reason: "", archived: false }));
    const after = await read("s");
    expect(after.archived).toBe(false);
    for (const key of ["title", "end_reason", "ended_at"]) expect(after).not.toHaveProperty(key);
    await at("/s", patch({}));
    expect(await read("s")).toEqual(after);
  });

  test("a session that is changed shows when it is pinned, and may take back its own title", async () => {
    const { at, create, list } = await openSessions([]);
    await create({ id: "s", title: "Mine" });
    await at("/s", patch({ hidden: true }));
    expect(await list()).toEqual([]);
    await at("/s", patch({ pinned: true, title: "Mine" }));
    expect(await list()).toMatchObject([{ id: "s", pinned: true, hidden: false, title: "Mine" }]);
  });

  test.each([
    [{ id: "other" }, "unsupported_session_field", "id"],
    [{ title: "x", model: "m" }, "unsupported_session_field", "model"],
    [{ pinned: "yes" }, "invalid_session_field", "pinned"],
    [{ unread: null }, "invalid_session_field", "unread"],
    [{ end_reason: true }, "invalid_session_field", "end_reason"],
    [{ title: 7 }, "invalid_title", "title"],
    [{ title: "Taken" }, "invalid_title", "title"],
    [[], "invalid_value", null],
    [null, "missing_required_parameter", null],
    ["{", "invalid_json", null],
  ])("a session that is changed is refused %j with %s, and stays as it is", async (body, code, param) => {
    const { at, create, read } = await openSessions([]);
    await create({ id: "taken", title: "Taken" });
    const before = await create({ id: "s", title: "Mine" });
    const answer = await at("/s", patch(body));
    expect([answer.status, answer.json().error.code, answer.json().error.param]).toEqual([400, code, param]);
    expect(await read("s")).toEqual(before);
  });
});

describe("a session that is deleted", () => {
  test("a session that is deleted is gone everywhere, and its id is free", async () => {
    const { ask, at, create, chat, list, messages } = await openSessions(() => say("Hi."));
    await create({ id: "s", title: "Mine" });
    const { run_id: run } = await chat("s", "Hello?");
    expect((await at("/s", DELETE)).json()).toEqual({
      id: "s",
      object: "hermes.session.deleted",
      deleted: true,
    });
    expect(await list()).toEqual([]);
    for (const path of ["/s", "/s/messages"]) expect((await at(path)).status).toBe(404);
    expect((await at("/s", DELETE)).json().error.code).toBe("session_not_found");
    expect((await ask(`/v1/runs/${run}`)).status).toBe(404);
    await create({ id: "s", title: "Mine" });
    expect(await messages("s")).toEqual([]);
  });

  test("a session that is deleted leaves the responses that were made in it", async () => {
    const { ask, at, create } = await openSessions(() => say("Hi."));
    await create({ id: "s" });
    const headers = { "x-hermes-session-id": "s" };
    const { id } = (await ask("/v1/responses", { body: { input: "Hello?" }, headers })).json();
    await at("/s", DELETE);
    expect((await ask(`/v1/responses/${id}`)).status).toBe(200);
  });

  test("a session that is deleted is not, as long as a turn of it goes on, of whatever surface", async () => {
    const gate = createGate();
    const { ask, at, create } = await openSessions([[...hold(gate), ...say("Done.")]]);
    await create({ id: "s" });
    const turn = ask("/v1/chat/completions", {
      body: { messages: [user("Hello?")] },
      headers: { "x-hermes-session-id": "s" },
    });
    await gate.reached();
    const answer = await at("/s", DELETE);
    expect([answer.status, answer.json().error.code]).toEqual([409, "session_active_turn"]);
    gate.open();
    await turn;
    expect((await at("/s", DELETE)).status).toBe(200);
  });
});

describe("somebody else's session", () => {
  test("somebody else's session is as unknown as none, whatever is asked of it", async () => {
    const store = await openStore();
    const prompt = { text: "", hash: "" };
    await store.sessions.create({ id: "theirs", owner: "somebody", createdAt: 0, prompt, title: "Secret" });
    const { at, list, provider } = await openSessions([], { store });
    expect(await list()).toEqual([]);
    expect(await list("?title=Secret&include_hidden=1")).toEqual([]);
    expect(await list("?q=Secret")).toEqual([]);
    const asked = [
      ["", {}],
      ["", patch({ title: "x" })],
      ["", DELETE],
      ["/messages", {}],
      ["/fork", { body: {} }],
      ["/chat", { body: { message: "Hello?" } }],
      ["/chat/stream", { body: { message: "Hello?" } }],
      ["/model", { body: { model: "m" } }],
    ] as const;
    for (const [path, request] of asked)
      for (const id of ["theirs", "nobodys"]) {
        const answer = await at(`/${id}${path}`, request);
        expect([path, answer.status, answer.json().error.code]).toEqual([path, 404, "session_not_found"]);
        expect(answer.text).not.toMatch(/somebody|Secret/);
      }
    expect(provider.requests).toEqual([]);
    expect(await store.sessions.find("theirs", "somebody")).toMatchObject({ id: "theirs" });
    // Titles are each owner's own, ids are not.
    expect((await at("", { body: { title: "Secret" } })).status).toBe(201);
    expect((await at("", { body: { id: "theirs" } })).json().error.code).toBe("session_exists");
  });
});

describe("after a restart", () => {
  test("sessions are as they were, with their forks, messages and locks", async () => {
    const answers = [call("read_file", { path: "notes.txt" }), say("7431."), say("Again.")];
    const first = await openSessions(answers);
    await first.create({ id: "s", title: "Code", system_prompt: "Be brief.", model: "m-2" });
    await first.chat("s", "What is the code?");
    const [question] = await first.messages("s");
    await first.fork("s", { id: "f", at: question?.id });
    const told = async ({ list, messages }: Pick<typeof first, "list" | "messages">) => [
      await list(),
      await messages("s"),
      await messages("f"),
    ];
    const before = await told(first);
    await first.app.close();
    const second = await openSessions([say("Again.")], { env: { HERMES_HOME: first.home } });
    expect(await told(second)).toEqual(before);
    await second.chat("f", "Once more?");
    expect(second.provider.requests[0]).toMatchObject({ model: "m-2", instructions: "Be brief." });
    expect(brief(await second.messages("f"))).toEqual([
      "user: What is the code?",
      "user: Once more?",
      "assistant: Again.",
    ]);
  });
});
