import { describe, expect, it } from "vitest";
import { textMessage } from "../../../../../src/domain/item.ts";
import { decode, HELLO, refusalOf } from "../../../../helpers/chat.ts";

const tool = (name: string) => ({ type: "function", function: { name } });
const call = (id: string, name: string, text = "{}") => ({
  id,
  type: "function",
  function: { name, arguments: text },
});

describe("messages become items", () => {
  it("user and assistant text, in order", () => {
    const messages = [
      { role: "user", content: "one" },
      { role: "assistant", content: "two" },
      { role: "user", content: "three" },
    ];
    expect(decode({ messages }).items).toEqual([
      textMessage("user", "one"),
      textMessage("assistant", "two"),
      textMessage("user", "three"),
    ]);
  });

  it("a string and an array of one text part say the same", () => {
    const asParts = (type: string) => [{ role: "user", content: [{ type, text: "Hello?" }] }];
    for (const type of ["text", "input_text", "output_text"]) {
      expect(decode({ messages: asParts(type) })).toEqual(decode({ messages: HELLO }));
    }
  });

  it("images of every spelling become one form", () => {
    const url = "https://example.org/a.png";
    const content = [
      { type: "text", text: "Look:" },
      { type: "image_url", image_url: { url, detail: "high" } },
      { type: "image_url", image_url: url },
      { type: "input_image", image_url: url, detail: "low" },
      { type: "input_image", image_url: { url, detail: null } },
      { type: "image_url", image_url: { url: "data:image/png;base64,AAAA" } },
    ];
    const [message] = decode({ messages: [{ role: "user", content }] }).items;
    expect(message).toEqual({
      type: "message",
      role: "user",
      content: [
        { type: "input_text", text: "Look:" },
        { type: "input_image", image_url: url, detail: "high" },
        { type: "input_image", image_url: url },
        { type: "input_image", image_url: url, detail: "low" },
        { type: "input_image", image_url: url },
        { type: "input_image", image_url: "data:image/png;base64,AAAA" },
      ],
    });
  });

  it("a call and its result are the client's, and the result knows the tool's name", () => {
    const messages = [
      ...HELLO,
      { role: "assistant", content: "I look.", tool_calls: [call("a", "weather", '{"city":"Ulm"}')] },
      { role: "tool", tool_call_id: "a", content: [{ type: "text", text: "sunny" }] },
    ];
    expect(decode({ messages }).items.slice(1)).toEqual([
      textMessage("assistant", "I look."),
      {
        type: "function_call",
        call_id: "a",
        name: "weather",
        arguments: '{"city":"Ulm"}',
        executor: "client",
      },
      {
        type: "function_call_output",
        call_id: "a",
        name: "weather",
        output: [{ type: "input_text", text: "sunny" }],
        executor: "client",
      },
    ]);
  });

  it.each([
    [null],
    [""],
    [undefined],
    [[]],
  ])("an assistant message with calls may have the content %j", (content) => {
    const messages = [...HELLO, { role: "assistant", content, tool_calls: [call("a", "weather")] }];
    expect(decode({ messages }).items.map(({ type }) => type)).toEqual(["message", "function_call"]);
  });

  it("a refusal stays one", () => {
    const content = [{ type: "refusal", refusal: "No." }];
    const { items } = decode({ messages: [...HELLO, { role: "assistant", content }] });
    expect(items[1]).toEqual({ type: "message", role: "assistant", content });
  });

  it("a conversation that says nothing is refused", () => {
    for (const messages of [[{ role: "assistant" }], [{ role: "assistant", content: "" }]]) {
      const { param, message } = refusalOf(() => decode({ messages }));
      expect([param, message]).toEqual(["messages", "No user message found in 'messages'."]);
    }
  });
});

describe("the frontend's system text", () => {
  it("the frontend's system text comes from system and developer messages, wherever they stand, with a blank line between them", () => {
    const messages = [
      { role: "system", content: "One." },
      {
        role: "developer",
        content: [
          { type: "text", text: "Two" },
          { type: "text", text: "parts." },
        ],
      },
      { role: "user", content: "Hello?" },
      { role: "system", content: "Three." },
      { role: "system", content: "" },
      { role: "user", content: "Well?" },
    ];
    const { instructions, items } = decode({ messages });
    expect(instructions).toBe("One.\n\nTwo\nparts.\n\nThree.");
    expect(items).toEqual([textMessage("user", "Hello?"), textMessage("user", "Well?")]);
  });

  it("the frontend's system text at the very end is the question, since a model needs a user to answer", () => {
    const messages = [...HELLO, { role: "system", content: "Summarize the discussion." }];
    const { instructions, items } = decode({ messages });
    expect(instructions).toBeUndefined();
    expect(items.at(-1)).toEqual(textMessage("user", "Summarize the discussion."));
    expect(decode({ messages: [{ role: "system", content: "Hi" }] }).items).toEqual([
      textMessage("user", "Hi"),
    ]);
  });
});

