import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decode, HELLO, parseChat, refusalOf } from "../../../../helpers/chat.ts";

/** `[param, code]` of the refusal, or "ok". */
function verdict(body: unknown): string {
  try {
    parseChat(body);
    return "ok";
  } catch {
    const { status, type, code, param } = refusalOf(() => parseChat(body));
    expect([status, type]).toEqual([400, "invalid_request_error"]);
    return `${code} ${param}`;
  }
}

const field = (name: string, value: unknown) => verdict({ messages: HELLO, [name]: value });
const message = (value: unknown) => verdict({ messages: [value] });
const part = (value: unknown) => message({ role: "user", content: [value] });

describe("the body", () => {
  it.each([[[]], [null], ["text"], [5]])("%j is no body", (body) => {
    const { status, param, message: text } = refusalOf(() => parseChat(body));
    expect([status, param, text]).toEqual([400, undefined, "The body must be a JSON object."]);
  });

  it.each([
    [{}, "missing_required_parameter messages"],
    [{ messages: null }, "invalid_value messages"],
    [{ messages: [] }, "invalid_value messages"],
    [{ messages: "hello" }, "invalid_value messages"],
    [{ messages: [null] }, "invalid_value messages[0]"],
    [{ messages: [...HELLO, "x"] }, "invalid_value messages[1]"],
  ])("%j needs messages", (body, expected) => {
    expect(verdict(body)).toBe(expected);
  });

  it("fields that nobody knows are ignored, and so are OpenAI's that mean nothing here", () => {
    const strange = {
      store: true,
      logit_bias: { 1: 2 },
      functions: [],
      prediction: 5,
      x_unknown: { deep: [1] },
    };
    expect(verdict({ messages: HELLO, ...strange })).toBe("ok");
    expect(decode(strange)).toEqual(decode({}));
  });
});

