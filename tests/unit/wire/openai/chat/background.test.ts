import { describe, expect, it } from "vitest";
import { isBackground } from "../../../../../src/wire/openai/chat/background.ts";
import type { Headers } from "../../../../../src/wire/shared/client.ts";
import { HELLO, parseChat } from "../../../../helpers/chat.ts";

const user = (content: string) => ({ role: "user", content });
const NEXTCHAT_TITLE =
  "Please generate a four to five word title summarizing our conversation without any lead-in, punctuation, quotation marks, periods, symbols, bold text, or additional text.";
const NEXTCHAT_MEMORY =
  "Summarize the discussion briefly in 200 words or less to use as a prompt for future context.";
const OPENWEBUI_TASK = "### Task:\nGenerate a concise title.\n<chat_history>\nUSER: hi\n</chat_history>";

function isOwn(body: object, headers: Headers = {}, smallToo = false): boolean {
  return isBackground(headers, parseChat({ messages: HELLO, ...body }), smallToo);
}

describe("calls that frontends make for themselves", () => {
  const tasks =
    "title_generation follow_up_generation tags_generation emoji_generation query_generation image_prompt_generation autocomplete_generation function_calling moa_response_generation";
  it.each(tasks.split(" "))("Open WebUI says so by its header: %s", (task) => {
    expect(isOwn({ stream: true }, { "x-openwebui-task": task })).toBe(true);
  });

  it.each<[string, object]>([
    ["Open WebUI without the header", { stream: false, messages: [user(OPENWEBUI_TASK)] }],
    ["NextChat's title", { stream: false, messages: [...HELLO, user(NEXTCHAT_TITLE)] }],
    [
      "NextChat's memory",
      { stream: true, messages: [...HELLO, { role: "system", content: NEXTCHAT_MEMORY }] },
    ],
    [
      "LibreChat's title",
      { messages: [user("Provide a concise, 5-word-or-less title for the conversation, using title case.")] },
    ],
    [
      "LibreChat's title with a schema",
      { messages: [user("Analyze this conversation and provide:\n1. The detected language\n2. A title")] },
    ],
    [
      "ChatBox' name",
      {
        messages: [
          user(
            "Based on the chat history, give this conversation a name.\nKeep it short.\nOnly give the name, nothing else.",
          ),
        ],
      },
    ],
    ["the probe of hermes-workspace", { model: "test", messages: [user("hi")], max_tokens: 1 }],
    [
      "a title whose content is in parts",
      { messages: [...HELLO, { role: "user", content: [{ type: "text", text: NEXTCHAT_TITLE }] }] },
    ],
  ])("%s is recognised", (_name, body) => {
    expect(isOwn(body)).toBe(true);
  });

  it.each<[string, object]>([
    ["an ordinary question", {}],
    ["Open WebUI's words in a stream", { stream: true, messages: [user(OPENWEBUI_TASK)] }],
    ["Open WebUI's words after a conversation", { messages: [...HELLO, user(OPENWEBUI_TASK)] }],
    ["a task without a history", { messages: [user("### Task:\nFix the build.")] }],
    ["NextChat's words in a stream", { stream: true, messages: [user(NEXTCHAT_TITLE)] }],
    ["NextChat's title that is only quoted", { messages: [user(`What does "${NEXTCHAT_TITLE}" do?`)] }],
    ["NextChat's memory from a user", { messages: [user(NEXTCHAT_MEMORY)] }],
    ["a title that was asked for earlier", { messages: [user(NEXTCHAT_TITLE), ...HELLO] }],
    [
      "half of ChatBox' words",
      { messages: [user("Based on the chat history, give this conversation a name.")] },
    ],
    ["hi to a model of another name", { messages: [user("hi")], max_tokens: 1 }],
    ["hi with room for an answer", { model: "test", messages: [user("hi")] }],
    ["few tokens, which are nothing special by default", { max_tokens: 5 }],
  ])("%s is a person's", (_name, body) => {
    expect(isOwn(body)).toBe(false);
  });

  it("an empty task header is none", () => {
    expect(isOwn({}, { "x-openwebui-task": "" })).toBe(false);
  });

  it("a request with room for 8 tokens is one only where that is configured", () => {
    expect(isOwn({ max_tokens: 8 }, {}, true)).toBe(true);
    expect(isOwn({ max_completion_tokens: 8, max_tokens: 100 }, {}, true)).toBe(true);
    expect(isOwn({ max_tokens: 9 }, {}, true)).toBe(false);
    expect(isOwn({}, {}, true)).toBe(false);
  });
});
