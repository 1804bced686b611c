import type OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { type ItemBody, textMessage } from "../../../../../src/domain/item.ts";
import type { ModelSettings } from "../../../../../src/domain/run.ts";
import { createEncoder } from "../../../../../src/providers/protocols/chat-completions/request.ts";
import type { ModelRequest } from "../../../../../src/providers/provider.ts";
import { ask } from "../../../../contract/provider-suite.ts";

function body(request: Partial<ModelRequest>, openai = false): OpenAI.ChatCompletionCreateParams {
  const encode = createEncoder(openai ? "https://api.openai.com/v1" : "http://127.0.0.1:9/v1");
  return JSON.parse(encode(ask({ settings: {}, stream: false, model: "m", ...request })).body);
}

function reasoning(text: string, maker = { protocol: "chat-completions", model: "m" }): ItemBody {
  return { type: "reasoning", summary: [{ type: "summary_text", text }], maker };
}

const CALL: ItemBody = {
  type: "function_call",
  call_id: "1",
  name: "now",
  arguments: "{}",
  executor: "server",
};
const RESULT: ItemBody = {
  type: "function_call_output",
  call_id: "1",
  name: "now",
  output: "noon",
  executor: "server",
};

/** The reasoning that each assistant message carries. */
function thoughts(items: readonly ItemBody[]): unknown[] {
  return body({ items }).messages.flatMap((message) =>
    message.role === "assistant" ? [(message as { reasoning_content?: string }).reasoning_content] : [],
  );
}

const FOR_OPENAI = {
  serviceTier: "flex",
  verbosity: "low",
  safetyIdentifier: "u",
  promptCacheKey: "k",
} as const;

describe("reasoning", () => {
  const question = textMessage("user", "When?");

  test("reasoning is sent back with the calls of the current turn only", () => {
    expect(
      thoughts([question, reasoning("old"), CALL, RESULT, question, reasoning("new"), CALL, RESULT]),
    ).toEqual([undefined, "new"]);
  });

  test("reasoning without calls is not sent back", () => {
    expect(thoughts([question, reasoning("x"), textMessage("assistant", "Noon.")])).toEqual([undefined]);
  });

  test("reasoning of another model or protocol is not sent back", () => {
    const others = [
      reasoning("a", { protocol: "chat-completions", model: "other" }),
      reasoning("b", { protocol: "anthropic-messages", model: "m" }),
    ];
    expect(thoughts([question, ...others, CALL, RESULT])).toEqual([undefined]);
  });

  test("reasoning alone makes no message", () => {
    expect(body({ items: [question, reasoning("x"), question] }).messages).toHaveLength(2);
  });
});

describe("messages", () => {
  test("an empty assistant message is kept, because some chat templates demand alternating roles", () => {
    const items = [textMessage("user", "a"), textMessage("assistant", ""), textMessage("user", "b")];
    expect(body({ items }).messages.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  test("a compaction becomes user text, and a developer message a system message", () => {
    const items: ItemBody[] = [
      { type: "compaction", encrypted_content: "They met." },
      textMessage("developer", "Be brief."),
    ];
    expect(body({ items }).messages).toEqual([
      { role: "user", content: "Summary of the conversation so far:\nThey met." },
      { role: "system", content: "Be brief." },
    ]);
  });

  test.each([
    ["", undefined, []],
    ["Core.", undefined, [{ role: "system", content: "Core." }]],
    ["", "More.", [{ role: "system", content: "More." }]],
    ['C"\n', '\\"', [{ role: "system", content: 'C"\n\n\n\\"' }]],
  ])("the core prompt %j and the instructions %j become at most one system message", (core, instructions, expected) => {
    expect(body({ core, instructions, items: [] }).messages).toEqual(expected);
  });
});

describe("settings", () => {
  test.each<[ModelSettings, object]>([
    [{}, {}],
    [
      { topP: 0.5, presencePenalty: 1, frequencyPenalty: -1, seed: 7 },
      { top_p: 0.5, presence_penalty: 1, frequency_penalty: -1, seed: 7 },
    ],
    [{ reasoningEffort: "low" }, { reasoning_effort: "low" }],
    [{ maxOutputTokens: 5, ...FOR_OPENAI }, { max_tokens: 5 }],
    [{ parallelToolCalls: false }, {}],
  ])("the settings %j are sent as %j", (settings, expected) => {
    const { model: _, messages: __, ...rest } = body({ settings });
    expect(rest).toEqual(expected);
  });

  test("OpenAI itself gets the newer name of the output limit and its own settings", () => {
    const {
      model: _,
      messages: __,
      ...rest
    } = body({ settings: { maxOutputTokens: 5, ...FOR_OPENAI } }, true);
    expect(rest).toEqual({
      max_completion_tokens: 5,
      service_tier: "flex",
      verbosity: "low",
      safety_identifier: "u",
      prompt_cache_key: "k",
    });
  });
});

test.each([
  ['{"a":1}', '{"a":1}'],
  ["", "{}"],
  ['{"path": "no', "{}"],
  ["[1]", "{}"],
])("a call with the arguments %j is sent back with %j, because strict servers refuse anything but an object", (given, sent) => {
  const items: ItemBody[] = [textMessage("user", "a"), { ...CALL, arguments: given } as ItemBody, RESULT];
  const [, assistant] = body({ items }).messages;
  expect(assistant).toMatchObject({ tool_calls: [{ function: { name: "now", arguments: sent } }] });
});
