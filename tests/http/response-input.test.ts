import { describe, expect, test } from "vitest";
import { joinText } from "../../src/domain/item.ts";
import { openResponses } from "../helpers/responses-app.ts";
import { call, say } from "../helpers/scripted-provider.ts";

const DONE = () => say("Done.");

describe("input items", () => {
  test.each([
    "web_search_call",
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "code_interpreter_call",
    "image_generation_call",
    "local_shell_call",
    "shell_call_output",
    "apply_patch_call",
    "mcp_list_tools",
    "mcp_approval_request",
    "program_output",
  ])("%s of another server is taken and left out", async (type) => {
    const { respond, provider } = await openResponses(DONE);
    const input = ["Hello?", { type, id: "x_1", call_id: "c", status: "completed", action: {} }, "Go on"];
    expect((await respond({ input })).status).toBe(200);
    expect(provider.requests[0]?.items.map(({ type: kind }) => kind)).toEqual(["message", "message"]);
  });

  test("a custom tool's call and its result are a call and its result", async () => {
    const { respond, provider } = await openResponses(DONE);
    const input = [
      { type: "custom_tool_call", call_id: "c", name: "apply", input: "*** Begin" },
      { type: "custom_tool_call_output", call_id: "c", output: "ok" },
    ];
    expect((await respond({ input })).status).toBe(200);
    expect(provider.requests[0]?.items).toMatchObject([
      { type: "function_call", name: "apply", arguments: '{"input":"*** Begin"}' },
      { type: "function_call_output", name: "apply", output: "ok" },
    ]);
  });

  test("messages of all roles and phases are taken", async () => {
    const { respond, provider } = await openResponses(DONE);
    const roles = ["user", "assistant", "system", "developer"];
    const input = roles.map((role) => ({ role, content: "x", phase: "commentary" }));
    expect((await respond({ input })).status).toBe(200);
    expect(provider.requests[0]?.items).toMatchObject(roles.map((role) => ({ role })));
  });
});

describe("conversation_history", () => {
  test("conversation_history comes before the input, and in place of a stored response", async () => {
    const { respond, provider } = await openResponses(DONE);
    const { id } = (await respond({ input: "Stored." })).json();
    const history = [
      { role: "user", content: "One." },
      { role: "assistant", content: "Two." },
    ];
    const body = { input: "Three.", conversation_history: history, previous_response_id: id };
    const second = (await respond(body)).json<{ id: string; previous_response_id: string | null }>();
    const texts = () =>
      provider.requests.at(-1)?.items.map((item) => (item.type === "message" ? joinText(item.content) : ""));
    expect(texts()).toEqual(["One.", "Two.", "Three."]);
    expect(second.previous_response_id).toBe(null);
    await respond({ input: "Four.", previous_response_id: second.id });
    expect(texts()).toEqual(["One.", "Two.", "Three.", "Done.", "Four."]);
  });

  test.each([
    ["x", "conversation_history"],
    [[{ role: "user", content: "x" }, { role: "user" }], "conversation_history[1].content"],
    [[{ content: "x" }], "conversation_history[0].role"],
  ])("%j is refused by name", async (history, param) => {
    const { respond } = await openResponses([]);
    const answer = await respond({ conversation_history: history });
    expect([answer.status, answer.json().error.param]).toEqual([400, param]);
  });
});

describe("the configuration", () => {
  const server = (settings: object) => ({ config: { gateway: { api_server: settings } } });

  test.each([false, true])("the configuration instructions go on along a chain: %s", async (inherit) => {
    const { respond, provider } = await openResponses(DONE, server({ inherit_instructions: inherit }));
    let { id } = (await respond({ instructions: "Be a pirate." })).json();
    for (let n = 0; n < 2; n++) ({ id } = (await respond({ previous_response_id: id })).json());
    const asked = provider.requests.map(({ instructions }) => instructions?.includes("pirate") ?? false);
    expect(asked).toEqual([true, inherit, inherit]);
    await respond({ previous_response_id: id, instructions: "Be a poet." });
    expect(provider.requests.at(-1)?.instructions).not.toContain("pirate");
  });

  test.each([400, 404])("a previous response that is not there is a %i", async (status) => {
    const { respond } = await openResponses([], server({ previous_response_not_found_status: status }));
    for (const id of ["resp_x", "resp_01JZZZZZZZZZZZZZZZZZZZZZZZ"]) {
      const answer = await respond({ previous_response_id: id });
      const code = "previous_response_not_found";
      expect([answer.status, answer.json().error]).toMatchObject([
        status,
        { code, param: "previous_response_id" },
      ]);
    }
  });

  test.each<[string, Record<string, string>, string[]]>([
    ["none", {}, ["message"]],
    ["function_call", {}, ["function_call", "function_call_output", "message"]],
    ["none", { "x-openwebui-chat-id": "c" }, ["function_call", "function_call_output", "message"]],
    ["none", { "x-hermes-tool-items": "mcp_call" }, ["mcp_call", "message"]],
  ])("tool_items %s with the headers %j", async (items, headers, types) => {
    const { respond, ask } = await openResponses(
      [call("search_files", { pattern: "x" }), say("Done.")],
      server({ tool_items: items }),
    );
    const body = (await respond({}, headers)).json<{ id: string; output: { type: string }[] }>();
    expect(body.output.map(({ type }) => type)).toEqual(types);
    const again = (await ask(`/v1/responses/${body.id}`)).json<typeof body>();
    expect(again.output).toEqual(body.output);
  });
});

describe("truncation", () => {
  const config = { llm: { context_length: 12_000 } };
  const long = (name: string) => `${name} ${"x".repeat(6_000)}`;
  const said = (role: string, text: string) => ({ role, content: text });
  const input = [
    ...["a", "b", "c", "d", "e", "f"].flatMap((n) => [said("user", long(n)), said("assistant", n)]),
    said("user", "last"),
  ];

  test("auto leaves the oldest messages out, and keeps the last", async () => {
    const { respond, provider } = await openResponses(DONE, { config });
    expect((await respond({ input, truncation: "auto" })).status).toBe(200);
    const items = provider.requests[0]?.items ?? [];
    expect(items.length).toBeGreaterThan(1);
    expect(items.length).toBeLessThan(input.length);
    expect(items.at(-1)).toMatchObject({ content: [{ text: "last" }] });
  });

  test("disabled sends everything", async () => {
    const { respond, provider } = await openResponses(DONE, { config });
    await respond({ input, truncation: "disabled" });
    expect(provider.requests[0]?.items).toHaveLength(input.length);
  });
});