describe("types and ranges are OpenAI's", () => {
  const wrong: [name: string, ...values: unknown[]][] = [
    ["model", 5, "x".repeat(257)],
    ["stream", "true", 1, 0, {}],
    ["stream_options", 5, []],
    ["temperature", -0.1, 2.1, "1", true, Number.NaN],
    ["top_p", -0.1, 1.1, "1"],
    ["presence_penalty", -2.1, 2.1, "0"],
    ["frequency_penalty", -2.1, 2.1, []],
    ["stop", 5, {}, ["a", "b", "c", "d", "e"]],
    ["seed", 1.5, "1", 1e300, -1e19],
    ["max_tokens", 0, -1, 1.5, "5", 1e300],
    ["max_completion_tokens", 0, -1, 1.5, "5"],
    ["n", 0, -1, 1.5, "1"],
    ["logprobs", "true", 1],
    ["reasoning_effort", "huge", 5, ""],
    ["response_format", 5, "json"],
    ["tools", {}, "x"],
    ["tool_choice", "any", 5, []],
    ["parallel_tool_calls", "x", 1],
    ["service_tier", 5],
    ["user", 5, "x".repeat(513)],
    ["metadata", [], "x", Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`k${index}`, "v"]))],
    ["provider", 5, ""],
    ["model_options", 5],
  ];
  it.each(
    wrong.flatMap(([name, ...values]) => values.map((value) => [name, value] as const)),
  )("%s cannot be %j", (name, value) => {
    expect(field(name, value)).toBe(`invalid_value ${name}`);
  });

  const right: [name: string, ...values: unknown[]][] = [
    ["stream", true, false],
    ["temperature", 0, 2, 0.7],
    ["top_p", 0, 1],
    ["presence_penalty", -2, 2],
    ["frequency_penalty", -2, 2],
    ["stop", "a", ["a"], [], ["a", "b", "c", "d"]],
    ["seed", 0, -5, 2 ** 53, -(2 ** 63)],
    ["max_tokens", 1, 200_000],
    ["max_completion_tokens", 1],
    ["n", 1],
    ["logprobs", false],
    ["top_logprobs", 0],
    ["reasoning_effort", "none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"],
    ["response_format", { type: "text" }, { type: "json_object" }],
    ["tool_choice", "none", "auto", "required"],
    ["metadata", {}, { ["k".repeat(64)]: "v".repeat(512) }],
  ];
  it.each(
    right.flatMap(([name, ...values]) => values.map((value) => [name, value] as const)),
  )("%s can be %j", (name, value) => {
    expect(field(name, value)).toBe("ok");
  });

  it.each([
    ["n", 2],
    ["logprobs", true],
    ["top_logprobs", 3],
  ])("%s: %j is refused as something that an agent cannot do", (name, value) => {
    expect(field(name, value)).toBe(`unsupported_parameter ${name}`);
  });

  it.each([
    [{ stop: [5] }, "stop[0]"],
    [{ stream_options: { include_usage: "yes" } }, "stream_options.include_usage"],
    [{ response_format: { type: "xml" } }, "response_format.type"],
    [
      { response_format: { type: "json_schema", json_schema: { name: "a b" } } },
      "response_format.json_schema.name",
    ],
    [{ metadata: { a: 5 } }, "metadata.a"],
    [{ metadata: { a: "v".repeat(513) } }, "metadata.a"],
    [{ tools: [{ type: "web_search" }] }, "tools[0].type"],
    [{ tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name"],
    [
      { tools: [{ type: "function", function: { name: "a", parameters: [] } }] },
      "tools[0].function.parameters",
    ],
    [{ tool_choice: { type: "custom" } }, "tool_choice.type"],
    [{ tool_choice: { type: "function", function: { name: "a b" } } }, "tool_choice.function.name"],
  ])("%j is refused where it is wrong", (body, param) => {
    expect(verdict({ messages: HELLO, ...body })).toBe(`invalid_value ${param}`);
  });

  it.each([
    [{ response_format: { type: "json_schema" } }, "response_format.json_schema"],
    [{ tools: [{}] }, "tools[0].type"],
    [{ tools: [{ type: "function" }] }, "tools[0].function"],
    [{ tool_choice: { type: "function" } }, "tool_choice.function"],
  ])("%j lacks something", (body, param) => {
    expect(verdict({ messages: HELLO, ...body })).toBe(`missing_required_parameter ${param}`);
  });

  it("a wrong type is called that, with what was expected", () => {
    const said = (name: string, value: unknown) =>
      refusalOf(() => parseChat({ messages: HELLO, [name]: value })).message;
    expect(said("temperature", "1")).toBe("Invalid 'temperature': expected number, received string.");
    expect(said("stop", 5)).toBe("Invalid 'stop': expected string or array.");
    expect(said("max_tokens", 0)).toBe("Invalid 'max_tokens': must be at least 1.");
  });

  it("null means absent for every optional field", () => {
    const names =
      "model stream stream_options temperature top_p presence_penalty frequency_penalty stop seed max_tokens max_completion_tokens n logprobs top_logprobs response_format reasoning_effort tools tool_choice parallel_tool_calls service_tier user metadata provider model_options";
    const nulls = Object.fromEntries(names.split(" ").map((name) => [name, null]));
    expect(decode(nulls)).toEqual(decode({}));
    expect(decode({ stream_options: { include_usage: null } })).toEqual(decode({}));
    const tool = {
      type: "function",
      function: { name: "a", description: null, parameters: null, strict: null },
    };
    expect(decode({ tools: [tool] })).toEqual(
      decode({ tools: [{ type: "function", function: { name: "a" } }] }),
    );
  });

  it("a schema that nests without end is refused, not followed", () => {
    let schema: object = {};
    for (let depth = 0; depth < 200_000; depth++) schema = { items: schema };
    const tools = [{ type: "function", function: { name: "deep", parameters: schema } }];
    expect(verdict({ messages: HELLO, tools })).toBe("invalid_value tools[0].function.parameters");
  });

  it("what a client made up does not come back whole", () => {
    const { message: text, param } = refusalOf(() =>
      parseChat({ messages: HELLO, metadata: { ["k".repeat(1_000_000)]: "v" } }),
    );
    expect(param).toBe(`metadata.${"k".repeat(64)}`);
    expect(text.length).toBeLessThan(300);
  });
});

