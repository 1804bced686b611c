import { describe, expect, test, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { call, hold, type Play, say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { heard, openStore } from "../helpers/session-app.ts";
import { openTestApp, type TestAnswer, type TestAppOptions } from "../helpers/test-app.ts";

interface Item {
  id: string;
  type: string;
  call_id: string;
  content: { text: string }[];
}
interface List {
  data: Item[];
  has_more: boolean;
}

const user = (content: string) => ({ role: "user", content });
const WEATHER = { type: "function", name: "weather", parameters: { type: "object" } };
const UNKNOWN = `conv_${"0".repeat(32)}`;

/** A server whose model plays, and a conversation on it. */
async function openTalk(play: Play = [], options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const app = await openTestApp({ ...options, provider });
  const { id } = (await app.ask("/v1/conversations", { body: {} })).json();
  const at = `/v1/conversations/${id}`;
  const respond = (input: unknown, more: object = {}) =>
    app.ask("/v1/responses", { body: { input, conversation: id, ...more } });
  const add = (...items: unknown[]) => app.ask(`${at}/items`, { body: { items } });
  const list = async (query = "order=asc") => (await app.ask(`${at}/items?${query}`)).json<List>();
  return { ...app, provider, id, at, respond, add, list };
}

/** What is listed, in few words. */
function brief({ data }: List): string[] {
  return data.map(({ type, content }) => (type === "message" ? (content[0]?.text ?? "") : type));
}

/** What a request is told whose body or header names no conversation. */
const UNKNOWN_FIELD = [404, "conversation_not_found", "conversation"];
const errorOf = (answer: TestAnswer) => [answer.status, answer.json().error.code, answer.json().error.param];

describe("a request about conversations", () => {
  const tooMany = Array.from({ length: 21 }, () => user("x"));
  const pairs = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`k${n}`, "v"]));

  test.each([
    ["", { metadata: pairs }, "metadata"],
    ["", { metadata: { ["k".repeat(65)]: "v" } }, "metadata"],
    ["", { metadata: { a: "v".repeat(513) } }, "metadata.a"],
    ["", { metadata: { a: 1 } }, "metadata.a"],
    ["", { items: tooMany }, "items"],
    ["", { items: [{ type: "hologram" }] }, "items[0].type"],
    ["", { items: [{ type: "item_reference", id: "msg_x" }] }, "items[0].id"],
    ["", { items: [{ type: "function_call_output", call_id: "x", output: "" }] }, "items"],
    ["/talk", { metadata: pairs }, "metadata"],
    ["/talk", {}, "metadata"],
    ["/talk/items", {}, "items"],
    ["/talk/items", { items: [] }, "items"],
    ["/talk/items", { items: tooMany }, "items"],
    ["/talk/items", { items: [{ role: "robot", content: "x" }] }, "items[0].role"],
    ["/talk/items", { items: [{ type: "function_call_output", call_id: "x", output: "" }] }, "items"],
  ])("POST %s %j is refused by name", async (path, body, param) => {
    const { ask } = await openTestApp();
    await ask("/v1/responses", { body: { input: "x", conversation: "talk" } });
    const answer = await ask(`/v1/conversations${path}`, { body });
    expect(answer.status).toBe(400);
    expect(answer.json().error.param?.replace(/^metadata\.k+$/, "metadata")).toBe(param);
  });

  test.each([
    ["limit=0", "limit"],
    ["limit=101", "limit"],
    ["limit=x", "limit"],
    ["order=up", "order"],
    ["after=nonsense", "after"],
    [`after=msg_${"0".repeat(32)}_0`, "after"],
    [`after=${"x".repeat(257)}`, "after"],
  ])("GET items?%s is refused by name", async (query, param) => {
    const { ask, at, add } = await openTalk();
    await add(user("x"));
    expect(errorOf(await ask(`${at}/items?${query}`))).toEqual([400, "invalid_value", param]);
  });

  test("a request about conversations refuses a cursor of another conversation, and one that the run of a cursor never had", async () => {
    const { ask, at, add, id } = await openTalk([say("Other.")]);
    const other = await ask("/v1/responses", { body: { input: "x", conversation: "other" } });
    const { output } = other.json<{ output: Item[] }>();
    await add(user("x"));
    const [first] = (await ask(`${at}/items`)).json<List>().data;
    for (const after of [output[0]?.id, first?.id.replace(/_0$/, "_5")])
      expect(errorOf(await ask(`${at}/items?after=${after}`))).toEqual([400, "invalid_value", "after"]);
    const foreign = await ask(`/v1/conversations/${id}/items/${output[0]?.id}`);
    expect(errorOf(foreign)).toEqual([404, "item_not_found", null]);
  });

  test.each([
    UNKNOWN,
    "conv_x",
    "no-such-name",
  ])("a request about conversations finds no conversation %s", async (id) => {
    const { ask } = await openTestApp();
    const at = `/v1/conversations/${id}`;
    const requests = [
      [at, {}],
      [at, { body: { metadata: {} } }],
      [at, { method: "DELETE" }],
      [`${at}/items`, {}],
      [`${at}/items`, { body: { items: [user("x")] } }],
      [`${at}/items/msg_1`, {}],
      [`${at}/items/msg_1`, { method: "DELETE" }],
    ] as const;
    for (const [url, request] of requests)
      expect(errorOf(await ask(url, request))).toEqual([404, "conversation_not_found", null]);
  });

  test("a request about conversations finds no conversation of somebody else", async () => {
    const store = await openStore();
    const prompt = { text: "", hash: "" };
    await store.sessions.create({ id: UNKNOWN, owner: "somebody", createdAt: 0, prompt });
    const { ask } = await openTestApp({ store });
    expect(errorOf(await ask(`/v1/conversations/${UNKNOWN}`))).toEqual([404, "conversation_not_found", null]);
    const body = { input: "x", conversation: UNKNOWN };
    expect(errorOf(await ask("/v1/responses", { body }))).toEqual(UNKNOWN_FIELD);
    expect(await store.sessions.find(UNKNOWN, "somebody")).toMatchObject({ owner: "somebody" });
  });
});

