import { describe, expect, test } from "vitest";
import type { JsonObject } from "../../../../../src/lib/json.ts";
import { ChatAnswer } from "../../../../../src/providers/protocols/chat-completions/answer.ts";
import type { ModelEvent, ModelResult } from "../../../../../src/providers/provider.ts";
import { AnswerStream } from "../../../../../src/providers/transport/answer-stream.ts";
import { eventStream } from "../../../../../src/providers/transport/event-stream.ts";
import { callsIn, foldEvents, reasoningIn, textIn } from "../../../../contract/provider-suite.ts";

const ASKED = { provider: "p", model: "m" };

/** Reads deltas as a stream and checks that its events add up. */
function streamed(...deltas: object[]): ModelResult {
  const told: ModelEvent[] = [];
  const stream = new AnswerStream(new ChatAnswer(ASKED), eventStream, (some) => told.push(...some));
  for (const delta of deltas) feed(stream, { choices: [{ delta }] });
  feed(stream, { choices: [{ delta: {}, finish_reason: "stop" }] });
  const result = stream.finish();
  expect(foldEvents(told)).toEqual(result.items);
  return result;
}

function feed(stream: AnswerStream, chunk: object): void {
  stream.feed(Buffer.from(`data: ${JSON.stringify(chunk)}\n\n`));
}

function whole(message: JsonObject): ModelResult {
  const answer = new ChatAnswer(ASKED);
  answer.readWhole({ choices: [{ message, finish_reason: "stop" }] });
  return answer.finish();
}

function piece(fields: JsonObject, fn?: JsonObject): JsonObject {
  return { tool_calls: [{ ...fields, ...(fn !== undefined && { function: fn }) }] };
}

describe("calls as servers send them", () => {
  test("call arguments that are null at first do not become an object", () => {
    const { items } = streamed(
      piece({ index: 0, id: "a" }, { name: "add", arguments: null }),
      piece({ index: 0 }, { arguments: '{"a":1}' }),
    );
    expect(callsIn(items)).toEqual([{ name: "add", arguments: '{"a":1}' }]);
  });

  test("call arguments may be an object instead of text", () => {
    const call = { id: "a", function: { name: "add", arguments: { a: 1 } } };
    expect(callsIn(whole({ tool_calls: [call] }).items)).toEqual([{ name: "add", arguments: '{"a":1}' }]);
    expect(callsIn(streamed({ tool_calls: [{ ...call, index: 0 }] }).items)).toEqual([
      { name: "add", arguments: '{"a":1}' },
    ]);
  });

  test("a call whose name comes late is reported when the name is known", () => {
    const { items } = streamed(
      piece({ index: 0, id: "a" }, { arguments: '{"a"' }),
      piece({ index: 0 }, { name: "add" }),
      piece({ index: 0 }, { arguments: ":1}" }),
    );
    expect(callsIn(items)).toEqual([{ name: "add", arguments: '{"a":1}' }]);
  });

  test("a call that never gets a name is reported at the end", () => {
    const { items } = streamed(piece({ index: 0, id: "a" }, { arguments: "{}" }));
    expect(callsIn(items)).toEqual([{ name: "", arguments: "{}" }]);
  });

  test("parallel calls that all have index 0 are separated by their ids", () => {
    const { items } = streamed(
      piece({ index: 0, id: "a" }, { name: "add", arguments: '{"a":1}' }),
      piece({ index: 0, id: "b" }, { name: "add", arguments: '{"a":2}' }),
    );
    expect(callsIn(items).map((call) => call.arguments)).toEqual(['{"a":1}', '{"a":2}']);
  });

  test("without ids, a name after complete arguments begins another call", () => {
    const { items } = streamed(
      piece({ index: 0 }, { name: "add", arguments: '{"a":1}' }),
      piece({ index: 0 }, { name: "now", arguments: "{}" }),
    );
    expect(callsIn(items)).toEqual([
      { name: "add", arguments: '{"a":1}' },
      { name: "now", arguments: "{}" },
    ]);
  });

  test("an id and a name that repeat in every delta begin no new call", () => {
    const { items } = streamed(
      piece({ index: 0, id: "a" }, { name: "add", arguments: '{"a"' }),
      piece({ index: 0, id: "a" }, { name: "add", arguments: ":1}" }),
    );
    expect(callsIn(items)).toEqual([{ name: "add", arguments: '{"a":1}' }]);
  });

  test("a delta without an index belongs to the call of its id, or to the latest call", () => {
    const { items } = streamed(
      piece({ id: "a" }, { name: "add", arguments: '{"a"' }),
      piece({ id: "b" }, { name: "now" }),
      piece({ id: "a" }, { arguments: ":1" }),
      piece({}, { arguments: "}" }),
    );
    expect(callsIn(items)).toEqual([
      { name: "add", arguments: '{"a":1}' },
      { name: "now", arguments: "{}" },
    ]);
  });

  test("whole calls without ids are separate calls", () => {
    const call = { type: "function", function: { name: "now", arguments: "{}" } };
    expect(callsIn(whole({ tool_calls: [call, call] }).items)).toHaveLength(2);
  });

  test("an answer with calls finishes with tool_calls, whatever reason the server gives", () => {
    expect(streamed(piece({ index: 0, id: "a" }, { name: "now", arguments: "{}" })).finish).toBe(
      "tool_calls",
    );
  });
});

describe("text and reasoning as servers send them", () => {
  test.each([
    [{ reasoning_content: "a" }, "a"],
    [{ reasoning: "b" }, "b"],
    [{ reasoning_content: "", reasoning: "c" }, "c"],
    [{ reasoning_content: null, reasoning: null }, ""],
    [{ content: [{ type: "thinking", thinking: [{ type: "text", text: "d" }] }] }, "d"],
  ])("the message %j has the reasoning %j", (message, expected) => {
    expect(reasoningIn(whole(message).items)).toBe(expected);
    expect(reasoningIn(streamed(message).items)).toBe(expected);
  });

  test("content may be a list of parts instead of text", () => {
    const content = [{ type: "text", text: "a" }, { type: "text", text: "b" }, { type: "image" }, 7];
    expect(textIn(whole({ content }).items)).toBe("ab");
    expect(textIn(streamed({ content }).items)).toBe("ab");
  });

  test("text and refusal become one message, streamed or not", () => {
    const message = { content: "a", refusal: "b" };
    expect(whole(message).items).toEqual(streamed(message).items);
    expect(whole(message).items).toHaveLength(1);
  });

  test("reasoning that continues after text stays one reasoning item", () => {
    const { items } = streamed({ reasoning: "a" }, { content: "x" }, { reasoning: "b" });
    expect(items.map((item) => item.type)).toEqual(["reasoning", "message"]);
    expect(reasoningIn(items)).toBe("ab");
  });
});

test("of several usage objects the last one counts", () => {
  const answer = new ChatAnswer(ASKED);
  for (const prompt_tokens of [1, 2, 3]) answer.readMessage({ usage: { prompt_tokens } });
  answer.readMessage({ usage: null, choices: [{ delta: {}, finish_reason: "stop" }] });
  expect(answer.finish().usage.inputTokens).toBe(3);
});
