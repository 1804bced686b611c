import { expect, test } from "vitest";
import { ask, foldEvents, generate } from "../../contract/provider-suite.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import {
  type Answer,
  call,
  cost,
  fail,
  finish,
  hold,
  refuse,
  retry,
  say,
  scriptedProvider,
  think,
} from "../../helpers/scripted-provider.ts";

const MIXED: Answer = [
  ...retry("again"),
  ...think("h", "m"),
  ...say("Hel", "lo"),
  ...refuse("No."),
  ...call("now", { zone: "UTC" }),
  ...cost({ inputTokens: 7, outputTokens: 3 }),
];

test("what streams adds up to the result", async () => {
  const { result, events, reads } = await generate(scriptedProvider([MIXED]));
  expect(foldEvents(events)).toEqual(result.items);
  expect(result.items).toEqual([
    { type: "reasoning", summary: [{ type: "summary_text", text: "hm" }] },
    {
      type: "message",
      role: "assistant",
      content: [
        { type: "output_text", text: "Hello" },
        { type: "refusal", refusal: "No." },
      ],
    },
    { type: "function_call", name: "now", arguments: '{"zone":"UTC"}' },
  ]);
  expect(result).toMatchObject({ finish: "tool_calls", usage: { inputTokens: 7, outputTokens: 3 } });
  expect(reads).toHaveLength(11);
});

test("without a stream there is only the result", async () => {
  const { result, events } = await generate(scriptedProvider([MIXED]), ask({ stream: false }));
  expect(events).toEqual([]);
  expect(result.items).toHaveLength(3);
});

test("each call takes the next answer, and what was asked is kept", async () => {
  const provider = scriptedProvider([say("a"), [...say("b"), ...finish("length")]]);
  await generate(provider, ask({ model: "one" }));
  const { result } = await generate(provider, ask({ model: "two" }));
  expect(result.finish).toBe("length");
  expect(provider.requests.map(({ model }) => model)).toEqual(["one", "two"]);
  await expect(generate(provider)).rejects.toThrow("no answer 3");
});

test("an answer fails where it says so", async () => {
  const events: unknown[] = [];
  const provider = scriptedProvider([[...say("a"), ...fail("overloaded")], fail(new TypeError("bug"))]);
  const first = provider.generate(ask(), (some) => events.push(...some), new AbortController().signal);
  await expect(first).rejects.toMatchObject({ kind: "overloaded", retryable: true });
  expect(events).toHaveLength(2);
  await expect(generate(provider)).rejects.toThrow(TypeError);
  expect(provider.aborts).toEqual([]);
});

test("an answer stays at its gate until it opens", async () => {
  const gate = createGate();
  const outcome = generate(scriptedProvider([[...hold(gate), ...say("late")]]));
  await gate.reached();
  gate.open();
  expect((await outcome).result.items).toHaveLength(1);
});

test("a call that is aborted at its gate ends with the reason, which is kept", async () => {
  const gate = createGate();
  const abort = new AbortController();
  const provider = scriptedProvider([[...say("a"), ...hold(gate)]]);
  const outcome = generate(provider, ask(), abort.signal);
  await gate.reached();
  abort.abort("enough");
  await expect(outcome).rejects.toBe("enough");
  expect(provider.aborts).toEqual(["enough"]);
});