describe("a response in a conversation", () => {
  test.each([
    UNKNOWN,
    "conv_mine",
  ])("a response in a conversation cannot be made in %s, which was never given out", async (id) => {
    const { ask } = await openTestApp();
    const body = { input: "x", conversation: { id } };
    expect(errorOf(await ask("/v1/responses", { body }))).toEqual(UNKNOWN_FIELD);
    const headers = { "x-hermes-session-id": id };
    const chat = await ask("/v1/chat/completions", { body: { messages: [user("x")] }, headers });
    expect(errorOf(chat)).toEqual(UNKNOWN_FIELD);
  });

  test("a response in a conversation says nothing of one when it is in none", async () => {
    const { ask } = await openTestApp();
    const answer = await ask("/v1/responses", { body: { input: "x", conversation: null } });
    expect(answer.json()).toMatchObject({ conversation: null });
  });

  test("a response in a conversation takes everything as new, also what was said before", async () => {
    const { respond, provider } = await openTalk([say("Yes."), say("Yes."), say("Yes.")]);
    for (let n = 0; n < 3; n++) await respond("Again?");
    expect(heard(provider, 3)).toEqual([
      "user: Again?",
      "assistant: Yes.",
      "user: Again?",
      "assistant: Yes.",
      "user: Again?",
    ]);
  });

  test("a response in a conversation that is not stored reads the conversation and adds nothing", async () => {
    const { respond, list, provider } = await openTalk([say("One."), say("Two."), say("Three.")]);
    await respond("First?");
    await respond("Secret?", { store: false });
    expect(heard(provider, 2)).toEqual(["user: First?", "assistant: One.", "user: Secret?"]);
    expect(brief(await list())).toEqual(["First?", "One."]);
    await respond("Third?");
    expect(heard(provider, 3)).toEqual(["user: First?", "assistant: One.", "user: Third?"]);
  });

  test("a response in a conversation waits for its client's call: the result may come by a response or as an item", async () => {
    for (const by of ["response", "item"]) {
      const { respond, add, provider } = await openTalk([call("weather"), say("Sunny."), say("Sunny.")]);
      const first = await respond("Weather?", { tools: [WEATHER] });
      const [made] = first.json<{ output: Item[] }>().output;
      const unanswered = await respond("And now?");
      expect(errorOf(unanswered)).toEqual([400, "missing_tool_output", "input"]);
      expect(unanswered.json().error.message).toContain(made?.call_id);
      const result = { type: "function_call_output", call_id: made?.call_id, output: "sun" };
      if (by === "item") expect((await add(result)).status).toBe(200);
      expect((await respond(by === "item" ? "So?" : [result])).status).toBe(200);
      expect(heard(provider, 2).slice(0, 3)).toEqual(["user: Weather?", "function_call", "result: sun"]);
    }
  });

  test("a response in a conversation is not held up by a call that was deleted, answered or not", async () => {
    const { ask, at, respond, add, list, provider } = await openTalk([
      call("weather"),
      say("Hello."),
      say("And."),
    ]);
    const first = await respond("Weather?", { tools: [WEATHER] });
    const [made] = first.json<{ output: Item[] }>().output;
    await add({ type: "function_call_output", call_id: made?.call_id, output: "sun" });
    expect((await ask(`${at}/items/${made?.id}`, { method: "DELETE" })).status).toBe(200);
    expect(brief(await list())).toEqual(["Weather?", "function_call_output"]);
    expect((await respond("Hello?")).status).toBe(200);
    expect(heard(provider, 2)).toEqual(["user: Weather?", "user: Hello?"]);
    await add({ type: "function_call", call_id: "open", name: "f", arguments: "{}" });
    expect(errorOf(await respond("?"))).toEqual([400, "missing_tool_output", "input"]);
    const open = (await list("limit=1")).data[0]?.id;
    await ask(`${at}/items/${open}`, { method: "DELETE" });
    expect((await respond("And?")).status).toBe(200);
  });

  test("a response in a conversation shows the server's calls in the way that was asked for, in the conversation too", async () => {
    const { ask, respond, at, list } = await openTalk([
      call("search_files", { pattern: "*", target: "files" }),
      say("None."),
    ]);
    const headers = { "x-hermes-tool-items": "function_call" };
    await respond("Files?");
    expect(brief(await list())).toEqual(["Files?", "mcp_call", "None."]);
    const listed = (await ask(`${at}/items?order=asc`, { headers })).json<List>();
    expect(brief(listed)).toEqual(["Files?", "function_call", "function_call_output", "None."]);
  });

  test("a response in a conversation comes after what goes on in it, and items too", async () => {
    const gate = createGate();
    const { respond, add, list, running, provider } = await openTalk([
      [...say("One"), ...hold(gate), ...say(".")],
      say("Two."),
    ]);
    const first = respond("First?");
    await gate.reached();
    const second = respond("Second?");
    await running(2);
    const added = add(user("Also."));
    await vi.waitFor(async () => expect(brief(await list())).toEqual(["First?"]), { interval: 5 });
    gate.open();
    for (const answer of [first, second, added]) expect((await answer).status).toBe(200);
    expect(heard(provider, 2)).toEqual(["user: First?", "assistant: One.", "user: Second?"]);
    expect(brief(await list())).toEqual(["First?", "One.", "Second?", "Two.", "Also."]);
  });

  test("a response in a conversation that waits when its conversation is deleted ends with a 404, and makes it not anew", async () => {
    const gate = createGate();
    const { ask, at, id, respond, running } = await openTalk([[...hold(gate), ...say("One.")]]);
    const first = respond("First?");
    await gate.reached();
    const second = respond("Second?");
    await running(2);
    expect((await ask(at, { method: "DELETE" })).json()).toMatchObject({ id, deleted: true });
    gate.open();
    expect((await first).status).toBe(200);
    expect(errorOf(await second)).toEqual(UNKNOWN_FIELD);
    expect((await ask(at)).status).toBe(404);
    expect((await ask(`/v1/responses/${(await first).json().id}`)).status).toBe(200);
  });
});

