import { describe, expect, test } from "vitest";
import { say } from "../helpers/scripted-provider.ts";
import { SESSION, user } from "../helpers/session-app.ts";
import { openSessions, SESSIONS } from "../helpers/sessions-app.ts";

const CHAT = "/v1/chat/completions";

describe("a session that is created", () => {
  test("a session that is created is told with what is known of it, and neither its prompt nor its model's options", async () => {
    const { at, read } = await openSessions([]);
    const body = {
      id: "s-1",
      title: "Mine",
      system_prompt: "canary prompt",
      source: "cli",
      model: "m-2",
      model_options: { reasoning_effort: "high" },
    };
    const answer = await at("", { body });
    expect(answer.status).toBe(201);
    expect(answer.json()).toMatchObject({ object: "hermes.session" });
    const session = answer.json<{ session: Record<string, unknown> }>().session;
    expect(session).toEqual({
      id: "s-1",
      title: "Mine",
      source: "cli",
      model: "m-2",
      started_at: expect.any(Number),
      last_active: session["started_at"],
      message_count: 0,
      tool_call_count: 0,
      api_call_count: 0,
      input_tokens: 0,
      output_tokens: 0,
      cache_read_tokens: 0,
      reasoning_tokens: 0,
      pinned: false,
      archived: false,
      hidden: false,
      has_system_prompt: true,
      has_model_config: true,
    });
    expect(session["started_at"]).toBeCloseTo(Date.now() / 1000, -2);
    expect(answer.text).not.toMatch(/canary|high/);
    expect(await read("s-1")).toEqual(session);
  });

  test("a session that is created is given an id in hermes' form, and comes from here when its source is not known", async () => {
    const { create, at } = await openSessions([]);
    for (const body of [{}, { source: "toaster" }, { source: null, title: null }]) {
      const session = await create(body);
      expect(session.id).toMatch(/^api_\d{10}_[0-9a-f]{8}$/);
      expect(session).toMatchObject({
        source: "api_server",
        has_system_prompt: false,
        has_model_config: false,
      });
      expect(session).not.toHaveProperty("title");
    }
    expect((await at("", { method: "POST" })).status).toBe(201);
  });

  test.each([
    [{ id: "a/b" }, 400, "invalid_session_id", "id"],
    [{ session_id: 7 }, 400, "invalid_session_id", "session_id"],
    [{ id: "conv_0123" }, 400, "invalid_session_id", "id"],
    [{ title: 7 }, 400, "invalid_title", "title"],
    [{ title: "Taken" }, 400, "invalid_title", "title"],
    [{ system_prompt: {} }, 400, "invalid_system_prompt", "system_prompt"],
    [{ require_model_lock: true }, 400, "missing_model", "model"],
    [{ provider: "nobody" }, 400, "provider_not_found", "provider"],
    [{ model: 7 }, 400, "invalid_value", "model"],
    [{ id: "taken" }, 409, "session_exists", "id"],
    ["{", 400, "invalid_json", null],
    [[], 400, "invalid_value", null],
  ])("%j is refused: %i %s", async (body, status, code, param) => {
    const { create, at, list } = await openSessions([]);
    await create({ id: "taken", title: "Taken" });
    const answer = await at("", { body });
    expect([answer.status, answer.json().error.code, answer.json().error.param]).toEqual([
      status,
      code,
      param,
    ]);
    expect(await list()).toHaveLength(1);
  });

  test.each([
    ["id", 257, "invalid_session_id"],
    ["title", 201, "invalid_title"],
    ["system_prompt", 200_001, "invalid_system_prompt"],
  ])("a session that is created is refused with a %s of %i characters", async (field, chars, code) => {
    const { at } = await openSessions([]);
    const answer = await at("", { body: { [field]: "x".repeat(chars) } });
    expect([answer.status, answer.json().error.code, answer.json().error.param]).toEqual([400, code, field]);
  });

  test("a session that is created has the same paths under /v1", async () => {
    const { ask } = await openSessions([say("Hi.")]);
    const made = await ask("/v1/sessions", { body: { id: "s" } });
    expect(made.status).toBe(201);
    const said = await ask("/v1/sessions/s/chat", { body: { message: "Hello?" } });
    expect(said.json<{ message: object }>().message).toEqual({ role: "assistant", content: "Hi." });
    for (const path of ["", "/s", "/s/messages", "/search?q=hello"])
      expect((await ask(`/v1/sessions${path}`)).text).toBe((await ask(`${SESSIONS}${path}`)).text);
  });
});

