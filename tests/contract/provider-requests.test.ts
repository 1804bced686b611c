import { describe, expect, test } from "vitest";
import { type ItemBody, textMessage } from "../../src/domain/item.ts";
import type { ToolChoice, ToolSpec } from "../../src/domain/run.ts";
import type { JsonObject } from "../../src/lib/json.ts";
import type { ModelRequest } from "../../src/providers/provider.ts";
import { ask, generate, KINDS, type Kind, MODEL, setUp } from "./provider-suite.ts";

const PIXEL = "iVBORw0KGgo=";
const ADD: ToolSpec = {
  name: "add",
  description: "Adds.",
  parameters: {
    type: "object",
    properties: { a: { type: "number" } },
    required: ["a"],
    additionalProperties: false,
  },
};
const NOW: ToolSpec = { name: "now", parameters: { type: "object", properties: {} } };

/** What the upstream gets, as text and parsed. */
async function sent(kind: Kind, request: Partial<ModelRequest>): Promise<{ text: string; body: JsonObject }> {
  await using all = await setUp(kind, [{ text: "ok" }]);
  await generate(all.provider, ask(request));
  const { rawBody, body } = all.upstream.requests[0]!;
  return { text: rawBody.toString(), body: body as JsonObject };
}

/** Takes the expectation of the kind under test. */
function on<Value>(kind: Kind, values: { chat: Value; messages: Value }): Value {
  return values[kind.wire];
}

const CACHED = { cache_control: { type: "ephemeral" } };

const CONVERSATION: readonly ItemBody[] = [
  textMessage("user", "What is 1 + 2, and what time is it?"),
  textMessage("assistant", "Let me see."),
  { type: "function_call", call_id: "call_1", name: "add", arguments: '{"a":1}', executor: "server" },
  { type: "function_call", call_id: "call_2", name: "now", arguments: "{}", executor: "client" },
  { type: "function_call_output", call_id: "call_1", name: "add", output: "3", executor: "server" },
  {
    type: "function_call_output",
    call_id: "call_2",
    name: "now",
    output: [
      { type: "input_text", text: "12:00" },
      { type: "input_image", image_url: `data:image/png;base64,${PIXEL}` },
    ],
    executor: "client",
    is_error: true,
  },
  { ...textMessage("user", "Hurry up."), origin: "steer" },
];

