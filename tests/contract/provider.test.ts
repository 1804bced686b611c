import { describe, expect, test } from "vitest";
import { NO_USAGE } from "../../src/domain/usage.ts";
import { isJsonObject, type JsonObject } from "../../src/lib/json.ts";
import { createDemoProvider } from "../../src/providers/protocols/demo/provider.ts";
import { EMPTY_CHOICES, editEach } from "../fake-upstream/edits.ts";
import {
  ask,
  callsIn,
  failure,
  foldEvents,
  generate,
  KINDS,
  MODEL,
  reasoningIn,
  setUp,
  textIn,
  visible,
} from "./provider-suite.ts";

const MODES = [
  { mode: "streamed", stream: true },
  { mode: "in one piece", stream: false },
] as const;

describe.each(KINDS)("answers over $protocol", (kind) => {
  describe.each(MODES)("$mode", ({ stream }) => {
    const request = ask({ stream });

    test("text arrives unchanged", async () => {
      await using all = await setUp(kind, [{ text: 'Grüße, 世界! 👋\n\n"quoted" \\ back' }]);
      const { result } = await generate(all.provider, request);
      expect(result.finish).toBe("stop");
      expect(result.items).toEqual([
        {
          type: "message",
          role: "assistant",
          content: [{ type: "output_text", text: 'Grüße, 世界! 👋\n\n"quoted" \\ back' }],
        },
      ]);
      expect(all.upstream.requests[0]?.stream).toBe(stream);
    });

    test("reasoning comes before the text and names its maker", async () => {
      await using all = await setUp(kind, [{ reasoning: "Let me think. Yes.", text: "42" }]);
      const { result } = await generate(all.provider, request);
      expect(result.items.map((item) => item.type)).toEqual(["reasoning", "message"]);
      expect(reasoningIn(result.items)).toBe("Let me think. Yes.");
      expect(textIn(result.items)).toBe("42");
      expect(result.items[0]).toMatchObject({ maker: { protocol: kind.protocol, model: MODEL } });
    });

    test("the result says which provider served it and which model the answer names", async () => {
      await using all = await setUp(kind, [{ text: "x" }, { text: "x", model: "another-model" }]);
      const served = async () => (await generate(all.provider, request)).result.served;
      expect(await served()).toEqual({ provider: kind.protocol, model: MODEL });
      expect(await served()).toEqual({ provider: kind.protocol, model: "another-model" });
    });

    test.each([
      [undefined],
      [""],
      [7],
      ["x".repeat(1_000)],
    ])("an answer that names its model %j counts as served by the requested model", async (name) => {
      const rename = ({ message, ...rest }: JsonObject) =>
        isJsonObject(message) ? { ...rest, message: { ...message, model: name } } : { ...rest, model: name };
      await using all = await setUp(kind, [{ text: "x", editBody: rename, edits: [editEach(rename)] }]);
      const { result } = await generate(all.provider, request);
      expect(result.served).toEqual({ provider: kind.protocol, model: MODEL });
    });

    test("parallel calls keep their order and arguments, even when their deltas are mixed", async () => {
      const toolCalls = [
        { name: "add", arguments: { a: 1, b: { c: "ü" } } },
        { name: "now" },
        { name: "add", arguments: { a: 2 } },
      ];
      await using all = await setUp(kind, [{ text: "Wait.", toolCalls, deltas: 1, interleave: true }]);
      const { result } = await generate(all.provider, request);
      expect(result.finish).toBe("tool_calls");
      expect(callsIn(result.items)).toEqual([
        { name: "add", arguments: '{"a":1,"b":{"c":"ü"}}' },
        { name: "now", arguments: "{}" },
        { name: "add", arguments: '{"a":2}' },
      ]);
    });

    test("two calls with the same id stay two calls", async () => {
      const toolCalls = [
        { name: "add", id: "same", arguments: { a: 1 } },
        { name: "add", id: "same", arguments: { a: 2 } },
      ];
      await using all = await setUp(kind, [{ toolCalls }]);
      const { result } = await generate(all.provider, request);
      expect(callsIn(result.items).map((call) => call.arguments)).toEqual(['{"a":1}', '{"a":2}']);
    });

    test("an answer with 64 calls keeps all of them", async () => {
      const toolCalls = Array.from({ length: 64 }, (_, n) => ({ name: `tool_${n}`, arguments: { n } }));
      await using all = await setUp(kind, [{ toolCalls, interleave: true }]);
      const { result } = await generate(all.provider, request);
      expect(callsIn(result.items)).toEqual(
        toolCalls.map(({ name, arguments: json }) => ({ name, arguments: JSON.stringify(json) })),
      );
    });

    test("a call without arguments gets the empty object", async () => {
      await using all = await setUp(kind, [{ toolCalls: [{ name: "now", arguments: "" }] }]);
      const { result, events } = await generate(all.provider, request);
      expect(callsIn(result.items)).toEqual([{ name: "now", arguments: "{}" }]);
      if (stream) expect(foldEvents(events)).toEqual(result.items);
    });

    test("call arguments that are not JSON stay as the model wrote them", async () => {
      await using all = await setUp(kind, [{ toolCalls: [{ name: "add", arguments: '{"a": oops' }] }]);
      const { result } = await generate(all.provider, request);
      expect(callsIn(result.items)).toEqual([{ name: "add", arguments: '{"a": oops' }]);
    });

    test("the arguments of a call that the output limit cut are not completed", async () => {
      const toolCalls = [{ name: "write", arguments: "" }];
      await using all = await setUp(kind, [{ toolCalls, finish: "length" }]);
      const { result } = await generate(all.provider, request);
      expect(result.finish).toBe("length");
      // An empty object would be run as if the model had meant it.
      expect(callsIn(result.items)).toEqual([{ name: "write", arguments: "" }]);
    });

    test("a refusal arrives as a refusal", async () => {
      await using all = await setUp(kind, [{ refusal: "I will not.", finish: "content_filter" }]);
      const { result } = await generate(all.provider, request);
      expect(result.finish).toBe("content_filter");
      // Anthropic's models refuse in plain text.
      expect(textIn(result.items, kind.wire === "chat" ? "refusal" : "output_text")).toBe("I will not.");
    });

    test.each([
      "stop",
      "length",
      "content_filter",
      "tool_calls",
    ] as const)("the finish reason %s arrives unchanged", async (finish) => {
      const toolCalls = finish === "tool_calls" ? [{ name: "now" }] : [];
      await using all = await setUp(kind, [{ text: "x", finish, toolCalls }]);
      expect((await generate(all.provider, request)).result.finish).toBe(finish);
    });

    test("an unknown finish reason counts as a normal stop", async () => {
      await using all = await setUp(kind, [{ text: "x", finish: "tired" }]);
      expect((await generate(all.provider, request)).result).toMatchObject({ finish: "stop" });
    });

    test("an answer without content is an empty answer, not an error", async () => {
      await using all = await setUp(kind, [{}]);
      const { result } = await generate(all.provider, request);
      expect(result).toMatchObject({ items: [], finish: "stop" });
    });

    test("usage counts cached input as input and reasoning as output", async () => {
      const usage = { inputTokens: 100, outputTokens: 50, cachedTokens: 80, reasoningTokens: 30 };
      await using all = await setUp(kind, [{ text: "x", usage }]);
      expect((await generate(all.provider, request)).result.usage).toEqual(usage);
    });

    test("missing usage counts as zero", async () => {
      await using all = await setUp(kind, [{ text: "x", usage: null }]);
      expect((await generate(all.provider, request)).result.usage).toEqual(NO_USAGE);
    });

    test.each([
      [null],
      ["lots"],
      [[1, 2]],
      [{ prompt_tokens: -1, completion_tokens: "7", input_tokens: -1, output_tokens: "7" }],
      [{ prompt_tokens: true, input_tokens: null, output_tokens: {}, prompt_tokens_details: 3 }],
    ])("the invalid usage %j counts as zero", async (rawUsage) => {
      await using all = await setUp(kind, [{ text: "x", rawUsage }]);
      expect((await generate(all.provider, request)).result.usage).toEqual(NO_USAGE);
    });
  });

  test("the events add up to the result, however the deltas are cut", async () => {
    const content = {
      reasoning: "Think twice.",
      text: "Half of it.",
      toolCalls: [{ name: "add", arguments: { a: 1 } }, { name: "now" }],
      more: [{ text: "And the rest." }],
    };
    const sizes = ["words", "whole", 1, 3] as const;
    await using all = await setUp(
      kind,
      sizes.map((deltas) => ({ ...content, deltas })),
    );
    for (const _ of sizes) {
      const { events, result } = await generate(all.provider);
      expect(foldEvents(events)).toEqual(visible(result.items));
    }
  });

  test("the sink is called once per network read, with one delta per item", async () => {
    await using all = await setUp(kind, [
      { text: ["a", "b", "c"], split: "whole" },
      { text: ["a", "b", "c"] },
    ]);
    const whole = await generate(all.provider);
    expect(whole.reads).toHaveLength(1);
    const piecewise = await generate(all.provider);
    expect(piecewise.reads.length).toBeGreaterThanOrEqual(3);
    const deltas = ({ events }: typeof whole) => events.filter(({ type }) => type === "delta");
    expect(deltas(whole)).toEqual([{ type: "delta", index: 0, channel: "text", delta: "abc" }]);
    expect(deltas(piecewise).length).toBeGreaterThanOrEqual(3);
    expect(foldEvents(piecewise.events)).toEqual(foldEvents(whole.events));
  });

  test("an answer in one piece gives the sink no events", async () => {
    await using all = await setUp(kind, [{ text: "quiet" }]);
    expect((await generate(all.provider, ask({ stream: false }))).events).toEqual([]);
  });

  test("an answer in one piece is accepted when a stream was requested", async () => {
    await using all = await setUp(kind, [{ text: "whole", mode: "json" }]);
    const { result, events } = await generate(all.provider);
    expect(textIn(result.items)).toBe("whole");
    expect(events).toEqual([]);
  });

  test("a stream without a finish reason is an error of kind truncated", async () => {
    await using all = await setUp(kind, [{ text: "half", finish: null }]);
    expect(await failure(all.provider)).toMatchObject({ kind: "truncated", retryable: true });
  });
});

