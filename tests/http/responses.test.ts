import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openTestApp } from "../helpers/test-app.ts";

const CALL = { type: "function_call", call_id: "c", name: "f", arguments: "{}" };

describe("a request for a response", () => {
  test.each([
    [{}, "missing_required_parameter", "input"],
    [{ input: "" }, "invalid_value", "input"],
    [{ input: [] }, "invalid_value", "input"],
    [{ input: 5 }, "invalid_value", "input"],
    [{ input: [{ type: "hologram" }] }, "invalid_value", "input[0].type"],
    [{ input: [{ role: "robot", content: "x" }] }, "invalid_value", "input[0].role"],
    [
      { input: [{ role: "user", content: [{ type: "input_file" }] }] },
      "missing_required_parameter",
      "input[0].content[0].file_data",
    ],
    [{ input: [CALL] }, "missing_tool_output", "input"],
    [{ input: [{ type: "function_call_output", call_id: "x", output: "" }] }, "unknown_tool_call", "input"],
    [{ input: [{ type: "item_reference", id: "msg_x" }] }, "item_not_found", "input[0].id"],
    [{ input: "x", previous_response_id: "resp_x" }, "previous_response_not_found", "previous_response_id"],
    [{ input: "x", max_tool_calls: 0 }, "invalid_value", "max_tool_calls"],
    [{ input: "x", conversation: "" }, "invalid_value", "conversation"],
    [{ input: "x", conversation: 5 }, "invalid_value", "conversation"],
    [{ input: "x", conversation: {} }, "missing_required_parameter", "conversation.id"],
    [{ input: "x", conversation: "x".repeat(257) }, "invalid_value", "conversation"],
    [
      { input: "x", conversation: "c", previous_response_id: `resp_${"0".repeat(32)}` },
      "invalid_value",
      "conversation",
    ],
    [{ input: "x", prompt: { id: "pmpt_1" } }, "unsupported_parameter", "prompt"],
    [{ input: "x", tools: [{ type: "function" }] }, "invalid_value", "tools[0].type"],
    [{ input: "x", tools: [{ type: "web_search" }] }, "unsupported_tool", "tools[0].type"],
    [{ input: "x", tool_choice: "required" }, "invalid_value", "tool_choice"],
    [{ input: "x", temperature: 3 }, "invalid_value", "temperature"],
    [{ input: "x", max_output_tokens: 0 }, "invalid_value", "max_output_tokens"],
    [{ input: "x", text: { format: { type: "yaml" } } }, "invalid_value", "text.format.type"],
    [{ input: "x", metadata: { a: "x".repeat(513) } }, "invalid_value", "metadata.a"],
  ])("%j is refused by name", async (body, code, param) => {
    const { ask } = await openTestApp();
    const answer = await ask("/v1/responses", { body });
    expect([answer.status, answer.json().error]).toEqual([400, expect.objectContaining({ code, param })]);
  });

  test("a request for a response says its own wishes again", async () => {
    const { ask } = await openTestApp();
    const body = {
      input: "Hello?",
      instructions: "Be brief.",
      temperature: 0.5,
      metadata: { a: "b" },
      text: { format: { type: "json_schema", name: "x", schema: { type: "object" } } },
      reasoning: { effort: "low" },
      tools: [{ type: "function", name: "f" }],
      user: null,
    };
    expect((await ask("/v1/responses", { body })).json()).toMatchObject({
      instructions: "Be brief.",
      temperature: 0.5,
      metadata: { a: "b" },
      text: { format: { type: "json_schema", name: "x", strict: false } },
      reasoning: { effort: "low", summary: null },
      tools: [{ type: "function", name: "f", description: null, parameters: null, strict: null }],
      user: null,
    });
  });

  test("a request for a response takes its own output back as input", async () => {
    const { ask } = await openTestApp();
    const first = await ask("/v1/responses", { body: { input: "list the files here" } });
    const { output } = first.json<{ output: { id: string; type: string }[] }>();
    expect(output.map(({ type }) => type)).toContain("mcp_call");
    const again = { input: [...output, { role: "user", content: "Thanks" }] };
    expect((await ask("/v1/responses", { body: again })).status).toBe(200);
    const named = { input: [...output.map(({ id }) => ({ type: "item_reference", id })), "Thanks"] };
    expect((await ask("/v1/responses", { body: named })).status).toBe(200);
    const bare = { input: [...output.map(({ id }) => ({ id })), "Thanks"] };
    expect((await ask("/v1/responses", { body: bare })).status).toBe(200);
  });

  test.each([
    "mcp_call",
    "function_call",
    "none",
  ])("a request for a response shows the server's calls as %s when asked to", async (items) => {
    const { ask } = await openTestApp();
    const headers = { "x-hermes-tool-items": items };
    const answer = await ask("/v1/responses", { body: { input: "list the files here" }, headers });
    const types = answer.json<{ output: { type: string }[] }>().output.map(({ type }) => type);
    expect(types.includes(items)).toBe(items !== "none");
    expect(types.at(-1)).toBe("message");
  });

  test("whatever its body holds, the answer is documented and no fault of ours", async () => {
    const { ask } = await openTestApp();
    const value = fc.jsonValue({ maxDepth: 3 });
    const fields = fc.record(
      {
        input: fc.oneof(
          fc.string(),
          fc.array(fc.oneof(fc.string(), value, fc.constant(CALL)), { maxLength: 4 }),
          value,
        ),
        instructions: value,
        tools: value,
        tool_choice: value,
        text: value,
        reasoning: value,
        metadata: value,
        previous_response_id: fc.oneof(fc.string(), value),
        store: value,
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(fields, async (body) => {
        const { status } = await ask("/v1/responses", { body });
        expect(status).toBeLessThan(500);
      }),
      { numRuns: 60 },
    );
  });
});