describe("items that a client put in", () => {
  test("items that a client put in are no response", async () => {
    const { ask, add, list } = await openTalk();
    await add(user("x"));
    const run = (await list()).data[0]?.id.replace(/^msg_(.*)_0$/, "resp_$1");
    expect(run).toMatch(/^resp_[0-9a-f]{32}$/);
    for (const method of ["GET", "DELETE"] as const)
      expect((await ask(`/v1/responses/${run}`, { method })).status).toBe(404);
    expect((await ask(`/v1/responses/${run}?stream=true`)).status).toBe(404);
    expect((await ask("/v1/responses")).json<List>().data).toEqual([]);
    const after = await ask("/v1/responses", { body: { input: "x", previous_response_id: run } });
    expect(errorOf(after)).toEqual([400, "previous_response_not_found", "previous_response_id"]);
    expect(brief(await list())).toEqual(["x"]);
  });

  test("items that a client put in can be named by another request", async () => {
    const { ask, add, list, provider } = await openTalk([say("Yes.")]);
    await add(user("Remember me."));
    const id = (await list()).data[0]?.id;
    const body = { input: [{ type: "item_reference", id }, user("Do you?")] };
    expect((await ask("/v1/responses", { body })).status).toBe(200);
    expect(heard(provider, 1)).toEqual(["user: Remember me.", "user: Do you?"]);
  });

  test("items that a client put in are what a chat goes on from that names the conversation as its session", async () => {
    const { ask, add, id, list, provider } = await openTalk([say("Ann.")]);
    await add(user("I am Ann."), { role: "assistant", content: "Hi." });
    const headers = { "x-hermes-session-id": id };
    await ask("/v1/chat/completions", { body: { messages: [user("Who am I?")] }, headers });
    expect(heard(provider, 1)).toEqual(["user: I am Ann.", "assistant: Hi.", "user: Who am I?"]);
    expect(brief(await list())).toEqual(["I am Ann.", "Hi.", "Who am I?", "Ann."]);
  });
});

test("conversations of two owners do not know each other by name", async () => {
  const { conversationSession } = await import("../../src/wire/openai/conversations/id.ts");
  expect(conversationSession("talk", "a")).not.toBe(conversationSession("talk", "b"));
  expect(conversationSession("talk", "a")).toBe(conversationSession("talk", "a"));
  expect(conversationSession(UNKNOWN, "a")).toBe(UNKNOWN);
});

test("conversations are as they were after a restart", async () => {
  const { ask, app, home, at, id, respond, add, list } = await openTalk([say("One.")]);
  await respond("First?");
  await add(user("Also."));
  const [first, ...rest] = (await list()).data;
  await ask(`${at}/items/${first?.id}`, { method: "DELETE" });
  await app.close();
  const again = await openTestApp({ env: { HERMES_HOME: home } });
  expect((await again.ask(`${at}/items?order=asc`)).json<List>().data).toEqual(rest);
  expect((await again.ask(at)).json()).toMatchObject({ id, metadata: {} });
});
