import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../../src/lib/json.ts";
import { MessagesAnswer } from "../../../../../src/providers/protocols/anthropic-messages/answer.ts";
import type { ModelEvent, ModelResult } from "../../../../../src/providers/provider.ts";
import { AnswerStream } from "../../../../../src/providers/transport/answer-stream.ts";
import { eventStream } from "../../../../../src/providers/transport/event-stream.ts";
import {
  ask,
  callsIn,
  foldEvents,
  generate,
  KINDS,
  setUp,
  textIn,
  visible,
} from "../../../../contract/provider-suite.ts";

const MODEL = "claude-opus-5";
const ASKED = { provider: "p", model: MODEL };

/** Reads events as a stream. */
function streamed(...events: object[]): ModelResult & { events: ModelEvent[] } {
  const told: ModelEvent[] = [];
  const stream = openStream(told);
  for (const event of events) feed(stream, event);
  return { ...stream.finish(), events: told };
}

function openStream(told: ModelEvent[]): AnswerStream {
  return new AnswerStream(new MessagesAnswer(ASKED), eventStream, (some) => told.push(...some));
}

function feed(stream: AnswerStream, event: object): boolean {
  return stream.feed(Buffer.from(`data: ${JSON.stringify(event)}\n\n`));
}

/** Reads an answer in one piece. */
function whole(body: JsonObject): ModelResult {
  const answer = new MessagesAnswer(ASKED);
  answer.readWhole(body);
  return answer.finish();
}

function stop(reason: string, more: object = {}): object {
  return { type: "message_delta", delta: { stop_reason: reason, ...more } };
}

function begin(index: number, block: object): object {
  return { type: "content_block_start", index, content_block: block };
}

function delta(index: number, change: object): object {
  return { type: "content_block_delta", index, delta: change };
}

function text(index: number, words: string): object {
  return delta(index, { type: "text_delta", text: words });
}

describe("blocks", () => {
  test("text that a citation splits into blocks is one message", () => {
    const content = [
      { type: "text", text: "The sky " },
      { type: "text", text: "is blue", citations: [{}] },
      { type: "text", text: "." },
    ];
    expect(textIn(whole({ content, stop_reason: "end_turn" }).items)).toBe("The sky is blue.");
    const { items } = streamed(...content.map((block, n) => begin(n, block)), stop("end_turn"));
    expect(items).toHaveLength(1);
    expect(textIn(items)).toBe("The sky is blue.");
  });

  test("text before and after a call becomes two messages", () => {
    const content = [
      { type: "text", text: "a" },
      { type: "tool_use", id: "1", name: "now", input: {} },
      { type: "text", text: "b" },
    ];
    const { items } = whole({ content, stop_reason: "tool_use" });
    expect(items.map((item) => item.type)).toEqual(["message", "function_call", "message"]);
  });

  test("thinking keeps its signature, whether it comes in pieces or at once", () => {
    const expected = {
      type: "reasoning",
      summary: [{ type: "summary_text", text: "Hm." }],
      maker: { protocol: "anthropic-messages", model: MODEL, signature: "abcd" },
    };
    const thinking = { type: "thinking", thinking: "Hm.", signature: "abcd" };
    expect(whole({ content: [thinking], stop_reason: "end_turn" }).items).toEqual([expected]);
    const { items, events } = streamed(
      begin(0, { type: "thinking", thinking: "", signature: "" }),
      delta(0, { type: "thinking_delta", thinking: "Hm." }),
      delta(0, { type: "signature_delta", signature: "ab" }),
      delta(0, { type: "signature_delta", signature: "cd" }),
      stop("end_turn"),
    );
    expect(items).toEqual([expected]);
    expect(foldEvents(events)).toEqual(visible(items));
  });

  test("hidden and redacted thinking is kept for the model that made it", () => {
    const content = [
      { type: "thinking", thinking: "", signature: "sig" },
      { type: "redacted_thinking", data: "xyz" },
    ];
    const { items } = whole({ content, stop_reason: "end_turn" });
    expect(items).toMatchObject([
      { type: "reasoning", summary: [], maker: { signature: "sig" } },
      { type: "reasoning", summary: [], maker: { encrypted_content: "xyz" } },
    ]);
  });

  test("blocks blocks of types that are never requested are ignored", () => {
    const { items } = streamed(
      begin(0, { type: "server_tool_use", id: "s", name: "web_search", input: {} }),
      delta(0, { type: "input_json_delta", partial_json: "{}" }),
      begin(1, { type: "text", text: "" }),
      delta(1, { type: "citations_delta", citation: {} }),
      text(1, "ok"),
      { type: "content_block_stop", index: 1 },
      stop("end_turn"),
    );
    expect(items).toHaveLength(1);
    expect(textIn(items)).toBe("ok");
  });

  test("text of a block that never began is not lost", () => {
    expect(textIn(streamed(text(0, "a"), text(0, "b"), stop("end_turn")).items)).toBe("ab");
  });

  test("arguments that come with a block are used when no deltas come", () => {
    const block = { type: "tool_use", id: "1", name: "add", input: { a: 1 } };
    expect(callsIn(streamed(begin(0, block), stop("tool_use")).items)).toEqual([
      { name: "add", arguments: '{"a":1}' },
    ]);
    const pieces = delta(0, { type: "input_json_delta", partial_json: '{"a":2}' });
    expect(callsIn(streamed(begin(0, block), pieces, stop("tool_use")).items)[0]?.arguments).toBe('{"a":2}');
  });
});

