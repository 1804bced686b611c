import { describe, expect, test } from "vitest";
import { createTextCipher } from "../../src/lib/text-cipher.ts";
import { framesOf } from "../helpers/frames.ts";
import { send, startLive } from "../helpers/live-app.ts";
import { openResponses } from "../helpers/responses-app.ts";
import { call, type Play, say } from "../helpers/scripted-provider.ts";

const LOOK = call("search_files", { pattern: "x" });
const DONE = say("Done.");
const WEATHER = { type: "function", name: "get_weather" };

async function offered(body: object, play: Play = [DONE]) {
  const { respond, provider } = await openResponses(play);
  const answer = await respond(body);
  expect(answer.status, answer.text).toBe(200);
  return {
    tools: provider.requests[0]?.tools.map(({ name }) => name),
    request: provider.requests[0],
    answer,
  };
}

describe("hosted tools", () => {
  test.each([
    ["shell", "terminal"],
    ["local_shell", "terminal"],
    ["code_interpreter", "terminal"],
    ["file_search", "search_files"],
    ["apply_patch", "patch"],
  ])("%s is the server's %s, offered with all others", async (type, own) => {
    const { tools, answer } = await offered({ tools: [{ type, container: { type: "auto" } }] });
    expect(tools).toContain(own);
    expect(tools?.length).toBeGreaterThan(3);
    expect(answer.json<{ tools: unknown }>().tools).toEqual([
      { type: "function", name: own, description: null, parameters: null, strict: null },
    ]);
  });

  test.each([
    [{ type: "shell" }, ["terminal"]],
    ["required", ["terminal", "get_weather"]],
    [{ type: "function", name: "get_weather" }, ["get_weather"]],
    [{ type: "allowed_tools", mode: "auto", tools: [{ type: "shell" }] }, ["terminal"]],
  ])("the choice %j offers only %j first", async (choice, names) => {
    const { tools, request } = await offered({ tools: [{ type: "shell" }, WEATHER], tool_choice: choice });
    expect(tools?.toSorted()).toEqual(names.toSorted());
    expect(request?.toolChoice.mode).toBe(
      typeof choice === "object" && "mode" in choice ? "auto" : "required",
    );
  });

  test.each([
    [{ tools: [WEATHER, { type: "web_search_preview" }] }, "unsupported_tool", "tools[1].type"],
    [{ tools: [{ type: "image_generation" }] }, "unsupported_tool", "tools[0].type"],
    [{ tools: [{ type: "computer_use_preview" }] }, "unsupported_tool", "tools[0].type"],
    [{ tools: [{ type: "mcp", server_label: "x" }] }, "unsupported_tool", "tools[0].type"],
    [{ tools: [{ type: "custom", name: "x" }] }, "unsupported_tool", "tools[0].type"],
    [{ tools: [WEATHER], tool_choice: { type: "shell" } }, "invalid_value", "tool_choice"],
    [{ tools: [WEATHER], tool_choice: { type: "web_search" } }, "invalid_value", "tool_choice"],
    [{ tool_choice: { type: "file_search" } }, "invalid_value", "tool_choice"],
  ])("%j is refused by name", async (body, code, param) => {
    const { respond, provider } = await openResponses([]);
    const answer = await respond(body);
    expect([answer.status, answer.json().error]).toMatchObject([400, { code, param }]);
    expect(provider.requests).toEqual([]);
  });
});

describe("max_tool_calls", () => {
  test("calls are run up to it; then the model answers without the server's tools", async () => {
    const { respond, provider } = await openResponses([LOOK, [...LOOK, ...LOOK], DONE]);
    const body = (await respond({ max_tool_calls: 2, tools: [WEATHER] })).json<Body>();
    expect(body).toMatchObject({ status: "completed", max_tool_calls: 2 });
    expect(body.output.map(({ type, status }) => `${type} ${status}`)).toEqual([
      "mcp_call completed",
      "mcp_call completed",
      "mcp_call failed",
      "message completed",
    ]);
    expect(provider.requests.map(({ tools }) => tools.some(({ name }) => name === "search_files"))).toEqual([
      true,
      true,
      false,
    ]);
    expect(provider.requests[2]?.tools.map(({ name }) => name)).toEqual(["get_weather"]);
    expect(JSON.stringify(provider.requests[2]?.items.at(-1))).toContain("limit of tool calls");
  });

  test("max_tool_calls is no limit of the client's own calls", async () => {
    const { respond } = await openResponses([call("get_weather")]);
    const body = (await respond({ max_tool_calls: 1, tools: [WEATHER] })).json<Body>();
    expect(body.output).toMatchObject([{ type: "function_call", name: "get_weather" }]);
  });
});

interface Body {
  id: string;
  status: string;
  output: { id: string; type: string; status: string; encrypted_content?: string }[];
}

