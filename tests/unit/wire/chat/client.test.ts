import { describe, expect, it } from "vitest";
import {
  detectClient,
  disconnectCancels,
  type Headers,
  isBackground,
  progressFor,
  sessionKey,
} from "../../../../src/wire/chat/client.ts";
import { HELLO, parseChat, refusalOf } from "../../../helpers/chat.ts";

describe("which frontend calls", () => {
  it.each<[string, Headers, string]>([
    ["a session header is a hermes client's", { "x-hermes-session-id": "s" }, "hermes"],
    ["forwarded user headers are Open WebUI's", { "x-openwebui-user-id": "u" }, "openwebui"],
    ["so is its chat header", { "x-openwebui-chat-id": "c" }, "openwebui"],
    [
      "a hermes client behind Open WebUI is a hermes client",
      { "x-openwebui-chat-id": "c", "x-hermes-session-id": "s" },
      "hermes",
    ],
    ["NextChat's server names its framework", { "user-agent": "Next.js Middleware" }, "nextchat"],
    ["an SDK is nobody special", { "user-agent": "OpenAI/JS 6.49.0", "x-stainless-lang": "js" }, "other"],
    ["nobody says nothing", {}, "other"],
  ])("%s", (_name, headers, client) => {
    expect(detectClient(headers)).toBe(client);
  });
});

describe("how tool progress shows", () => {
  const config = { progress: "fields", events: true } as const;

  it.each<[Headers, string]>([
    [{}, "fields"],
    [{ "x-hermes-session-id": "s" }, "events"],
    [{ "x-openwebui-chat-id": "c" }, "openwebui"],
    [{ "x-hermes-tool-progress": "off", "x-openwebui-chat-id": "c" }, "off"],
    [{ "x-hermes-tool-progress": "EVENTS" }, "events"],
    [{ "x-hermes-tool-progress": "fields", "x-hermes-session-id": "s" }, "fields"],
    [{ "x-hermes-tool-progress": "" }, "fields"],
    [{ "x-hermes-tool-progress": ["openwebui", "off"] }, "openwebui"],
  ])("with %j it is %s", (headers, expected) => {
    expect(progressFor(headers, config)).toBe(expected);
  });

  it("is the configured way for clients that are not recognised", () => {
    expect(progressFor({}, { progress: "off", events: true })).toBe("off");
    expect(progressFor({ "x-openwebui-chat-id": "c" }, { progress: "off", events: true })).toBe("openwebui");
  });

  it("is none where named events are switched off, unless a client asks for them", () => {
    const strict = { progress: "events", events: false } as const;
    expect(progressFor({ "x-hermes-session-id": "s" }, strict)).toBe("off");
    expect(progressFor({}, strict)).toBe("off");
    expect(progressFor({ "x-hermes-tool-progress": "events" }, strict)).toBe("events");
  });

  it("an unknown way is refused, with those that exist", () => {
    const { status, param, message } = refusalOf(() =>
      progressFor({ "x-hermes-tool-progress": "loud" }, config),
    );
    expect([status, param]).toEqual([400, "X-Hermes-Tool-Progress"]);
    expect(message).toContain("fields, events, openwebui, off");
  });
});

describe("headers", () => {
  it("a memory scope is taken as it is, up to 256 characters", () => {
    expect(sessionKey({})).toBeUndefined();
    expect(sessionKey({ "x-hermes-session-key": "ada:work" })).toBe("ada:work");
    expect(sessionKey({ "x-hermes-session-key": "k".repeat(256) })).toHaveLength(256);
    const long = refusalOf(() => sessionKey({ "x-hermes-session-key": "k".repeat(257) }));
    expect([long.status, long.message]).toEqual([400, "Session key too long"]);
  });

  it.each(["a\nb", "a\r", "\u0000", "a\u007fb", "\tb"])("a memory scope %j is refused", (key) => {
    expect(refusalOf(() => sessionKey({ "x-hermes-session-key": key })).message).toBe("Invalid session key");
  });

  it("a disconnect does what the header says, else what is configured", () => {
    const asked = (value: string) => ({ "x-hermes-disconnect": value });
    expect(disconnectCancels({}, "cancel")).toBe(true);
    expect(disconnectCancels({}, "continue")).toBe(false);
    expect(disconnectCancels(asked("continue"), "cancel")).toBe(false);
    expect(disconnectCancels(asked("Cancel"), "continue")).toBe(true);
    expect(refusalOf(() => disconnectCancels(asked("maybe"), "cancel")).param).toBe("X-Hermes-Disconnect");
  });
});

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