describe("the end of an answer", () => {
  test.each([
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["model_context_window_exceeded", "length"],
    ["pause_turn", "length"],
    ["refusal", "content_filter"],
  ])("the stop reason %s becomes %s", (reason, finish) => {
    expect(streamed(text(0, "x"), stop(reason)).finish).toBe(finish);
    expect(whole({ content: [], stop_reason: reason }).finish).toBe(finish);
  });

  test("a refusal carries the service's explanation", () => {
    const stop_details = { type: "refusal", category: "cyber", explanation: "Not this." };
    const { items, events } = streamed(text(0, "Well"), stop("refusal", { stop_details }));
    expect(textIn(items)).toBe("Well");
    expect(textIn(items, "refusal")).toBe("Not this.");
    expect(foldEvents(events)).toEqual(items);
    const alone = whole({ content: [], stop_reason: "refusal", stop_details });
    expect(textIn(alone.items, "refusal")).toBe("Not this.");
  });

  test("a stream with an end mark but without a stop reason ended early", () => {
    const stream = openStream([]);
    expect(feed(stream, { type: "message_stop" })).toBe(true);
    expect(() => stream.finish()).toThrow("ended early");
  });

  test("the usage of the start and of the end are merged, cached input included", () => {
    const start = {
      input_tokens: 10,
      cache_read_input_tokens: 80,
      cache_creation_input_tokens: 5,
      output_tokens: 1,
    };
    const end = { output_tokens: 42, input_tokens: null, output_tokens_details: { thinking_tokens: 30 } };
    const { usage } = streamed(
      { type: "message_start", message: { usage: start } },
      { ...stop("end_turn"), usage: end },
    );
    expect(usage).toEqual({ inputTokens: 95, outputTokens: 42, cachedTokens: 80, reasoningTokens: 30 });
  });
});

test("a long answer that is not requested as a stream is streamed from the upstream without events", async () => {
  await using all = await setUp(KINDS[1]!, [{ text: "long", toolCalls: [{ name: "now" }] }]);
  const { result, events } = await generate(all.provider, ask({ stream: false, settings: {} }));
  expect(all.upstream.requests[0]?.stream).toBe(true);
  expect(textIn(result.items)).toBe("long");
  expect(events).toEqual([]);
});
