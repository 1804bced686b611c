import type Anthropic from "@anthropic-ai/sdk";
import { describe, expect, test } from "vitest";
import { type ItemBody, textMessage } from "../../../../../src/domain/item.ts";
import type { ModelSettings, ToolSpec } from "../../../../../src/domain/run.ts";
import { createEncoder } from "../../../../../src/providers/protocols/anthropic-messages/request.ts";
import type { ModelRequest } from "../../../../../src/providers/provider.ts";
import { ask } from "../../../../contract/provider-suite.ts";

const EPHEMERAL = { type: "ephemeral" };
const ADD: ToolSpec = { name: "add", parameters: { type: "object", properties: { a: { type: "number" } } } };

function wire(request: Partial<ModelRequest>): { body: Anthropic.MessageCreateParams; stream: boolean } {
  const encode = createEncoder();
  const { body, stream } = encode(ask({ settings: {}, model: "claude-sonnet-5", stream: false, ...request }));
  return { body: JSON.parse(body), stream };
}

function settings(given: ModelSettings, model = "claude-sonnet-5"): Partial<Anthropic.MessageCreateParams> {
  const { messages: _, model: __, ...rest } = wire({ settings: given, model }).body;
  return rest;
}

/** Where the breakpoints stand. */
function breakpoints({ system, tools = [], messages }: Anthropic.MessageCreateParams): string[] {
  const marked = (blocks: unknown, place: string) =>
    (blocks as { cache_control?: unknown }[]).flatMap((block, n) =>
      block.cache_control === undefined ? [] : [`${place}.${n}`],
    );
  return [
    ...marked(system ?? [], "system"),
    ...marked(tools, "tools"),
    ...messages.flatMap(({ content }, n) => marked(content, `messages.${n}`)),
  ];
}

describe("cache breakpoints", () => {
  const turns = [
    textMessage("user", "a"),
    textMessage("assistant", "b"),
    textMessage("user", "c"),
    textMessage("assistant", "d"),
    textMessage("user", "e"),
  ];

  test("cache breakpoints are after the core prompt and at the end of the last two messages", () => {
    const { body } = wire({ core: "Core.", instructions: "More.", items: turns, tools: [ADD] });
    expect(breakpoints(body)).toEqual(["system.0", "messages.3.0", "messages.4.0"]);
  });

  test("cache breakpoints are only on messages when there is no core prompt", () => {
    expect(breakpoints(wire({ items: [textMessage("user", "a")] }).body)).toEqual(["messages.0.0"]);
  });

  test("a cache breakpoint is never on thinking, where the service refuses it", () => {
    const items: ItemBody[] = [
      textMessage("user", "a"),
      {
        type: "reasoning",
        summary: [],
        maker: { protocol: "anthropic-messages", model: "claude-sonnet-5", signature: "s" },
      },
      { type: "function_call", call_id: "1", name: "add", arguments: "{}", executor: "server" },
      { type: "function_call_output", call_id: "1", name: "add", output: "x", executor: "server" },
    ];
    expect(breakpoints(wire({ items, tools: [ADD] }).body)).toEqual(["messages.1.1", "messages.2.0"]);
  });

  test("cache breakpoints do not change the items of the request", () => {
    const items = [textMessage("user", "a")];
    wire({ items });
    expect(JSON.stringify(items)).not.toContain("cache_control");
  });
});

describe("the system text", () => {
  test("the core prompt and the instructions are separate system blocks", () => {
    expect(wire({ core: "Core.", instructions: "More." }).body.system).toEqual([
      { type: "text", text: "Core.", cache_control: EPHEMERAL },
      { type: "text", text: "More." },
    ]);
  });

  test("blank system text is left out", () => {
    expect(wire({ core: "", instructions: " " }).body).not.toHaveProperty("system");
  });

  test("the system text asks for JSON where the service cannot enforce the schema", () => {
    const open = {
      type: "json_schema",
      name: "any",
      description: "A map",
      schema: { type: "object" },
    } as const;
    const [block] = wire({ settings: { format: open } }).body.system as Anthropic.TextBlockParam[];
    expect(block?.text).toContain("A map");
    expect(block?.text).toContain('{"type":"object"}');
    const closed = { ...open, schema: { type: "object", properties: {} } };
    expect(wire({ settings: { format: closed } }).body).not.toHaveProperty("system");
    expect(wire({ settings: { format: closed }, model: "kimi-k2" }).body).toHaveProperty("system");
  });
});

