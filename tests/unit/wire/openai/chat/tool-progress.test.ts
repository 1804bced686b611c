import { describe, expect, it } from "vitest";
import { progressFor } from "../../../../../src/wire/openai/chat/tool-progress.ts";
import type { Headers } from "../../../../../src/wire/shared/client.ts";
import { refusalOf } from "../../../../helpers/chat.ts";

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
  ])("how tool progress shows with %j it is %s", (headers, expected) => {
    expect(progressFor(headers, config)).toBe(expected);
  });

  it("how tool progress shows is the configured way for clients that are not recognised", () => {
    expect(progressFor({}, { progress: "off", events: true })).toBe("off");
    expect(progressFor({ "x-openwebui-chat-id": "c" }, { progress: "off", events: true })).toBe("openwebui");
  });

  it("how tool progress shows is none where named events are switched off, unless a client asks for them", () => {
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