describe("messages", () => {
  it.each([
    [{}, "missing_required_parameter messages[0].role"],
    [{ role: "wizard", content: "x" }, "invalid_value messages[0].role"],
    [{ role: "function", name: "f", content: "x" }, "invalid_value messages[0].role"],
    [{ role: "user" }, "missing_required_parameter messages[0].content"],
    [{ role: "user", content: null }, "invalid_value messages[0].content"],
    [{ role: "user", content: 5 }, "invalid_value messages[0].content"],
    [{ role: "user", content: [] }, "invalid_value messages[0].content"],
    [{ role: "system" }, "missing_required_parameter messages[0].content"],
    [{ role: "tool", content: "x" }, "missing_required_parameter messages[0].tool_call_id"],
    [{ role: "tool", content: "x", tool_call_id: "" }, "invalid_value messages[0].tool_call_id"],
    [
      { role: "assistant", tool_calls: [{ id: "a", function: { name: "x" } }] },
      "missing_required_parameter messages[0].tool_calls[0].function.arguments",
    ],
    [
      { role: "assistant", tool_calls: [{ id: "a", type: "custom", custom: {} }] },
      "invalid_value messages[0].tool_calls[0].type",
    ],
  ])("%j is refused", (value, expected) => {
    expect(message(value)).toBe(expected);
  });

  it.each([
    ["x", "invalid_value messages[0].content[0]"],
    [{}, "missing_required_parameter messages[0].content[0].type"],
    [{ type: "audio" }, "unsupported_content_type messages[0].content[0].type"],
    [{ type: "file" }, "missing_required_parameter messages[0].content[0].file"],
    [{ type: "text" }, "missing_required_parameter messages[0].content[0].text"],
    [{ type: "image_url" }, "missing_required_parameter messages[0].content[0].image_url"],
    [{ type: "image_url", image_url: 5 }, "invalid_value messages[0].content[0].image_url"],
    [{ type: "image_url", image_url: {} }, "missing_required_parameter messages[0].content[0].image_url.url"],
    [{ type: "image_url", image_url: "ftp://a/b" }, "invalid_image_url messages[0].content[0].image_url"],
    [
      { type: "image_url", image_url: { url: "/etc/passwd" } },
      "invalid_image_url messages[0].content[0].image_url.url",
    ],
    [
      { type: "image_url", image_url: { url: "data:text/html,x" } },
      "invalid_image_url messages[0].content[0].image_url.url",
    ],
    [
      { type: "image_url", image_url: { url: "https://a/b", detail: "huge" } },
      "invalid_value messages[0].content[0].image_url.detail",
    ],
  ])("the part %j is refused", (value, expected) => {
    expect(part(value)).toBe(expected);
  });

  it("a thousand parts are enough", () => {
    const parts = (count: number) => Array.from({ length: count }, () => ({ type: "text", text: "x" }));
    expect(message({ role: "user", content: parts(1_000) })).toBe("ok");
    expect(message({ role: "user", content: parts(1_001) })).toBe("invalid_value messages[0].content");
  });
});

it("whatever JSON comes in, it is taken or refused with a 400 that names a field", () => {
  const names = [
    "messages",
    "model",
    "stream",
    "stop",
    "tools",
    "tool_choice",
    "response_format",
    "metadata",
    "n",
  ];
  const body = fc.oneof(
    fc.jsonValue(),
    fc.record(Object.fromEntries(names.map((name) => [name, fc.oneof(fc.jsonValue(), fc.constant(HELLO))])), {
      requiredKeys: ["messages"],
    }),
  );
  fc.assert(
    fc.property(body, (value) => {
      expect(verdict(value)).toMatch(/^ok$|^[a-z_]+ .+$/);
    }),
  );
});