describe("tools", () => {
  test("a tool schema without a type or with alternatives at its top is made acceptable to the service", () => {
    const tools: ToolSpec[] = [
      { name: "none", parameters: {} },
      { name: "either", parameters: { properties: { a: {} }, anyOf: [{ required: ["a"] }] } },
    ];
    expect(wire({ tools }).body.tools).toEqual([
      { name: "none", input_schema: { type: "object" } },
      { name: "either", input_schema: { type: "object", properties: { a: {} } } },
    ]);
  });

  test("a tool is strict only where the model knows that and the schema can be enforced", () => {
    const strict: ToolSpec = { ...ADD, strict: true };
    const enforced = { ...ADD.parameters, additionalProperties: false };
    expect(wire({ tools: [strict] }).body.tools).toEqual([
      { name: "add", input_schema: enforced, strict: true },
    ]);
    expect(wire({ tools: [strict], model: "kimi-k2" }).body.tools).toEqual([
      { name: "add", input_schema: ADD.parameters },
    ]);
    const open: ToolSpec = { name: "map", parameters: { type: "object" }, strict: true };
    expect(wire({ tools: [open] }).body.tools).toEqual([{ name: "map", input_schema: { type: "object" } }]);
  });

  test("a transcript with calls but no tools declares the called tools and forbids to call them", () => {
    const items: ItemBody[] = [
      textMessage("user", "a"),
      { type: "function_call", call_id: "1", name: "add", arguments: "{}", executor: "server" },
      { type: "function_call_output", call_id: "1", name: "add", output: "x", executor: "server" },
    ];
    const { body } = wire({ items });
    expect(body.tools).toEqual([{ name: "add", input_schema: { type: "object" } }]);
    expect(body.tool_choice).toEqual({ type: "none" });
  });
});

describe("settings", () => {
  test("every request has an output limit", () => {
    expect(settings({})).toEqual({ max_tokens: 32_000, stream: true });
    expect(settings({ maxOutputTokens: 5 })).toEqual({ max_tokens: 5 });
    expect(settings({ reasoningEffort: "max" }).max_tokens).toBe(64_000);
    expect(settings({}, "claude-3-opus-20240229")).toEqual({ max_tokens: 4_096 });
  });

  test("an answer that may take longer than ten minutes is streamed", () => {
    expect(wire({ settings: { maxOutputTokens: 21_333 } }).stream).toBe(false);
    expect(wire({ settings: { maxOutputTokens: 21_334 } }).stream).toBe(true);
    expect(wire({ settings: { maxOutputTokens: 1 }, stream: true }).stream).toBe(true);
  });

  test.each<[ModelSettings, string, object]>([
    [{ temperature: 0.3, topP: 0.5 }, "claude-sonnet-4-5", { temperature: 0.3 }],
    [{ temperature: 1.7 }, "claude-sonnet-4-5", { temperature: 1 }],
    [{ topP: 0.5 }, "claude-sonnet-4-5", { top_p: 0.5 }],
    [{ temperature: 0.3 }, "claude-opus-4-6", { temperature: 0.3 }],
    [{ temperature: 0.3, topP: 0.5 }, "claude-sonnet-5", {}],
    [
      { temperature: 0.3, reasoningEffort: "low" },
      "claude-sonnet-4-5",
      { thinking: { type: "enabled", budget_tokens: 2_048 } },
    ],
    [{ temperature: 0.3, reasoningEffort: "none" }, "claude-sonnet-4-5", { temperature: 0.3 }],
  ])("the settings %j for %s are sent as %j", (given, model, expected) => {
    const { max_tokens: _, stream: __, ...rest } = settings(given, model);
    expect(rest).toEqual(expected);
  });

  test("an older model does not start to think in a step that began without thinking", () => {
    const model = "claude-sonnet-4-5";
    const maker = { protocol: "anthropic-messages", model, signature: "s" };
    const thought: ItemBody = { type: "reasoning", summary: [], maker };
    const step: ItemBody[] = [
      { type: "function_call", call_id: "1", name: "add", arguments: "{}", executor: "client" },
      { type: "function_call_output", call_id: "1", name: "add", output: "x", executor: "client" },
    ];
    const question = textMessage("user", "a");
    const thinks = (...items: ItemBody[]) =>
      wire({ items, model, tools: [ADD], settings: { reasoningEffort: "low" } }).body.thinking !== undefined;
    expect(thinks(question)).toBe(true);
    expect(thinks(question, ...step)).toBe(false);
    expect(thinks(question, thought, ...step)).toBe(true);
    expect(thinks(question, ...step, textMessage("assistant", "b"), question)).toBe(true);
  });

  test("effort and output schema are sent in one object", () => {
    const format = { type: "json_schema", name: "x", schema: { type: "object", properties: {} } } as const;
    expect(settings({ reasoningEffort: "high", format })).toMatchObject({
      thinking: { type: "adaptive", display: "summarized" },
      output_config: { effort: "high", format: { type: "json_schema" } },
    });
  });

  test("blank stop sequences are left out", () => {
    expect(settings({ stop: ["\n", "END"] }).stop_sequences).toEqual(["END"]);
    expect(settings({ stop: ["\n"] })).not.toHaveProperty("stop_sequences");
  });

  test("only service tiers that the service knows are sent", () => {
    expect(settings({ serviceTier: "auto" }).service_tier).toBe("auto");
    expect(settings({ serviceTier: "standard_only" }).service_tier).toBe("standard_only");
    expect(settings({ serviceTier: "flex" })).not.toHaveProperty("service_tier");
  });

  test("settings that the protocol does not have are not sent", () => {
    const given = {
      seed: 1,
      presencePenalty: 1,
      frequencyPenalty: 1,
      metadata: { a: "b" },
      maxOutputTokens: 9,
    };
    expect(settings(given)).toEqual({ max_tokens: 9 });
  });
});
