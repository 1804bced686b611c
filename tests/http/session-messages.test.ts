import { describe, expect, test, vi } from "vitest";
import type { Run } from "../../src/domain/run.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { LOOK } from "../helpers/runs-app.ts";
import { fail, hold, say } from "../helpers/scripted-provider.ts";
import { heard, openStore, user } from "../helpers/session-app.ts";
import { brief, openSessions } from "../helpers/sessions-app.ts";
import { aRun, following, keep, OWNER } from "../helpers/stored.ts";

const NUMBERS = Array.from({ length: 6 }, (_, n) => n);

/** A session of three turns: 0? 0! 1? 1! 2? 2! */
async function openTalk() {
  const opened = await openSessions((_request, n) => say(`${n - 1}!`));
  await opened.create({ id: "s", title: "Talk" });
  for (const n of [0, 1, 2]) await opened.chat("s", `${n}?`);
  return opened;
}

describe("the messages of a session", () => {
  test("the messages of a session are a chat's: words, thinking and calls of a step in one, each result in one", async () => {
    const { create, chat, messages } = await openSessions([LOOK, say("It is 7431.")]);
    await create({ id: "s" });
    await chat("s", "What is the code?");
    const found = await messages("s");
    const time = expect.closeTo(Date.now() / 1000, -2);
    const common = { session_id: "s", timestamp: time };
    const [, asked] = found;
    const id = (asked?.tool_calls?.[0] as { id: string } | undefined)?.id;
    expect(found).toEqual([
      { ...common, id: 1_000_000, role: "user", content: "What is the code?" },
      {
        ...common,
        id: 1_000_001,
        role: "assistant",
        content: "I will read.",
        reasoning: "Let me look.",
        reasoning_content: "Let me look.",
        finish_reason: "tool_calls",
        tool_calls: [
          { id, type: "function", function: { name: "read_file", arguments: '{"path":"notes.txt"}' } },
        ],
      },
      {
        ...common,
        id: 1_000_004,
        role: "tool",
        content: expect.stringContaining("7431"),
        tool_call_id: id,
        tool_name: "read_file",
      },
      { ...common, id: 1_000_005, role: "assistant", content: "It is 7431.", finish_reason: "stop" },
    ]);
    expect(await messages("s")).toEqual(found);
  });

  test("the messages of a session are as many as the session says, and keep their ids when more is said or one is taken out", async () => {
    const { ask, chat, messages, read } = await openTalk();
    const before = await messages("s");
    expect((await read("s")).message_count).toBe(before.length);
    await chat("s", "3?");
    expect((await messages("s")).slice(0, 6)).toEqual(before);
    // Conversations take items out; a session that is one shows it.
    const conversation = (await ask("/v1/conversations", { body: { items: [user("a"), user("b")] } })).json()
      .id;
    const listed = await messages(conversation);
    const items = (await ask(`/v1/conversations/${conversation}/items`)).json<{ data: { id: string }[] }>();
    await ask(`/v1/conversations/${conversation}/items/${items.data.at(-1)?.id}`, { method: "DELETE" });
    expect(await messages(conversation)).toEqual(listed.slice(1));
    expect(await read(conversation)).toMatchObject({ message_count: 1, preview: "b" });
  });

  test("come in their order, from either end, page by page", async () => {
    const { at, messages } = await openTalk();
    const all = ["user: 0?", "assistant: 0!", "user: 1?", "assistant: 1!", "user: 2?", "assistant: 2!"];
    expect(brief(await messages("s"))).toEqual(all);
    for (const limit of [1, 2, 4, 6, 500])
      for (const offset of NUMBERS) {
        const query = `?limit=${limit}&offset=${offset}`;
        const end = 6 - offset;
        expect(brief(await messages("s", `${query}&order=oldest`))).toEqual(
          all.slice(offset, offset + limit),
        );
        expect(brief(await messages("s", query))).toEqual(all.slice(Math.max(0, end - limit), end));
      }
    const answer = await at("/s/messages?limit=4&offset=3");
    expect(answer.json()).toMatchObject({
      object: "list",
      session_id: "s",
      pagination: { limit: 4, offset: 3, order: "latest", returned: 3 },
    });
  });

  test("the messages of a session of a long session are read while others have their turn", async () => {
    const store = await openStore();
    const { create, messages } = await openSessions([], { store });
    await create({ id: "s" });
    let last: Run | undefined;
    for (let n = 0; n < 100; n++) {
      const own = { sessionId: "s", owner: OWNER };
      const run: Run = last === undefined ? aRun(own) : following(last, own);
      await keep(store, run, `${n}?`, `${n}!`);
      last = run;
    }
    let turns = 0;
    const turn = () => {
      turns++;
      if (turns < 1_000) setImmediate(turn);
    };
    setImmediate(turn);
    expect(brief(await messages("s", "?order=oldest&offset=198&limit=2"))).toEqual([
      "user: 99?",
      "assistant: 99!",
    ]);
    expect(turns).toBeGreaterThan(9);
  });

  test.each([
    "limit=0",
    "limit=501",
    "offset=-1",
    "order=desc",
    "limit=x",
  ])("?%s is refused", async (query) => {
    const { at, create } = await openSessions([]);
    await create({ id: "s" });
    const answer = await at(`/s/messages?${query}`);
    const { code, param } = answer.json().error;
    expect([answer.status, code, param]).toEqual([400, "invalid_pagination", query.split("=")[0]]);
  });

  test("hold images as a chat has them, and what was cut as cut", async () => {
    const { create, at, messages } = await openSessions([
      say("A cat."),
      [...say("Well, "), ...fail("network")],
    ]);
    await create({ id: "s" });
    const image = { type: "image_url", image_url: { url: "data:image/png;base64,AA==" } };
    const message = [{ type: "text", text: "What is it?" }, image];
    expect((await at("/s/chat", { body: { message } })).status).toBe(200);
    expect((await at("/s/chat", { body: { input: "Sure?" } })).status).toBe(502);
    expect(await messages("s")).toMatchObject([
      { role: "user", content: [{ type: "text", text: "What is it?" }, image] },
      { role: "assistant", content: "A cat." },
      { role: "user", content: "Sure?" },
      { role: "assistant", content: "Well, ", finish_reason: "length" },
    ]);
  });
});