describe.each(KINDS)("requests over $protocol", (kind) => {
  test("the shortest request has no optional fields", async () => {
    const { body } = await sent(kind, { stream: false, settings: { maxOutputTokens: 9 } });
    const hello = { type: "text", text: "Hello?", ...CACHED };
    expect(body).toEqual(
      on<JsonObject>(kind, {
        chat: { model: MODEL, messages: [{ role: "user", content: "Hello?" }], max_tokens: 9 },
        messages: { model: MODEL, messages: [{ role: "user", content: [hello] }], max_tokens: 9 },
      }),
    );
  });

  test("a conversation with calls, results, images and a steer is sent completely", async () => {
    const { body } = await sent(kind, { items: CONVERSATION, tools: [ADD, NOW] });
    expect(body["messages"]).toEqual(
      on<unknown>(kind, {
        chat: [
          { role: "user", content: "What is 1 + 2, and what time is it?" },
          {
            role: "assistant",
            content: "Let me see.",
            tool_calls: [
              { id: "call_1", type: "function", function: { name: "add", arguments: '{"a":1}' } },
              { id: "call_2", type: "function", function: { name: "now", arguments: "{}" } },
            ],
          },
          { role: "tool", tool_call_id: "call_1", content: "3" },
          { role: "tool", tool_call_id: "call_2", content: "12:00" },
          {
            role: "user",
            content: [
              { type: "text", text: "Images from the tool results above:" },
              { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } },
            ],
          },
          { role: "user", content: "Hurry up." },
        ],
        messages: [
          { role: "user", content: [{ type: "text", text: "What is 1 + 2, and what time is it?" }] },
          {
            role: "assistant",
            content: [
              { type: "text", text: "Let me see." },
              { type: "tool_use", id: "call_1", name: "add", input: { a: 1 } },
              { type: "tool_use", id: "call_2", name: "now", input: {}, ...CACHED },
            ],
          },
          {
            role: "user",
            content: [
              { type: "tool_result", tool_use_id: "call_1", content: [{ type: "text", text: "3" }] },
              {
                type: "tool_result",
                tool_use_id: "call_2",
                content: [
                  { type: "text", text: "12:00" },
                  { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
                ],
                is_error: true,
              },
              { type: "text", text: "Hurry up.", ...CACHED },
            ],
          },
        ],
      }),
    );
  });

  test("a user's images are sent by data URL and by address", async () => {
    const items: ItemBody[] = [
      {
        type: "message",
        role: "user",
        content: [
          { type: "input_text", text: "Compare." },
          { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "low" },
          { type: "input_image", image_url: "https://example.com/b.jpg" },
        ],
      },
    ];
    const { body } = await sent(kind, { items });
    expect(body["messages"]).toEqual([
      {
        role: "user",
        content: on<unknown>(kind, {
          chat: [
            { type: "text", text: "Compare." },
            { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}`, detail: "low" } },
            { type: "image_url", image_url: { url: "https://example.com/b.jpg" } },
          ],
          messages: [
            { type: "text", text: "Compare." },
            { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } },
            { type: "image", source: { type: "url", url: "https://example.com/b.jpg" }, ...CACHED },
          ],
        }),
      },
    ]);
  });

  test("the core prompt is sent before the instructions", async () => {
    const core = 'You are "Hermes".\nTüchtig.';
    const { body, text } = await sent(kind, { core, instructions: "Speak German." });
    const system = on<unknown>(kind, {
      chat: { role: "system", content: `${core}\n\nSpeak German.` },
      messages: [
        { type: "text", text: core, ...CACHED },
        { type: "text", text: "Speak German." },
      ],
    });
    expect(kind.wire === "chat" ? (body["messages"] as unknown[])[0] : body["system"]).toEqual(system);
    const other = await sent(kind, { core, instructions: "Speak French." });
    const until = (request: string) => request.slice(0, request.indexOf("Speak"));
    expect(until(other.text)).toBe(until(text));
  });

  test("equal requests are sent as equal bytes", async () => {
    const request = { core: "Core.", items: CONVERSATION, tools: [ADD, NOW] };
    expect((await sent(kind, request)).text).toBe((await sent(kind, request)).text);
  });

  test("tools are sent with the same bytes in each request", async () => {
    await using all = await setUp(kind, [{ text: "1" }, { text: "2" }]);
    await generate(all.provider, ask({ tools: [ADD, NOW] }));
    await generate(all.provider, ask({ tools: [ADD, NOW] }));
    const [first, second] = all.upstream.requests;
    expect(first?.rawBody.equals(second!.rawBody)).toBe(true);
    expect(first?.body?.["tools"]).toEqual(
      on<unknown>(kind, {
        chat: [
          { type: "function", function: ADD },
          { type: "function", function: NOW },
        ],
        messages: [
          { name: "add", description: "Adds.", input_schema: ADD.parameters },
          { name: "now", input_schema: NOW.parameters },
        ],
      }),
    );
  });

  test("a strict tool is sent as strict", async () => {
    const { body } = await sent(kind, { tools: [{ ...ADD, strict: true }] });
    expect(body["tools"]).toEqual(
      on<unknown>(kind, {
        chat: [{ type: "function", function: { ...ADD, strict: true } }],
        messages: [{ name: "add", description: "Adds.", input_schema: ADD.parameters, strict: true }],
      }),
    );
  });

  test.each<[ToolChoice, boolean | undefined, unknown, unknown]>([
    [{ mode: "auto" }, undefined, undefined, undefined],
    [{ mode: "auto" }, false, undefined, { type: "auto", disable_parallel_tool_use: true }],
    [{ mode: "none" }, undefined, "none", { type: "none" }],
    [{ mode: "required" }, undefined, "required", { type: "any" }],
    [{ mode: "required" }, false, "required", { type: "any", disable_parallel_tool_use: true }],
    [
      { mode: "required", names: ["add"] },
      true,
      { type: "function", function: { name: "add" } },
      { type: "tool", name: "add" },
    ],
    [{ mode: "required", names: ["add", "now"] }, undefined, "required", { type: "any" }],
  ])("the tool choice %j with parallel calls %s is sent in the protocol's form", async (toolChoice, parallelToolCalls, chat, messages) => {
    const settings = { ...(parallelToolCalls !== undefined && { parallelToolCalls }) };
    const { body } = await sent(kind, { tools: [ADD, NOW], toolChoice, settings });
    expect(body["tool_choice"]).toEqual(on(kind, { chat, messages }));
    expect(body["parallel_tool_calls"]).toBe(on(kind, { chat: parallelToolCalls, messages: undefined }));
  });

  test("an output schema is sent in the protocol's form", async () => {
    const schema = {
      type: "object",
      properties: { age: { type: "integer", minimum: 0 } },
      required: ["age"],
      additionalProperties: false,
    };
    const format = { type: "json_schema", name: "person", schema, strict: true } as const;
    const { body } = await sent(kind, { settings: { format } });
    expect(body["response_format"]).toEqual(
      on<unknown>(kind, {
        chat: { type: "json_schema", json_schema: { name: "person", schema, strict: true } },
        messages: undefined,
      }),
    );
    // A range is no part of what Anthropic's service enforces; the model reads it.
    const age = { type: "integer", description: '{"minimum":0}' };
    expect(body["output_config"]).toEqual(
      on<unknown>(kind, {
        chat: undefined,
        messages: { format: { type: "json_schema", schema: { ...schema, properties: { age } } } },
      }),
    );
  });

  test("a request for any JSON object is sent in the protocol's form", async () => {
    const { body } = await sent(kind, { settings: { format: { type: "json_object" } } });
    expect(body["response_format"]).toEqual(
      on<unknown>(kind, { chat: { type: "json_object" }, messages: undefined }),
    );
    if (kind.wire === "messages") expect(JSON.stringify(body["system"])).toContain("one JSON object");
  });

  test("settings are sent by their names in the protocol", async () => {
    const settings = {
      temperature: 0.5,
      stop: ["END"],
      maxOutputTokens: 77,
      user: "u-1",
      metadata: { team: "x" },
    };
    const { body } = await sent(kind, { settings });
    const { model: _model, messages: _messages, ...rest } = body;
    expect(rest).toEqual(
      on<JsonObject>(kind, {
        chat: {
          temperature: 0.5,
          stop: ["END"],
          max_tokens: 77,
          user: "u-1",
          stream: true,
          stream_options: { include_usage: true },
        },
        messages: {
          temperature: 0.5,
          stop_sequences: ["END"],
          max_tokens: 77,
          metadata: { user_id: "u-1" },
          stream: true,
        },
      }),
    );
  });
});
