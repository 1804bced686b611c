import { describe, expect, test, vi } from "vitest";
import { LOOK } from "../helpers/runs-app.ts";
import { call, fail, say, think } from "../helpers/scripted-provider.ts";
import { openSessions, sessionEvents } from "../helpers/sessions-app.ts";

describe("the stream of a turn", () => {
  const stream = async (play: Parameters<typeof openSessions>[0], more: object = {}) => {
    const opened = await openSessions(play);
    await opened.create({ id: "s" });
    const answer = await opened.at("/s/chat/stream", { body: { message: "What is the code?", ...more } });
    expect(answer.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    return { ...opened, answer, events: sessionEvents(answer.text) };
  };

  test("the stream of a turn shows a message whose files are read as what was read of them", async () => {
    const file = { type: "input_file", filename: "a.txt", file_data: "aGVsbG8=" };
    const look = { type: "input_text", text: "Look:" };
    const { events } = await stream([say("Hello.")], { message: [look, file] });
    const read = { type: "input_text", text: "[File: a.txt]\nhello\n[End of file]" };
    expect(events[0]?.["user_message"]).toEqual({ role: "user", content: [look, read] });
  });

  test("the stream of a turn tells what is said, thought and done, then what came of it, and that it is done", async () => {
    const { events, answer } = await stream([LOOK, [...think("Hm."), ...say("It is 7431.")]]);
    const run_id = answer.headers["x-hermes-run-id"];
    for (const event of events)
      expect(event).toMatchObject({ session_id: "s", run_id, ts: expect.any(Number) });
    const [started, begun] = events;
    expect(started).toMatchObject({
      event: "run.started",
      user_message: { role: "user", content: "What is the code?" },
      runtime: { route_source: "default" },
    });
    const { id: message_id } = begun?.["message"] as { id: string };
    expect(begun).toMatchObject({
      event: "message.started",
      message: { id: expect.stringMatching(/^msg_/), role: "assistant" },
    });
    const told = events.slice(2, -3).map(({ event, delta, tool_name }) => [event, delta ?? tool_name]);
    expect(told).toEqual([
      ["tool.progress", "Let me look."],
      ["assistant.delta", "I will "],
      ["assistant.delta", "read."],
      ["tool.started", "read_file"],
      ["tool.completed", "read_file"],
      ["tool.progress", expect.stringContaining("Hm.")],
      ["assistant.delta", "\n\nIt is 7431."],
    ]);
    const tool = {
      message_id,
      tool_name: "read_file",
      args: { path: "notes.txt" },
      preview: expect.any(String),
    };
    const thinking = events.filter(({ tool_name }) => tool_name === "_thinking");
    expect(thinking.map(({ event }) => event)).toEqual(["tool.progress", "tool.progress"]);
    expect(events.filter(({ tool_name }) => tool_name === "read_file")).toMatchObject([
      tool,
      { ...tool, result_preview: expect.stringContaining("7431"), duration: expect.any(Number) },
    ]);
    const content = "I will read.\n\nIt is 7431.";
    const outcome = { message_id, completed: true, partial: false, interrupted: false };
    expect(events.at(-3)).toMatchObject({ event: "assistant.completed", content, ...outcome });
    expect(events.at(-2)).toMatchObject({
      event: "run.completed",
      ...outcome,
      messages: [{ role: "assistant" }, { role: "tool" }, { role: "assistant", content: "It is 7431." }],
      usage: { total_tokens: 0 },
      runtime: { provider: "scripted" },
    });
  });

  test("the stream of a turn has frames that are read line by line, each of data with a space before it", async () => {
    const { answer } = await stream([say("a\u2028b\nc")]);
    for (const line of answer.text.split("\n")) expect(line).toMatch(/^(event: [\w.]+|data: \{.*\}|)$/);
    expect(answer.text).not.toContain("\u2028");
  });

  test("names a call that failed, and a failure after the first word as the run's", async () => {
    const { events } = await stream([
      [...say("Look. "), ...call("read_file", { path: "none.txt" })],
      fail("overloaded"),
    ]);
    expect(events.map(({ event }) => event)).toEqual([
      "run.started",
      "message.started",
      "assistant.delta",
      "tool.started",
      "tool.failed",
      "assistant.completed",
      "run.failed",
      "error",
      "done",
    ]);
    expect(events.at(4)).toMatchObject({ message: expect.stringContaining("none.txt") });
    expect(events.at(-3)).toMatchObject({ completed: false, partial: true, error: expect.any(String) });
  });

  test("the stream of a turn that comes to nothing is one error, then done", async () => {
    const { events } = await stream([fail("auth")]);
    expect(events.slice(-2)).toMatchObject([
      {
        event: "error",
        message: expect.stringContaining("credentials"),
        code: "upstream_auth_failed",
        error: { message: expect.stringContaining("credentials") },
      },
      { event: "done" },
    ]);
    expect(events.some(({ event }) => event.startsWith("run.") && event !== "run.started")).toBe(false);
  });

  test("the stream of a turn asks the person who reads it, who answers by the run's id", async () => {
    const opened = await openSessions([call("terminal", { command: "rm -rf ./build" }), say("Done.")]);
    await opened.create({ id: "s" });
    const answering = opened.at("/s/chat/stream", { body: { message: "Clean up." } });
    const approval = await vi.waitFor(async () => {
      const { data } = (await opened.ask("/v1/approvals")).json<{ data: { id: string; run_id: string }[] }>();
      expect(data).toHaveLength(1);
      return data[0];
    });
    const body = { choice: "deny", approval_id: approval?.id };
    expect((await opened.ask(`/v1/runs/${approval?.run_id}/approval`, { body })).status).toBe(200);
    const events = sessionEvents((await answering).text);
    expect(events.find(({ event }) => event === "approval.request")).toMatchObject({
      run_id: approval?.run_id,
      approval_id: approval?.id,
      command: expect.stringContaining("rm -rf"),
    });
    expect(events.map(({ event }) => event)).toContain("approval.responded");
  });
});
