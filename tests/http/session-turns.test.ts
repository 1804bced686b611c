import { describe, expect, test, vi } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { openStream } from "../helpers/live-stream.ts";
import { cost, fail, finish, hold, say } from "../helpers/scripted-provider.ts";
import { heard, user } from "../helpers/session-app.ts";
import { brief, openSessions, sessionEvents } from "../helpers/sessions-app.ts";

describe("a turn of a session", () => {
  test("a turn of a session is answered with what it said, its run, its cost and its model", async () => {
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

  test("a turn of a session is a run: read, followed and stopped by its id, and goes on when nobody waits for it", async () => {
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
    const second = await openStream(`${origin}/api/sessions/s/chat/stream`, { message: "Again." });
    const [, live] = await second.sees(/"run_id":"(run_\w+)"/);
    await second.sees(/event: assistant\.delta/);
    await ask(`/v1/runs/${live}/stop`, { method: "POST" });
    const events = sessionEvents(await second.ended);
    expect(events.at(-2)).toMatchObject({ event: "run.cancelled", interrupted: true, completed: false });
  });

  test("a turn of a session waits for the one before it, and reads what that one said", async () => {
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

  test("a turn of a session says the same words twice when a client does, and does not take a history twice elsewhere", async () => {
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

  test("a turn of a session is said again after one that failed, as its client shows it", async () => {
    const { at, create, chat, provider } = await openSessions([fail("auth"), say("Four.")]);
    await create({ id: "s" });
    expect((await at("/s/chat", { body: { message: "2 + 2?" } })).status).toBe(502);
    await chat("s", "2 + 2?");
    expect(heard(provider, 2)).toEqual(["user: 2 + 2?", "user: 2 + 2?"]);
  });

  test("a turn of a session begins a session where a response ended, when a run asks for that", async () => {
    const { ask, chat, messages, provider } = await openSessions((_request, n) => say(`${n}!`));
    const { id } = (await ask("/v1/responses", { body: { input: "1?" } })).json();
    const body = { input: "2?", session_id: "s", previous_response_id: id };
    const { run_id: run } = (await ask("/v1/runs", { body })).json<{ run_id: string }>();
    await vi.waitFor(async () => expect((await ask(`/v1/runs/${run}`)).json().status).toBe("completed"));
    await chat("s", "3?");
    expect(heard(provider, 3)).toEqual([
      "user: 1?",
      "assistant: 1!",
      "user: 2?",
      "assistant: 2!",
      "user: 3?",
    ]);
    expect(brief(await messages("s"))).toEqual([...heard(provider, 3), "assistant: 3!"]);
  });

  test("a turn of a session is one when it is asked for twice with one key", async () => {
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

  test("a turn of a session takes images and files as elsewhere", async () => {
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

  test("a turn of a session takes files beside it, under the names that interfaces have for them", async () => {
    const { at, create, provider } = await openSessions([say("Seen.")]);
    await create({ id: "s" });
    const code = Buffer.from("The code is 7431.").toString("base64");
    const attachments = [
      { name: "a.txt", contentType: "text/plain", content: code },
      { fileName: "b.txt", base64: code, size: 17, type: "file" },
      { name: "c.png", mimeType: "image/png", dataUrl: "data:image/png;base64,AA==" },
    ];
    expect((await at("/s/chat", { body: { message: "Look.", attachments } })).status).toBe(200);
    const read = JSON.stringify(provider.requests[0]?.items);
    expect(read).toMatch(/Look\..*a\.txt.*7431.*b\.txt.*7431.*image\/png/);
    const empty = await at("/s/chat", { body: { message: "Look.", attachments: [{ name: "a" }] } });
    expect([empty.status, empty.json().error.param]).toEqual([400, "attachments[0]"]);
    const broken = await at("/s/chat", { body: { message: "x", attachments: [{ content: "%" }] } });
    expect([broken.status, broken.json().error.param]).toEqual([400, "attachments[0].file_data"]);
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
  ])("a turn of a session is refused %j, streamed or not, and nothing is said", async (body, code, param) => {
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

  test("a turn of a session that fails is answered with the failure, and what was cut off is told", async () => {
    const { at, create } = await openSessions([fail("auth"), [...say("So m"), ...finish("length")]]);
    await create({ id: "s" });
    const failed = await at("/s/chat", { body: { message: "Hello?" } });
    expect([failed.status, failed.json().error.code]).toEqual([502, "upstream_auth_failed"]);
    const cut = await at("/s/chat", { body: { message: "More?" } });
    expect(cut.json()).toMatchObject({ completed: false, partial: true, turn_exit_reason: "length" });
  });
});