/** The events of a stream. */
function eventsOf(text: string): { type: string; [key: string]: unknown }[] {
  return framesOf(text).flatMap(({ data = "" }) => (data.startsWith("{") ? [JSON.parse(data)] : []));
}

describe("include", () => {
  test.each([
    [["reasoning.encrypted_content", "x"], "include[1]", "invalid_value"],
    [["message.output_text.logprobs"], "include[0]", "unsupported_parameter"],
    [[5], "include[0]", "invalid_value"],
  ])("%j is refused by name", async (include, param, code) => {
    const { respond } = await openResponses([]);
    expect((await respond({ include })).json().error).toMatchObject({ param, code });
  });

  test("names of what never is in a response here are taken", async () => {
    const { respond } = await openResponses([DONE]);
    const include = [
      "file_search_call.results",
      "web_search_call.action.sources",
      "code_interpreter_call.outputs",
    ];
    expect((await respond({ include })).status).toBe(200);
  });

  const ENCRYPTED = { include: ["reasoning.encrypted_content"] };
  const THOUGHT = { reasoning: "Hm.", signature: "sig-1", text: "Done." };

  async function openThinking() {
    const live = await startLive(() => THOUGHT, { protocol: "anthropic-messages" });
    const respond = (body: object, headers?: Record<string, string>) =>
      send(live, "/v1/responses", { input: "Hello?", ...body }, headers);
    return { live, respond };
  }

  test("reasoning is handed out sealed where that is asked for, in the stream and when read again", async () => {
    const { live, respond } = await openThinking();
    const events = eventsOf(await (await respond({ ...ENCRYPTED, stream: true })).text());
    const { response } = events.at(-1) as unknown as { response: Body };
    expect(response.output[0]).toMatchObject({ type: "reasoning", encrypted_content: expect.any(String) });
    expect(response.output[0]?.encrypted_content).not.toContain("sig-1");
    const done = events.find(({ type }) => type === "response.output_item.done");
    expect(done).toMatchObject({ item: response.output[0] });
    const again = await (await send(live, `/v1/responses/${response.id}`)).json();
    expect(again).toEqual(response);
    expect(await (await respond({})).text()).not.toContain("encrypted_content");
  });

  test.each([
    {},
    { "idempotency-key": "k" },
  ])("encrypted reasoning that comes back is what the model had said; anything else is ignored (%j)", async (headers) => {
    const { live, respond } = await openThinking();
    const first = (await (await respond({ ...ENCRYPTED, store: false }, headers)).json()) as Body;
    const sealed = first.output[0]?.encrypted_content ?? "";
    const foreign = createTextCipher("another").encrypt('{"summary":[]}', "x");
    for (const text of [sealed, `A${sealed.slice(1)}`, foreign, "", "not encrypted at all"]) {
      const summary = [{ type: "summary_text", text: "Changed." }];
      const item = { type: "reasoning", summary, encrypted_content: text };
      const input = ["Hello?", item, { role: "assistant", content: "Done." }, "Go on"];
      expect((await respond({ input, store: false })).status).toBe(200);
      const sent = JSON.stringify(live.upstream.requests.at(-1)?.body);
      expect(sent.includes('"thinking":"Hm.","signature":"sig-1"')).toBe(text === sealed);
      expect(sent).not.toContain("Changed.");
    }
  });
});

describe("a response object", () => {
  const KEYS =
    "id object created_at completed_at status incomplete_details model previous_response_id instructions output error tools tool_choice truncation parallel_tool_calls text top_p presence_penalty frequency_penalty top_logprobs temperature reasoning usage max_output_tokens max_tool_calls store background service_tier metadata safety_identifier prompt_cache_key";

  test("a response object has all keys whenever it is shown", async () => {
    const { respond } = await openResponses([DONE]);
    const { text } = await respond({ stream: true });
    const objects = eventsOf(text).flatMap(({ response }) => (response as Record<string, object>) ?? []);
    expect(objects).toHaveLength(3);
    for (const object of objects)
      expect(Object.keys(object)).toEqual(expect.arrayContaining(KEYS.split(" ")));
    expect(objects.at(-1)).toMatchObject({
      usage: {
        input_tokens_details: { cached_tokens: 0 },
        output_tokens_details: { reasoning_tokens: 0 },
      },
    });
  });

  test("a response object says again what was asked for", async () => {
    const wishes = {
      max_tool_calls: 7,
      truncation: "auto",
      text: { format: { type: "text" }, verbosity: "low" },
      service_tier: "flex",
      safety_identifier: "u-1",
      prompt_cache_key: "k",
      parallel_tool_calls: false,
      top_logprobs: 0,
      reasoning: { effort: "low", summary: "auto" },
    };
    const { answer, request } = await offered(wishes);
    expect(answer.json()).toMatchObject(wishes);
    expect(request?.settings).toMatchObject({
      verbosity: "low",
      safetyIdentifier: "u-1",
      promptCacheKey: "k",
      serviceTier: "flex",
    });
  });
});
