import { describe, expect, test } from "vitest";
import { type ItemBody, textMessage } from "../../../../../src/domain/item.ts";
import { toImageBlock } from "../../../../../src/providers/protocols/anthropic-messages/image.ts";
import { toMessages } from "../../../../../src/providers/protocols/anthropic-messages/messages.ts";

const MODEL = "claude-opus-5";

function call(callId: string, name = "add", json = "{}"): ItemBody {
  return { type: "function_call", call_id: callId, name, arguments: json, executor: "server" };
}

function output(callId: string, text: string): ItemBody {
  return { type: "function_call_output", call_id: callId, name: "add", output: text, executor: "server" };
}

function thought(
  text: string,
  maker: Partial<{ protocol: string; model: string; signature: string; encrypted_content: string }>,
): ItemBody {
  return {
    type: "reasoning",
    summary: text === "" ? [] : [{ type: "summary_text", text }],
    maker: { protocol: "anthropic-messages", model: MODEL, ...maker },
  };
}

/** Messages in short: the role, and each block's type with its text. */
function short(items: readonly ItemBody[]): string[] {
  return toMessages(items, MODEL).map(({ role, content }) => {
    const blocks =
      typeof content === "string"
        ? [content]
        : content.map((block) => ("text" in block ? block.text : block.type));
    return `${role}: ${blocks.join(" | ")}`;
  });
}

describe("turns", () => {
  test("neighbouring messages of one role become one message", () => {
    expect(
      short([
        textMessage("user", "a"),
        textMessage("user", "b"),
        textMessage("assistant", "c"),
        textMessage("assistant", "d"),
        textMessage("user", "e"),
      ]),
    ).toEqual(["user: a | b", "assistant: c | d", "user: e"]);
  });

  test("a transcript that begins or ends with the assistant gets user messages around it", () => {
    expect(short([textMessage("assistant", "Hi, how can I help?")])).toEqual([
      "user: (The conversation begins with your own words.)",
      "assistant: Hi, how can I help?",
      "user: (Go on.)",
    ]);
  });

  test("blank text is left out, and a message with nothing else, too", () => {
    expect(
      short([textMessage("user", "a"), textMessage("assistant", " \n"), textMessage("user", "b")]),
    ).toEqual(["user: a | b"]);
  });

  test.each([
    [[]],
    [[textMessage("user", "  ")]],
  ])("an empty conversation becomes one placeholder", (items) => {
    expect(short(items)).toEqual(["user: (An empty message.)"]);
  });

  test("system and developer messages become user text in system tags", () => {
    expect(
      short([
        textMessage("user", "a"),
        textMessage("system", "Be brief."),
        textMessage("developer", "Be kind."),
      ]),
    ).toEqual(["user: a | <system>\nBe brief.\n</system> | <system>\nBe kind.\n</system>"]);
  });

  test("a compaction becomes user text", () => {
    expect(
      short([{ type: "compaction", encrypted_content: "They met." }, textMessage("user", "And then?")]),
    ).toEqual(["user: Summary of the conversation so far:\nThey met. | And then?"]);
  });

  test("an earlier refusal becomes text, and an assistant's image is left out", () => {
    const said: ItemBody = {
      type: "message",
      role: "assistant",
      content: [
        { type: "refusal", refusal: "No." },
        { type: "input_image", image_url: "https://example.com/x.png" },
      ],
    };
    expect(short([textMessage("user", "a"), said, textMessage("user", "b")])[1]).toBe("assistant: No.");
  });
});

