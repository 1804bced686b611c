import { describe, expect, it } from "vitest";
import {
  detectClient,
  disconnectCancels,
  type Headers,
  sessionKey,
} from "../../../../src/wire/shared/client.ts";
import { refusalOf } from "../../../helpers/chat.ts";

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
