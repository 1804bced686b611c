import { describe, expect, test } from "vitest";
import { call, fail, finish, type Play, say, scriptedProvider, think } from "../helpers/scripted-provider.ts";
import { openTestApp, type TestAppOptions } from "../helpers/test-app.ts";

interface Compacted {
  id: string;
  output: { id: string; type: string; role?: string; encrypted_content?: string; content?: unknown }[];
  usage: Record<string, unknown>;
}

async function open(play: Play, options: TestAppOptions = {}) {
  const provider = scriptedProvider(play);
  const opened = await openTestApp({ provider, ...options });
  const post = (url: string, body: unknown) => opened.ask(url, { body });
  return {
    ...opened,
    provider,
    post,
    create: (body: object) => post("/v1/responses", body),
    compact: (body: object) => post("/v1/responses/compact", body),
    count: (body: object) => post("/v1/responses/input_tokens", body),
  };
}

const MODEL = { model: "hermes-agent" };

describe("POST /v1/responses/compact", () => {
  test("answers with the user's messages and one compaction, which the model then reads in place of everything", async () => {
    const { provider, create, compact } = await open([
      say("Hello Ann."),
      [...think("Sum up."), ...say("The user is Ann. Open: the report.")],
      say("You are Ann."),
    ]);
    const first = (await create({ input: "I am Ann." })).json();
    const answer = await compact({ ...MODEL, input: "Mind the report.", previous_response_id: first.id });
    expect(answer.status).toBe(200);
    const compacted = answer.json<Compacted>();
    expect(compacted).toMatchObject({
      object: "response.compaction",
      usage: { total_tokens: expect.any(Number) },
    });
    expect(compacted.output.map(({ type, role }) => [type, role])).toEqual([
      ["message", "user"],
      ["message", "user"],
      ["compaction", undefined],
    ]);
    expect(compacted.output[2]?.encrypted_content).not.toContain("Ann");
    const [, asked] = provider.requests;
    expect(asked).toMatchObject({ core: "", tools: [] });
    expect(JSON.stringify(asked?.items)).toMatch(/I am Ann.*Hello Ann.*Mind the report.*summary/s);
    const next = await create({ input: [...compacted.output, { role: "user", content: "Who am I?" }] });
    expect(next.status).toBe(200);
    expect(provider.requests[2]?.items.map(({ type }) => type)).toEqual(["compaction", "message"]);
  });

  test("POST /v1/responses/compact goes on by previous_response_id from a response that began with a compaction", async () => {
    const { provider, create, compact } = await open([say("She is Ann."), say("Yes."), say("Ann.")]);
    const { output } = (await compact({ ...MODEL, input: "I am Ann." })).json<Compacted>();
    const first = (await create({ input: [...output, { role: "user", content: "Sure?" }] })).json();
    await create({ input: "Who am I?", previous_response_id: first.id });
    expect(provider.requests[2]?.items.map(({ type }) => type)).toEqual([
      "compaction",
      "message",
      "message",
      "message",
    ]);
  });

  test("POST /v1/responses/compact is not found as a response", async () => {
    const { compact, ask } = await open([say("Short.")]);
    const { id } = (await compact({ ...MODEL, input: "Long." })).json();
    expect((await ask(`/v1/responses/${id}`)).status).toBe(404);
  });

  test.each([
    [{ input: "x" }, "model", "missing_required_parameter"],
    [MODEL, "input", "missing_required_parameter"],
    [{ ...MODEL, input: [] }, "input", "invalid_value"],
    [{ ...MODEL, previous_response_id: "resp_none" }, "previous_response_id", "previous_response_not_found"],
    [
      { ...MODEL, previous_response_id: `resp_${"0".repeat(32)}` },
      "previous_response_id",
      "previous_response_not_found",
    ],
    [
      { ...MODEL, input: [{ type: "function_call", call_id: "c", name: "f", arguments: "{}" }] },
      "input",
      "missing_tool_output",
    ],
  ])("POST /v1/responses/compact refuses %j by name", async (body, param, code) => {
    const { compact, provider } = await open([]);
    const answer = await compact(body);
    expect([answer.status, answer.json().error]).toEqual([400, expect.objectContaining({ param, code })]);
    expect(provider.requests).toHaveLength(0);
  });

  test.each<[string, Play, number, string]>([
    ["half a summary", [[...say("The us"), ...finish("length")]], 502, "compaction_failed"],
    ["no summary", [[]], 502, "compaction_failed"],
    ["a model that fails", [fail("overloaded")], 503, "upstream_overloaded"],
  ])("%s is a failure", async (_name, play, status, code) => {
    const { compact } = await open(play, { config: { llm: { max_retries: 0 } } });
    const answer = await compact({ ...MODEL, input: "Long." });
    expect([answer.status, answer.json().error.code]).toEqual([status, code]);
  });

  test.each([
    "",
    "garbage",
    "hermes1_",
    "hermes1_%%%",
    "hermes1__w",
    "hermes1_QUJ",
  ])("the compaction %j is refused with its place", async (content) => {
    const { create } = await open([]);
    const input = [
      { role: "user", content: "Hi." },
      { type: "compaction", encrypted_content: content },
    ];
    const answer = await create({ input });
    expect([answer.status, answer.json().error.param]).toEqual([400, "input[1].encrypted_content"]);
  });
});

