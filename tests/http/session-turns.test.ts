import { describe, expect, test, vi } from "vitest";
import { createGate } from "../helpers/fake-upstream/gate.ts";
import { openStream } from "../helpers/live-stream.ts";
import { LOOK } from "../helpers/runs-app.ts";
import { call, cost, fail, finish, hold, say, think } from "../helpers/scripted-provider.ts";
import { heard, user } from "../helpers/session-app.ts";
import { brief, openSessions, sessionEvents } from "../helpers/sessions-app.ts";

describe("a turn of a session", () => {
  test("is answered with what it said, its run, its cost and its model", async () => {
    const { at, create, provider } = await openSessions([
      [...say("Hi."), ...cost({ inputTokens: 7, outputTokens: 2 })],
    ]);
    await create({ id: "s" });
    const answer = await at("/s/chat", { body: { message: "Hello?", instructions: "In verse." } });
    expect(answer.headers["x-hermes-session-id"]).toBe("s");
    expect(answer.json()).toEqual({
      object: "hermes.session.chat.completion",
      session_id: "s",
      run_id: answer.headers["x-hermes-run-id"],
      message: { role: "assistant", content: "Hi." },
      usage: {
        input_tokens: 7,
        output_tokens: 2,
        total_tokens: 9,
        cache_read_tokens: 0,
        reasoning_tokens: 0,
      },
      completed: true,
      partial: false,
      interrupted: false,
      turn_exit_reason: "stop",
      runtime: { provider: "scripted", model: "demo", route_source: "default" },
    });
    expect(provider.requests[0]).toMatchObject({ instructions: "In verse." });
  });

  test("is a run: read, followed and stopped by its id, and goes on when nobody waits for it", async () => {
    const gate = createGate();
    const { ask, create, messages, listen } = await openSessions([
      [...say("One "), ...hold(gate), ...say("two.")],
      [...say("Never "), ...hold(createGate())],
    ]);
    await create({ id: "s" });
    const origin = await listen();
    const stream = await openStream(`${origin}/api/sessions/s/chat/stream`, { message: "Count." });
    const [, run] = await stream.sees(/"run_id":"(run_\w+)"/);
    await gate.reached();
    stream.leave();
    gate.open();
    await vi.waitFor(async () => {
      expect((await ask(`/v1/runs/${run}`)).json()).toMatchObject({
        status: "completed",
        output: "One two.",
      });
    });
    expect(brief(await messages("s"))).toEqual(["user: Count.", "assistant: One two."]);
    const second = ask("/api/sessions/s/chat/stream", { body: { message: "Again." } });
    const live = await vi.waitFor(async () => {
      const { data } = (await ask("/v1/runs?session=s")).json<{
        data: { run_id: string; status: string }[];
      }>();
      expect(data[0]?.status).toBe("running");
      return data[0]?.run_id;
    });
    await ask(`/v1/runs/${live}/stop`, { method: "POST" });
    const events = sessionEvents((await second).text);
    expect(events.at(-2)).toMatchObject({ event: "run.cancelled", interrupted: true, completed: false });
  });

  test("waits for the one before it, and reads what that one said", async () => {
    const gate = createGate();
    const { create, chat, provider } = await openSessions([[...hold(gate), ...say("1!")], say("2!")]);
    await create({ id: "s" });
    const first = chat("s", "1?");
    await gate.reached();
    const second = chat("s", "2?");
    gate.open();
    await first;
    await second;
    expect(heard(provider, 2)).toEqual(["user: 1?", "assistant: 1!", "user: 2?"]);
  });

  test("says the same words twice when a client does, and does not take a history twice elsewhere", async () => {
    const { ask, create, chat, provider } = await openSessions(() => say("Yes."));
    await create({ id: "s" });
    await chat("s", "Sure?");
    await chat("s", "Sure?");
    expect(heard(provider, 2)).toEqual(["user: Sure?", "assistant: Yes.", "user: Sure?"]);
    const history = [user("Sure?"), { role: "assistant", content: "Yes." }];
    const whole = [...history, ...history, user("Really?")];
    await ask("/v1/chat/completions", { body: { messages: whole }, headers: { "x-hermes-session-id": "s" } });
    expect(heard(provider, 3)).toEqual([...heard(provider, 2), "assistant: Yes.", "user: Really?"]);
  });

  test("is said again after one that failed, as its client shows it", async () => {
    const { at, create, chat, provider } = await openSessions([fail("auth"), say("Four.")]);
    await create({ id: "s" });
    expect((await at("/s/chat", { body: { message: "2 + 2?" } })).status).toBe(502);
    await chat("s", "2 + 2?");
    expect(heard(provider, 2)).toEqual(["user: 2 + 2?", "user: 2 + 2?"]);
  });

  test("is one when it is asked for twice with one key", async () => {
    const { at, create, messages } = await openSessions([say("Once.")]);
    await create({ id: "s" });
    const request = { body: { message: "Hello?" }, headers: { "idempotency-key": "k" } };
    const first = await at("/s/chat", request);
    const second = await at("/s/chat", request);
    expect(second.headers["idempotency-replayed"]).toBe("true");
    expect(second.json()).toEqual(first.json());
    expect(await messages("s")).toHaveLength(2);
    const other = await at("/s/chat", { ...request, body: { message: "Other?" } });
    expect(other.json().error.code).toBe("idempotency_key_conflict");
  });

  test("takes images and files as elsewhere", async () => {
    const { at, create, provider } = await openSessions([say("Seen.")]);
    await create({ id: "s" });
    const file = Buffer.from("The code is 7431.").toString("base64");
    const message = [
      { type: "text", text: "Look." },
      { type: "input_image", image_url: "data:image/png;base64,AA==" },
      { type: "input_file", filename: "notes.txt", file_data: `data:text/plain;base64,${file}` },
    ];
    expect((await at("/s/chat", { body: { input: message } })).status).toBe(200);
    expect(JSON.stringify(provider.requests[0]?.items)).toMatch(/image\/png.*7431/);
  });

  test.each([
    [{}, "missing_message", "message"],
    [{ message: "" }, "missing_message", "message"],
    [{ message: [] }, "missing_message", "message"],
    [{ message: 7 }, "invalid_value", "message"],
    [{ message: "x", system_message: {} }, "invalid_system_message", "system_message"],
    [{ message: "x", model: {} }, "invalid_value", "model"],
    [{ message: "x", provider: "nobody" }, "provider_not_found", "provider"],
    [{ message: "x", require_model_lock: true }, "missing_model", "model"],
    [{ message: [{ type: "input_file", file_data: "%%%" }] }, expect.any(String), "message[0].file_data"],
    ["{", "invalid_json", null],
  ])("is refused %j, streamed or not, and nothing is said", async (body, code, param) => {
    const { at, create, messages, provider } = await openSessions([]);
    await create({ id: "s" });
    for (const path of ["/s/chat", "/s/chat/stream"]) {
      const answer = await at(path, { body });
      expect([answer.status, answer.json().error.code, answer.json().error.param]).toEqual([
        400,
        code,
        param,
      ]);
    }
    expect(provider.requests).toEqual([]);
    expect(await messages("s")).toEqual([]);
  });

  test("that fails is answered with the failure, and what was cut off is told", async () => {
    const { at, create } = await openSessions([fail("auth"), [...say("So m"), ...finish("length")]]);
    await create({ id: "s" });
    const failed = await at("/s/chat", { body: { message: "Hello?" } });
    expect([failed.status, failed.json().error.code]).toEqual([502, "upstream_auth_failed"]);
    const cut = await at("/s/chat", { body: { message: "More?" } });
    expect(cut.json()).toMatchObject({ completed: false, partial: true, turn_exit_reason: "length" });
  });
});