test("empty choices are malformed in one piece and truncated in a stream", async () => {
  await using all = await setUp(KINDS[0]!, [
    { text: "x", ...EMPTY_CHOICES },
    { text: "x", ...EMPTY_CHOICES },
  ]);
  expect((await failure(all.provider, ask({ stream: false }))).kind).toBe("malformed");
  expect((await failure(all.provider)).kind).toBe("truncated");
});

describe("the contract of the demo", () => {
  const provider = createDemoProvider(0);
  const tools = [{ name: "terminal", parameters: { type: "object" } }];
  const calling = ask({
    tools,
    items: [{ type: "message", role: "user", content: [{ type: "input_text", text: "run `id`" }] }],
  });

  test.each([
    ["text", ask()],
    ["a call", calling],
  ])("the events of the demo for %s add up to the result", async (_, request) => {
    const { events, result } = await generate(provider, request);
    expect(foldEvents(events)).toEqual(result.items);
    const quiet = await generate(provider, { ...request, stream: false });
    expect(quiet.result.items).toEqual(result.items);
    expect(quiet.events).toEqual([]);
  });

  test.each([
    true,
    false,
  ])("an aborted call of the demo rejects with the signal's reason (stream: %s)", async (stream) => {
    const reason = new Error("stopped");
    await expect(generate(provider, ask({ stream }), AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("a call of the demo that is aborted while it streams rejects with the signal's reason", async () => {
    const controller = new AbortController();
    const reason = new Error("stopped");
    const call = provider.generate(ask(), () => controller.abort(reason), controller.signal);
    await expect(call).rejects.toBe(reason);
  });
});