describe("POST /v1/responses/input_tokens", () => {
  const counted = async (answer: Promise<{ json<T>(): T }>) =>
    (await answer).json<{ object: string; input_tokens: number }>();

  test("POST /v1/responses/input_tokens estimates all that the model would read, and starts nothing", async () => {
    const { count, create, provider } = await open([[...say("Ok. ".repeat(100))]]);
    const bare = await counted(count({ input: "Hello?" }));
    expect(bare.object).toBe("response.input_tokens");
    const tokens = async (body: object) => (await counted(count(body))).input_tokens - bare.input_tokens;
    expect(await tokens({ input: `Hello?${" word".repeat(400)}` })).toBe(500);
    expect(await tokens({ input: "Hello?", instructions: "Be brief. ".repeat(40) })).toBeGreaterThan(99);
    const image = { type: "input_image", image_url: "data:image/png;base64,AAAA" };
    const content = [{ type: "input_text", text: "Hello?" }, image];
    expect(await tokens({ input: [{ role: "user", content }] })).toBe(765);
    const tool = { type: "function", name: "f", description: "Does it. ".repeat(40), parameters: {} };
    expect(await tokens({ input: "Hello?", tools: [tool] })).toBeGreaterThan(90);
    expect(provider.requests).toHaveLength(0);
    const { id } = (await create({ input: "Hello?" })).json();
    expect(await tokens({ input: "Hello?", previous_response_id: id })).toBeGreaterThan(100);
    // Without the agent's own tools and prompt there is little left.
    expect(bare.input_tokens).toBeGreaterThan(200);
    expect((await counted(count({}))).input_tokens).toBeLessThan(bare.input_tokens);
    expect(provider.requests).toHaveLength(1);
  });

  test("POST /v1/responses/input_tokens counts what a conversation holds", async () => {
    const { count, create, post } = await open([say("Ok. ".repeat(100))]);
    const { id } = (await post("/v1/conversations", {})).json();
    const before = await counted(count({ input: "Hello?", conversation: id }));
    await create({ input: "Hello?", conversation: id });
    const after = await counted(count({ input: "Hello?", conversation: id }));
    expect(after.input_tokens - before.input_tokens).toBeGreaterThan(100);
    const unknown = await count({ input: "Hello?", conversation: `conv_${"0".repeat(32)}` });
    expect(unknown.status).toBe(404);
  });

  test("POST /v1/responses/input_tokens is near what a model is asked, however the conversation goes", async () => {
    const { create, count, provider } = await open(
      [call("read_file", { path: "notes.txt" }), say("It is 7431."), say("Fine.")],
      { files: { "notes.txt": "The code is 7431. ".repeat(200) } },
    );
    const { id } = (await create({ input: "What is the code?" })).json();
    const body = { input: "Sure?", previous_response_id: id };
    const { input_tokens: estimate } = await counted(count(body));
    await create(body);
    const request = provider.requests[2];
    const bytes = JSON.stringify([request?.core, request?.items, request?.tools]).length;
    expect(estimate).toBeGreaterThan(bytes / 6);
    expect(estimate).toBeLessThan(bytes / 3);
  });

  test.each([
    [{ input: [{ type: "teapot" }] }, "input[0].type"],
    [{ previous_response_id: "resp_none" }, "previous_response_id"],
    [{ temperature: 9 }, "temperature"],
  ])("POST /v1/responses/input_tokens refuses %j as a response would be", async (body, param) => {
    const { count } = await open([]);
    const answer = await count(body);
    expect([answer.status, answer.json().error.param]).toEqual([400, param]);
  });
});
