import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { fail, hold, say } from "../helpers/scripted-provider.ts";

const capped = (max: number) => ({ config: { gateway: { api_server: { max_concurrent_runs: max } } } });

describe("more runs than may go on at once", () => {
  test.each([
    [false],
    [true],
  ])("more runs than may go on at once are refused with a time to come back (streamed: %s)", async (stream) => {
    const gate = createGate();
    const { chat } = await openChat([[...hold(gate), ...say("One.")], say("Two.")], capped(1));
    const first = chat({ stream });
    await gate.reached();
    const refused = await chat({ stream });
    expect(refused.status).toBe(429);
    expect(refused.json().error).toEqual({
      message: expect.stringContaining("Too many concurrent runs (max 1"),
      type: "rate_limit_error",
      param: null,
      code: "rate_limit_exceeded",
    });
    expect(refused.headers).toMatchObject({ "retry-after": "1", "retry-after-ms": "1000" });
    gate.open();
    expect((await first).status).toBe(200);
    expect((await chat({ stream })).status).toBe(200);
  });

  test("more runs than may go on at once do not keep other requests out", async () => {
    const gate = createGate();
    const { chat, ask } = await openChat([[...hold(gate), ...say("One.")]], capped(1));
    const first = chat();
    await gate.reached();
    expect((await ask("/v1/models")).status).toBe(200);
    expect((await ask("/ready")).status).toBe(200);
    gate.open();
    await first;
  });

  test("more runs than may go on at once are no more after failures, refusals and clients that left", async () => {
    const gate = createGate();
    const { chat, talk, listen, running } = await openChat(
      [fail("bad_request"), fail(new Error("a fault of ours")), hold(gate), say("Fine.")],
      { ...capped(1), faultsExpected: true },
    );
    expect((await chat()).status).toBe(400);
    expect((await chat()).status).toBe(500);
    expect((await chat({ provider: "nobody" })).status).toBe(400);
    const orphan = { role: "tool", tool_call_id: "call_x", content: "?" };
    expect((await chat({ messages: [...HELLO, orphan] })).status).toBe(400);
    await listen();
    const raw = await talk({ messages: HELLO });
    await gate.reached();
    raw.destroy();
    await running(0);
    expect((await chat()).status).toBe(200);
  });

  test("more runs than may go on at once are as many as there come, where there is no limit", async () => {
    const gate = createGate();
    const { chat, running } = await openChat(() => [...hold(gate), ...say("Hi.")], capped(0));
    const all = Array.from({ length: 100 }, () => chat());
    await running(100);
    gate.open();
    expect((await Promise.all(all)).every(({ status }) => status === 200)).toBe(true);
  });
});

test("a run that takes too long ends with a 504, and frees its model", async () => {
  const { chat, provider } = await openChat([hold(createGate())], {
    config: { agent: { max_run_seconds: 0.05 } },
  });
  const answer = await chat();
  expect([answer.status, answer.json().error.code]).toEqual([504, "run_timeout"]);
  expect(provider.aborts).toHaveLength(1);
});
