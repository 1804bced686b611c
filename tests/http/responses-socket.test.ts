import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { call, fail, hold, say } from "../helpers/scripted-provider.ts";
import { openSockets as open } from "../helpers/socket-app.ts";

const WEATHER = { type: "function", name: "get_weather", parameters: { type: "object", properties: {} } };

describe("a WebSocket at /v1/responses", () => {
  test("answers each message with the events of the stream, one JSON text each, one response after the other", async () => {
    const { connect } = await open([say("One."), say("Two.")]);
    const socket = await connect();
    for (const text of ["One.", "Two."]) {
      socket.send({ type: "response.create", input: "Count." });
      const events = await socket.answer();
      expect(events.map(({ type }) => type)).toEqual([
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
      ]);
      expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, index) => index));
      expect(JSON.stringify(events.at(-1)?.response?.output)).toContain(text);
    }
  });

  test("messages that come meanwhile wait for their turn; too many are refused", async () => {
    const gate = createGate();
    const { connect, provider } = await open([
      [...hold(gate), ...say("0")],
      ...Array.from({ length: 16 }, (_, n) => say(`${n + 1}`)),
    ]);
    const socket = await connect();
    for (let n = 0; n < 18; n++) socket.send({ type: "response.create", input: `Question ${n}.` });
    await gate.reached();
    let message = await socket.next();
    while (message.type !== "error") message = await socket.next();
    expect(message).toMatchObject({ status: 429, error: { code: "rate_limit_exceeded" } });
    expect(provider.requests).toHaveLength(1);
    gate.open();
    for (let n = 0; n < 17; n++) {
      const last = (await socket.answer()).at(-1);
      expect(JSON.stringify(last?.response?.output)).toContain(`"text":"${n}"`);
    }
  });

  test("a response that was not stored is gone on from on its socket, and on no other", async () => {
    const { connect, ask } = await open([say("Hello Ann."), say("Ann."), say("Ann, again."), say("Who?")]);
    const socket = await connect();
    const first = await socket.create({ input: "I am Ann.", store: false });
    const id = first.response?.id ?? "";
    const other = await connect();
    const missing = {
      status: 400,
      error: { code: "previous_response_not_found", param: "previous_response_id" },
    };
    expect(await other.create({ input: "Who am I?", previous_response_id: id })).toMatchObject(missing);
    expect((await ask(`/v1/responses/${id}`)).status).toBe(404);
    const second = await socket.create({ input: "Who am I?", previous_response_id: id, store: false });
    expect(second.response).toMatchObject({ status: "completed", previous_response_id: id });
    const third = await socket.create({
      input: "Sure?",
      previous_response_id: second.response?.id,
      store: false,
    });
    expect(third.response?.status).toBe("completed");
    // Only the last one is remembered.
    expect(await socket.create({ input: "Who?", previous_response_id: id })).toMatchObject(missing);
    expect((await other.create({ input: "A clean start." })).response?.status).toBe("completed");
  });

  test("the model reads the whole conversation of a socket, tool calls and stored beginnings included", async () => {
    const { connect, provider } = await open([
      say("Stored."),
      [...say("Let me ask."), ...call("get_weather", { city: "Oslo" })],
      say("Rain."),
      say("Yes."),
    ]);
    const socket = await connect();
    const first = await socket.create({ input: "Begin." });
    const second = await socket.create({
      input: "Weather?",
      previous_response_id: first.response?.id,
      store: false,
      tools: [WEATHER],
    });
    const calls = second.response?.output.filter(({ type }) => type === "function_call") ?? [];
    const third = await socket.create({
      input: [{ type: "function_call_output", call_id: calls[0]?.["call_id"], output: "rain" }],
      previous_response_id: second.response?.id,
      store: false,
    });
    const fourth = await socket.create({ input: "Sure?", previous_response_id: third.response?.id });
    expect(fourth.response?.status).toBe("completed");
    expect(provider.requests[3]?.items.map((item) => item.type)).toEqual([
      "message",
      "message",
      "message",
      "message",
      "function_call",
      "function_call_output",
      "message",
      "message",
    ]);
  });

  test("what is stored of an unstored conversation is whole: it can be gone on from anywhere", async () => {
    const { connect, ask, provider } = await open([say("Hello Ann."), say("Ann."), say("Ann.")]);
    const socket = await connect();
    const first = await socket.create({ input: "I am Ann.", store: false });
    const second = await socket.create({ input: "Who am I?", previous_response_id: first.response?.id });
    const third = await ask("/v1/responses", {
      body: { input: "Sure?", previous_response_id: second.response?.id },
    });
    expect(third.status).toBe(200);
    expect(JSON.stringify(provider.requests[2]?.items)).toContain("I am Ann.");
  });

  test("a turn that fails takes the unstored response that it went on from with it", async () => {
    const { connect } = await open([say("One."), say("Two."), say("Three.")]);
    const socket = await connect();
    const first = await socket.create({ input: "One?", store: false });
    const previous = { previous_response_id: first.response?.id, store: false };
    const orphan = { type: "function_call_output", call_id: "call_unknown", output: "x" };
    expect(await socket.create({ input: [orphan], ...previous })).toMatchObject({
      status: 400,
      error: { code: "unknown_tool_call", param: "input" },
    });
    expect(await socket.create({ input: "Again?", ...previous })).toMatchObject({
      status: 400,
      error: { code: "previous_response_not_found" },
    });
    // A stored one is not lost.
    const stored = await socket.create({ input: "Stored?" });
    await socket.create({ input: [orphan], previous_response_id: stored.response?.id });
    const again = await socket.create({ input: "Again?", previous_response_id: stored.response?.id });
    expect(again.response?.status).toBe("completed");
  });

  test("what was said in a conversation is gone on from there only", async () => {
    const { connect, ask } = await open([say("Hello Ann."), say("Hm.")]);
    const { id } = (await ask("/v1/conversations", { body: {} })).json();
    const socket = await connect();
    const first = await socket.create({ input: "I am Ann.", conversation: id, store: false });
    expect(first.response?.status).toBe("completed");
    const missing = { status: 400, error: { code: "previous_response_not_found" } };
    expect(await socket.create({ input: "x", previous_response_id: first.response?.id })).toMatchObject(
      missing,
    );
    const second = await socket.create({ input: "Hello?", store: false });
    const both = { input: "x", conversation: id, previous_response_id: second.response?.id };
    expect(await socket.create(both)).toMatchObject({ status: 400, error: { param: "conversation" } });
  });

  test("what is no request is told so, by name, and the socket stays open", async () => {
    const { connect } = await open([say("Still here.")]);
    const socket = await connect();
    const deep = `{"type":"response.create","input":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
    const refused: [sent: string | Buffer, error: object][] = [
      ["", { code: "invalid_json" }],
      ["{", { code: "invalid_json" }],
      ['{"type":"response.create","input":"x","__proto__":{}}', { code: "invalid_json" }],
      [Buffer.from('{"type":"response.create","input":"x"}'), { code: "invalid_json" }],
      ["[]", { code: "invalid_value" }],
      ["null", { type: "invalid_request_error" }],
      ["{}", { code: "missing_required_parameter", param: "type" }],
      ['{"type":"response.cancel"}', { param: "type" }],
      ['{"type":"response.create"}', { code: "missing_required_parameter", param: "input" }],
      ['{"type":"response.create","input":"x","background":true}', { param: "background" }],
      ['{"type":"response.create","input":"x","generate":false}', { param: "generate" }],
      [
        '{"type":"response.create","input":"x","stream_id":"a"}',
        { code: "unsupported_parameter", param: "stream_id" },
      ],
      ['{"type":"response.create","input":"x","temperature":9}', { param: "temperature" }],
      [deep, { type: "invalid_request_error" }],
    ];
    for (const [sent, error] of refused) {
      socket.send(sent);
      expect(await socket.next()).toMatchObject({ type: "error", status: 400, error });
    }
    const { response } = await socket.create({ input: "Hello?", stream: false });
    expect(response?.status).toBe("completed");
  });

  test("a run that fails ends in response.failed, and the next is answered", async () => {
    const { connect } = await open([fail("bad_request"), say("Fine.")]);
    const socket = await connect();
    const failed = await socket.create({ input: "Fail." });
    expect(failed).toMatchObject({ type: "response.failed", response: { status: "failed" } });
    expect((await socket.create({ input: "And now?" })).type).toBe("response.completed");
  });

  test("a message that is too large closes the socket by the protocol's number", async () => {
    const { connect } = await open([]);
    const socket = await connect();
    socket.send("x".repeat(10_000_001));
    expect(await socket.closed).toMatchObject({ code: 1009 });
  });

  test("a message that holds more than anybody sends is refused before it is read, and the socket stays open", async () => {
    const { connect } = await open([say("Hi.")]);
    const socket = await connect();
    for (const value of [`[${"0,".repeat(100_000)}0]`, "[".repeat(129) + "]".repeat(129)]) {
      socket.send(`{"type":"response.create","input":"Hello?","unknown":${value}}`);
      const [answer] = await socket.answer();
      expect(answer).toMatchObject({ type: "error", status: 400, error: { code: "body_too_complex" } });
    }
    expect((await socket.create({ input: "Hello?" })).type).toBe("response.completed");
  });

  test("closing the socket cancels the run, unless the handshake says otherwise", async () => {
    const [never, gate] = [createGate(), createGate()];
    const { connect, running, ask } = await open([[...hold(never)], [...hold(gate), ...say("Done.")]]);
    const leaving = await connect();
    leaving.send({ type: "response.create", input: "Wait." });
    await never.reached();
    leaving.raw.terminate();
    await running(0);
    const staying = await connect({ "x-hermes-disconnect": "continue" });
    staying.send({ type: "response.create", input: "Wait." });
    const { response } = await staying.next();
    await gate.reached();
    staying.raw.close();
    await staying.closed;
    gate.open();
    await running(0);
    const read = await ask(`/v1/responses/${response?.id}`);
    expect(read.json().status).toBe("completed");
  });
});