describe("a fork", () => {
  test("a fork of a whole session ends it as branched, is called next, and both go on", async () => {
    const { at, chat, messages, read, provider } = await openTalk();
    const answer = await at("/s/fork", { method: "POST" });
    expect(answer.status).toBe(201);
    const { session, forked_from: from } = answer.json<{ session: { id: string }; forked_from: string }>();
    expect(from).toBe("s");
    expect(session).toMatchObject({
      title: "Talk #2",
      parent_session_id: "s",
      _lineage_root_id: "s",
      message_count: 6,
      api_call_count: 0,
      preview: "0?",
    });
    expect(await read("s")).toMatchObject({ end_reason: "branched" });
    await chat(session.id, "there?");
    await chat("s", "here?");
    expect(heard(provider, 4)).toEqual(expect.arrayContaining(["user: 0?", "user: there?"]));
    expect(heard(provider, 5)).not.toContain("user: there?");
    expect(brief(await messages(session.id)).slice(6)).toEqual(["user: there?", "assistant: 3!"]);
    expect(brief(await messages("s")).slice(6)).toEqual(["user: here?", "assistant: 4!"]);
    expect(await read("s")).not.toHaveProperty("end_reason");
    expect(await read(session.id)).toMatchObject({ message_count: 8, api_call_count: 1 });
  });

  test("a fork at any message has that one and all before it, under the same ids, and leaves its parent as it is", async () => {
    const { fork, messages, read, chat, provider } = await openTalk();
    const all = await messages("s");
    for (const [n, { id: at }] of all.entries()) {
      const { id, title } = await fork("s", { at });
      expect(title).toBe(`Talk #${n + 2}`);
      const kept = all.slice(0, n + 1).map((message) => ({ ...message, session_id: id }));
      expect(await messages(id)).toEqual(kept);
      const asked = provider.requests.length;
      await chat(id, "next?");
      expect(heard(provider, asked + 1)).toEqual([...brief(all.slice(0, n + 1)), "user: next?"]);
    }
    expect(await messages("s")).toEqual(all);
    expect(await read("s")).not.toHaveProperty("end_reason");
  });

  test("within a turn cuts it there: the model reads nothing of what came later", async () => {
    const { create, chat, fork, messages, provider } = await openSessions([LOOK, say("7431."), say("Fine.")]);
    await create({ id: "s" });
    await chat("s", "What is the code?");
    const [, asked] = await messages("s");
    const { id } = await fork("s", { at: asked?.id });
    expect(await messages(id)).toHaveLength(2);
    await chat(id, "Never mind.");
    // A call without its result reads as one that was cut off.
    const read = heard(provider, 3);
    expect(read.slice(0, 4)).toEqual([
      "user: What is the code?",
      "reasoning",
      "assistant: I will read.",
      "function_call",
    ]);
    expect(read.join()).not.toContain("7431");
    expect(read.at(-1)).toBe("user: Never mind.");
  });

  test("while a turn goes on has what was said by then", async () => {
    const gate = createGate();
    const { ask, create, fork, messages } = await openSessions([[...hold(gate), ...say("Late.")]]);
    await create({ id: "s" });
    const body = { messages: [user("Early?")] };
    const turn = ask("/v1/chat/completions", { body, headers: { "x-hermes-session-id": "s" } });
    await gate.reached();
    await vi.waitFor(async () => expect(await messages("s")).toHaveLength(1));
    const { id } = await fork("s");
    gate.open();
    await turn;
    expect(brief(await messages(id))).toEqual(["user: Early?"]);
    expect(brief(await messages("s"))).toEqual(["user: Early?", "assistant: Late."]);
  });

  test("a fork of a fork outlives both parents", async () => {
    const { at, fork, messages, chat } = await openTalk();
    const [, answer] = await messages("s");
    const { id: first } = await fork("s", { at: answer?.id, title: "Mine" });
    await chat(first, "more?");
    const second = await fork(first, { id: "second" });
    expect(second).toMatchObject({
      id: "second",
      title: "Mine #2",
      parent_session_id: first,
      _lineage_root_id: "s",
    });
    for (const id of ["s", first]) expect((await at(`/${id}`, { method: "DELETE" })).status).toBe(200);
    expect(brief(await messages("second"))).toEqual([
      "user: 0?",
      "assistant: 0!",
      "user: more?",
      "assistant: 3!",
    ]);
    await chat("second", "still?");
  });

  test("a fork has the prompts and the model of its parent; one of nothing is empty, and has no title of its own", async () => {
    const { create, chat, fork, provider } = await openSessions(() => say("Hi."));
    await create({ id: "s", system_prompt: "Be brief.", model: "m-2" });
    const { id, ...rest } = await fork("s");
    expect(rest).toMatchObject({ message_count: 0, has_system_prompt: true, has_model_config: true });
    expect(rest).not.toHaveProperty("title");
    await chat(id, "Hello?");
    await chat("s", "Hello?");
    const [one, other] = provider.requests;
    expect(one).toMatchObject({ instructions: "Be brief.", model: "m-2" });
    expect(one?.core).toBe(other?.core);
  });

  test.each([
    [{ at: 0 }, 400, "message_not_found", "at"],
    [{ at: 4_000_000 }, 400, "message_not_found", "at"],
    [{ at: 1_000_009 }, 400, "message_not_found", "at"],
    [{ at: -1 }, 400, "invalid_value", "at"],
    [{ at: "1000000" }, 400, "invalid_value", "at"],
    [{ at: 1.5 }, 400, "invalid_value", "at"],
    [{ title: "Talk" }, 400, "invalid_title", "title"],
    [{ title: {} }, 400, "invalid_title", "title"],
    [{ id: "../x" }, 400, "invalid_session_id", "id"],
    [{ id: "s" }, 409, "session_exists", "id"],
    [[], 400, "invalid_value", null],
  ])("a fork is refused %j: %i %s", async (body, status, code, param) => {
    const { at, list, read } = await openTalk();
    const answer = await at("/s/fork", { body });
    expect([answer.status, answer.json().error.code, answer.json().error.param]).toEqual([
      status,
      code,
      param,
    ]);
    expect(await list()).toHaveLength(1);
    expect(await read("s")).not.toHaveProperty("end_reason");
  });
});
