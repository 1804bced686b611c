import { describe, expect, test } from "vitest";
import { openChat } from "../helpers/chat-app.ts";
import { type Chunk, chunksOf, contentOf, framesOf } from "../helpers/frames.ts";
import { call, type Play, retry, say } from "../helpers/scripted-provider.ts";

const READ = call("read_file", { path: "a.txt" });

describe("progress of the server's tools", () => {
  const play: Play = [[...retry("Trying again."), ...READ], say("Seven.")];

  test.each([
    [{}, "fields"],
    [{ "x-hermes-tool-progress": "fields" }, "fields"],
    [{ "x-hermes-tool-progress": "Events" }, "events"],
    [{ "x-hermes-session-id": "s-1" }, "events"],
    [{ "x-hermes-session-id": "s-1", "x-hermes-tool-progress": "off" }, "off"],
    [{ "x-openwebui-chat-id": "c-1" }, "openwebui"],
    [{ "x-hermes-tool-progress": "off" }, "off"],
  ])("%j shows it as %s, never as calls or as text", async (headers, form) => {
    const { chat } = await openChat(play);
    const { text } = await chat({ stream: true }, headers);
    const chunks = chunksOf(text);
    expect(contentOf(text)).toBe("Seven.");
    expect(chunks.some(({ choices }) => choices[0]?.delta.tool_calls)).toBe(false);
    expect(progressOf(text)).toBe(form);
  });

  test("progress of the server's tools of a tool that fails is no error of the stream, in any form", async () => {
    for (const form of ["fields", "events", "openwebui"]) {
      const { chat } = await openChat(play);
      const { text } = await chat({ stream: true }, { "x-hermes-tool-progress": form });
      expect(text).toContain(form === "openwebui" ? '"done":true' : '"failed":true');
      expect(chunksOf(text).some((chunk) => "error" in chunk)).toBe(false);
    }
  });

  test("progress of the server's tools is not what any other word says", async () => {
    const { chat } = await openChat([]);
    const answer = await chat({}, { "x-hermes-tool-progress": "loud" });
    expect([answer.status, answer.json().error.param]).toEqual([400, "X-Hermes-Tool-Progress"]);
  });

  test("progress of the server's tools follows the configuration for clients that nobody knows", async () => {
    const { chat } = await openChat(() => say("Hi."), {
      config: { gateway: { api_server: { tool_progress: "off" } } },
    });
    expect(progressOf((await chat({ stream: true })).text)).toBe("off");
  });

  /** Which form a stream's news of tools and retries have; each must be there, and in one form only. */
  function progressOf(text: string): string {
    const forms = framesOf(text).flatMap(({ event, data }) => {
      if (event !== undefined) return [`events ${event}`];
      if (data === undefined || data === "[DONE]") return [];
      const chunk = JSON.parse(data) as Chunk & { event?: object };
      if (chunk.event !== undefined) return ["openwebui"];
      return chunk.hermes?.["type"] === undefined ? [] : [`fields ${chunk.hermes["type"]}`];
    });
    if (forms.length === 0) return "off";
    const expected = {
      fields: ["fields status", "fields tool.progress", "fields tool.progress"],
      events: ["events hermes.status", "events hermes.tool.progress", "events hermes.tool.progress"],
      openwebui: ["openwebui", "openwebui", "openwebui"],
    };
    const found = Object.entries(expected).find(([, list]) => JSON.stringify(list) === JSON.stringify(forms));
    return found?.[0] ?? JSON.stringify(forms);
  }
});