describe("calls and results", () => {
  test("tool results come first in their message, whatever came before them", () => {
    const items = [
      textMessage("user", "a"),
      call("1"),
      call("2"),
      output("1", "x"),
      textMessage("user", "b"),
      output("2", "y"),
    ];
    expect(short(items)).toEqual([
      "user: a",
      "assistant: tool_use | tool_use",
      "user: tool_result | tool_result | b",
    ]);
  });

  test("an empty tool result has no content", () => {
    const [, , results] = toMessages([textMessage("user", "a"), call("1"), output("1", "")], MODEL);
    expect(results?.content).toEqual([{ type: "tool_result", tool_use_id: "1" }]);
  });

  test.each([
    ['{"a":1}', { a: 1 }],
    ["", {}],
    ["{oops", {}],
    ["[1]", {}],
    ['"text"', {}],
  ])("the call arguments %j are sent as the object %j", (json, input) => {
    const [, assistant] = toMessages(
      [textMessage("user", "a"), call("1", "add", json), output("1", "x")],
      MODEL,
    );
    expect(assistant?.content).toEqual([{ type: "tool_use", id: "1", name: "add", input }]);
  });

  function ids(items: readonly ItemBody[]): string[] {
    return toMessages(items, MODEL).flatMap(({ content }) =>
      (content as { id?: string; tool_use_id?: string }[]).flatMap(
        (block) => block.id ?? block.tool_use_id ?? [],
      ),
    );
  }

  test("call ids that the service refuses are replaced, each time by the same id", () => {
    const items = ["call:1", "functions.add:0", "", "ü".repeat(9), "x".repeat(100)].flatMap((id) => [
      call(id),
      output(id, "r"),
    ]);
    const seen = ids(items);
    expect(seen).toEqual(ids(items));
    for (const id of seen) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
    expect(new Set(seen).size).toBe(5);
    for (let n = 0; n < seen.length; n += 2) expect(seen[n]).toBe(seen[n + 1]);
  });

  test("call ids that repeat in later turns become unique, and results keep their calls", () => {
    const turn = [call("call_0"), output("call_0", "r"), textMessage("user", "again")];
    expect(ids([...turn, ...turn, ...turn])).toEqual([
      "call_0",
      "call_0",
      "call_0_2",
      "call_0_2",
      "call_0_3",
      "call_0_3",
    ]);
  });
});

describe("thinking", () => {
  function blocks(...thoughts: ItemBody[]): unknown {
    const items = [textMessage("user", "a"), ...thoughts, call("1"), output("1", "x")];
    return toMessages(items, MODEL)[1]?.content;
  }
  const USE = { type: "tool_use", id: "1", name: "add", input: {} };

  test("thinking is sent back unchanged before the call of its message", () => {
    expect(blocks(thought("Hm.\n", { signature: "sig==" }))).toEqual([
      { type: "thinking", thinking: "Hm.\n", signature: "sig==" },
      USE,
    ]);
  });

  test("hidden thinking is sent back with its signature", () => {
    expect(blocks(thought("", { signature: "sig" }))).toEqual([
      { type: "thinking", thinking: "", signature: "sig" },
      USE,
    ]);
  });

  test("redacted thinking is sent back as it came", () => {
    expect(blocks(thought("", { encrypted_content: "xyz" }))).toEqual([
      { type: "redacted_thinking", data: "xyz" },
      USE,
    ]);
  });

  test.each([
    ["without a signature", thought("Hm.", {})],
    ["of another model", thought("Hm.", { signature: "s", model: "claude-opus-4-8" })],
    ["of another protocol", thought("Hm.", { signature: "s", protocol: "chat-completions" })],
    ["without a maker", { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] } as ItemBody],
  ])("thinking %s is not sent back", (_, item) => {
    expect(blocks(item)).toEqual([USE]);
  });

  test("thinking keeps its place between calls", () => {
    const items = [
      textMessage("user", "a"),
      thought("1", { signature: "s1" }),
      call("1"),
      thought("2", { signature: "s2" }),
      call("2"),
      output("1", "x"),
      output("2", "y"),
    ];
    expect(short(items)[1]).toBe("assistant: thinking | tool_use | thinking | tool_use");
  });

  test("thinking with nothing after it is left out, because no message may end with it", () => {
    expect(
      short([textMessage("user", "a"), thought("1", { signature: "s" }), textMessage("user", "b")]),
    ).toEqual(["user: a | b"]);
  });
});

describe("images", () => {
  test.each([
    ["data:image/png;base64,AAAA", { type: "base64", media_type: "image/png", data: "AAAA" }],
    ["data:image/jpg;base64,AAAA", { type: "base64", media_type: "image/jpeg", data: "AAAA" }],
    ["DATA:Image/WEBP;charset=x;BASE64,AAAA", { type: "base64", media_type: "image/webp", data: "AAAA" }],
    ["data:image/gif,GIF%20", { type: "base64", media_type: "image/gif", data: "R0lGIA==" }],
    ["data:image/gif,100%", { type: "base64", media_type: "image/gif", data: "MTAwJQ==" }],
    ["https://example.com/a.png?x=1,2", { type: "url", url: "https://example.com/a.png?x=1,2" }],
    ["data:image/png;base64", { type: "url", url: "data:image/png;base64" }],
  ])("the image %s becomes the source %j", (url, source) => {
    expect(toImageBlock(url)).toEqual({ type: "image", source });
  });
});