describe("a list of sessions", () => {
  test("a list of sessions has those of every surface, the last active first, and no chats without one", async () => {
    const { ask, create, list } = await openSessions(() => say("Hi."));
    await create({ id: "made" });
    await ask(CHAT, { body: { messages: [user("Hello?")] }, headers: SESSION });
    await ask(CHAT, { body: { messages: [user("Alone")] } });
    await ask("/v1/responses", { body: { input: "x", conversation: "named" } });
    await ask("/v1/responses", { body: { input: "x" } });
    const conversation = (await ask("/v1/conversations", { body: {} })).json().id;
    const sessions = await list();
    expect(sessions.map(({ id }) => id)).toEqual([
      conversation,
      expect.stringMatching(/^conv:/),
      "s-1",
      "made",
    ]);
    const chat = sessions.find(({ id }) => id === "s-1");
    expect(chat).toMatchObject({
      source: "api_server",
      preview: "Hello?",
      message_count: 2,
      model: "demo",
    });
  });

  test("a list of sessions is read page by page, with the pinned ones on the first", async () => {
    const { at, create } = await openSessions([]);
    for (const id of ["a", "b", "c"]) await create({ id });
    await at("/a", { method: "PATCH", body: { pinned: true } });
    const page = async (query: string) => {
      const { data, ...rest } = (await at(query)).json<{ data: { id: string }[]; has_more: boolean }>();
      return { ids: data.map(({ id }) => id), ...rest };
    };
    const first = { object: "list", limit: 1, offset: 0, has_more: true };
    expect(await page("?limit=1")).toEqual({ ...first, ids: ["c", "a"] });
    expect(await page("?limit=1&offset=1")).toEqual({ ...first, offset: 1, ids: ["b"] });
    expect(await page("?limit=1&offset=2")).toMatchObject({ ids: ["a"], has_more: false });
    expect(await page("")).toMatchObject({ limit: 50, offset: 0, has_more: false, ids: ["c", "b", "a"] });
  });

  test("a list of sessions is narrowed by source and title; a hidden one shows only by its title, where that is asked for", async () => {
    const { at, create, list } = await openSessions([]);
    await create({ id: "a", title: "Plans", source: "cli" });
    await create({ id: "b", title: "Other" });
    await at("/a", { method: "PATCH", body: { hidden: true } });
    const ids = async (query: string) => (await list(query)).map(({ id }) => id);
    expect(await ids("")).toEqual(["b"]);
    expect(await ids("?source=cli")).toEqual([]);
    expect(await ids("?title=Plans")).toEqual([]);
    expect(await ids("?title=Plans&include_hidden=true")).toEqual(["a"]);
    expect(await ids("?include_hidden=1")).toEqual(["b"]);
    await at("/a", { method: "PATCH", body: { pinned: true } });
    expect(await ids("?source=cli&include_children=true")).toEqual(["a"]);
    expect(await ids("?title=Nothing")).toEqual([]);
  });

  test("a list of sessions is searched by words of titles and first questions", async () => {
    const { at, create, chat, list } = await openSessions(() => say("Hi."));
    await create({ id: "a", title: "Holiday plans" });
    await create({ id: "b" });
    await chat("b", "Where do we spend the HOLIDAYS?");
    expect((await list("?q=holiday")).map(({ id }) => id)).toEqual(["b", "a"]);
    expect((await list("?q=%20")).map(({ id }) => id)).toEqual(["b", "a"]);
    const found = await at("/search?q=spend%20the&limit=5");
    expect(found.json()).toMatchObject({
      object: "list",
      query: "spend the",
      count: 1,
      results: [{ id: "b", preview: "Where do we spend the HOLIDAYS?" }],
    });
    expect((await at("/search?q=nothing")).json()).toMatchObject({ count: 0, results: [] });
  });

  test.each([
    ["?limit=0", "limit", "invalid_pagination"],
    ["?limit=201", "limit", "invalid_pagination"],
    ["?limit=ten", "limit", "invalid_pagination"],
    ["?offset=-1", "offset", "invalid_pagination"],
    ["/search", "q", "missing_required_parameter"],
    ["/search?q=", "q", "invalid_value"],
    ["/search?q=x&limit=1e9", "limit", "invalid_pagination"],
  ])("%s is refused and names %s", async (query, param, code) => {
    const { at } = await openSessions([]);
    const answer = await at(query);
    expect([answer.status, answer.json().error.param, answer.json().error.code]).toEqual([400, param, code]);
  });
});