describe("tools and the choice of them", () => {
  it("tools and the choice of them are told with what they have, and with an empty schema when they have none", () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const full = { name: "weather", description: "Tells it", parameters, strict: true };
    const { tools } = decode({ tools: [{ type: "function", function: full }, tool("bare")] });
    expect(tools).toEqual([full, { name: "bare", parameters: { type: "object", properties: {} } }]);
  });

  it("a name is declared once", () => {
    const { param, message } = refusalOf(() => decode({ tools: [tool("a"), tool("b"), tool("a")] }));
    expect([param, message]).toEqual(["tools[2].function.name", 'The tool "a" is declared twice.']);
  });

  const tools = [tool("a"), tool("b")];
  const allowed = (mode: string, ...names: string[]) => ({
    type: "allowed_tools",
    allowed_tools: { mode, tools: names.map(tool) },
  });

  it.each([
    [undefined, { mode: "auto" }],
    [null, { mode: "auto" }],
    ["auto", { mode: "auto" }],
    ["none", { mode: "none" }],
    ["required", { mode: "required" }],
    [tool("b"), { mode: "required", names: ["b"] }],
    [allowed("auto", "a"), { mode: "auto", names: ["a"] }],
    [allowed("required", "a", "b"), { mode: "required", names: ["a", "b"] }],
  ])("tool_choice %j", (tool_choice, expected) => {
    expect(decode({ tools, tool_choice }).toolChoice).toEqual(expected);
  });

  it.each([
    [tool("c")],
    [allowed("auto", "a", "c")],
  ])("tool_choice %j names no declared tool", (tool_choice) => {
    const { param, message } = refusalOf(() => decode({ tools, tool_choice }));
    expect([param, message]).toEqual(["tool_choice", `'tools' declares no tool named "c".`]);
  });

  it.each([["required"], [tool("a")]])("tool_choice %j without tools is refused", (tool_choice) => {
    expect(refusalOf(() => decode({ tool_choice })).param).toBe("tool_choice");
    expect(refusalOf(() => decode({ tools: [], tool_choice })).param).toBe("tool_choice");
  });

  it("tools and the choice of them of clients whose tools are ignored mean nothing, but none still switches off all", () => {
    const terms = { clientTools: "ignore" } as const;
    const ignored = decode({ tools, tool_choice: tool("b") }, terms);
    expect([ignored.tools, ignored.toolChoice]).toEqual([[], { mode: "auto" }]);
    expect(decode({ tools, tool_choice: "none" }, terms).toolChoice).toEqual({ mode: "none" });
  });
});

describe("settings", () => {
  it("settings are passed on under our names, and only those that are given", () => {
    const body = {
      temperature: 0,
      top_p: 0.5,
      presence_penalty: 1,
      frequency_penalty: -1,
      seed: 7,
      max_tokens: 100,
      stop: "END",
      reasoning_effort: "low",
      parallel_tool_calls: false,
      service_tier: "flex",
      user: "ada",
      metadata: { a: "b" },
    };
    expect(decode(body).settings).toEqual({
      temperature: 0,
      topP: 0.5,
      presencePenalty: 1,
      frequencyPenalty: -1,
      seed: 7,
      maxOutputTokens: 100,
      stop: ["END"],
      reasoningEffort: "low",
      parallelToolCalls: false,
      serviceTier: "flex",
      user: "ada",
      metadata: { a: "b" },
    });
    expect(decode({}).settings).toEqual({});
    expect(decode({ stop: [] }).settings).toEqual({});
  });

  it("max_completion_tokens wins over its older name", () => {
    expect(decode({ max_tokens: 5, max_completion_tokens: 9 }).settings).toEqual({ maxOutputTokens: 9 });
  });

  it("a format that is plain text is none", () => {
    const schema = { type: "object" };
    const formatOf = (response_format: object) => decode({ response_format }).settings.format;
    expect(formatOf({ type: "text" })).toBeUndefined();
    expect(formatOf({ type: "json_object" })).toEqual({ type: "json_object" });
    expect(formatOf({ type: "json_schema", json_schema: { name: "a", schema, strict: true } })).toEqual({
      type: "json_schema",
      name: "a",
      schema,
      strict: true,
    });
    expect(formatOf({ type: "json_schema", json_schema: { name: "a" } })).toMatchObject({ schema: {} });
  });

  it.each([
    [{ reasoning: { enabled: false, effort: "high" } }, { reasoningEffort: "none" }],
    [{ reasoning: { effort: "high" } }, { reasoningEffort: "high" }],
    [{ reasoning_effort: "minimal" }, { reasoningEffort: "minimal" }],
    [{ reasoning_effort: "unheard-of" }, {}],
    [{ fast: true }, { serviceTier: "priority" }],
    [{ fast: true, service_tier: "flex" }, { serviceTier: "flex" }],
    [{ fast: false }, {}],
  ])("settings hermes' own model_options %j", (model_options, expected) => {
    expect(decode({ model_options }).settings).toEqual(expected);
  });

  it("OpenAI's field wins over hermes' own", () => {
    const model_options = { reasoning_effort: "high" };
    expect(decode({ reasoning_effort: "low", model_options }).settings).toEqual({ reasoningEffort: "low" });
  });
});

describe("the terms of a run", () => {
  it("say who asks, for which model, and whether deltas are read", () => {
    const input = decode({ model: "hermes-agent", provider: "openai", stream: true }, { owner: "ada" });
    expect(input).toMatchObject({
      surface: "chat",
      owner: "ada",
      ask: { model: "hermes-agent", provider: "openai" },
      mode: "agent",
      deltas: true,
    });
    expect(decode({})).toMatchObject({ ask: {}, deltas: false });
    expect(decode({ model: "" }).ask).toEqual({});
  });

  it("a background call is answered by the bare model and belongs to no session", () => {
    expect(decode({}, { sessionId: "s" })).toMatchObject({ mode: "agent", sessionId: "s" });
    const background = decode({}, { sessionId: "s", background: true });
    expect(background.mode).toBe("plain");
    expect(background).not.toHaveProperty("sessionId");
  });
});