describe("the stream of a turn", () => {
  const stream = async (play: Parameters<typeof openSessions>[0], more: object = {}) => {
    const opened = await openSessions(play);
    await opened.create({ id: "s" });
    const answer = await opened.at("/s/chat/stream", { body: { message: "What is the code?", ...more } });
    expect(answer.headers["content-type"]).toBe("text/event-stream; charset=utf-8");
    return { ...opened, answer, events: sessionEvents(answer.text) };
  };

  test("tells what is said, thought and done, then what came of it, and that it is done", async () => {
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
      ["reasoning.delta", "Let me look."],
      ["assistant.delta", "I will "],
      ["assistant.delta", "read."],
      ["tool.started", "read_file"],
      ["tool.completed", "read_file"],
      ["reasoning.delta", expect.stringContaining("Hm.")],
      ["assistant.delta", "\n\nIt is 7431."],
    ]);
    const tool = {
      message_id,
      tool_name: "read_file",
      args: { path: "notes.txt" },
      preview: expect.any(String),
    };
    expect(events.filter(({ event }) => event.startsWith("tool."))).toMatchObject([tool, tool]);
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

  test("has frames that are read line by line, each of data with a space before it", async () => {
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
      "done",
    ]);
    expect(events.at(-2)).toMatchObject({ completed: false, partial: true, error: expect.any(String) });
  });

  test("that comes to nothing is one error, then done", async () => {
    const { events } = await stream([fail("auth")]);
    expect(events.slice(-2)).toMatchObject([
      { event: "error", message: expect.stringContaining("credentials"), code: "upstream_auth_failed" },
      { event: "done" },
    ]);
    expect(events.some(({ event }) => event.startsWith("run.") && event !== "run.started")).toBe(false);
  });

  test("asks the person who reads it, who answers by the run's id", async () => {
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
