import { describe, expect, test, vi } from "vitest";
import { createGate } from "../helpers/fake-upstream/gate.ts";
import { openRaw, rawRequest } from "../helpers/raw-socket.ts";
import { call, hold, say } from "../helpers/scripted-provider.ts";
import { activeRuns, CHAT, heard, openSession, SESSION, user, WEATHER } from "../helpers/session-app.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

describe("a session whose run was cut", () => {
  /** Says something in a session and leaves as soon as this has come. */
  async function cut(
    opened: Awaited<ReturnType<typeof openSession>>,
    content: string,
    when: string,
    more: object = {},
  ) {
    const origin = await opened.listen();
    const raw = await openRaw(origin);
    const body = JSON.stringify({ messages: [user(content)], stream: true, ...more });
    const head = {
      ...SESSION,
      authorization: `Bearer ${TEST_KEY}`,
      "content-type": "application/json",
      "content-length": String(body.length),
    };
    raw.send(rawRequest(`POST ${CHAT} HTTP/1.1`, head, body));
    await raw.until(when);
    raw.destroy();
    await vi.waitFor(async () => expect(await activeRuns(opened.app.http)).toBe(0), { interval: 5 });
  }

  test("keeps what was said until then", async () => {
    const opened = await openSession([[...say("One", " two"), ...hold(createGate())], say("Yes.")]);
    await cut(opened, "Count!", " two");
    await opened.turn([user("Go on!")]);
    expect(heard(opened.provider, 2)).toEqual(["user: Count!", "assistant: One two", "user: Go on!"]);
  });

  test("does not wait for a call that its client never had whole", async () => {
    const half = [
      { do: "call", name: "weather", arguments: "{}", deltas: ['{"ci'] },
      ...hold(createGate()),
    ] as const;
    const opened = await openSession([half, say("Yes."), say("Still.")]);
    await cut(opened, "Weather?", "weather", { tools: [WEATHER] });
    expect((await opened.turn([user("Hello?")])).status).toBe(200);
    expect((await opened.turn([user("Still there?")])).status).toBe(200);
  });

  test("does not wait for a whole call of a run that never came to its end", async () => {
    const gate = createGate();
    const opened = await openSession([
      [...call("weather", { city: "Oslo" }), ...call("terminal", { command: "sleep 1000" })],
      say("Yes."),
      say("Still."),
    ]);
    gate.open();
    await cut(opened, "Weather?", "running", { tools: [WEATHER] });
    expect((await opened.turn([user("Hello?")])).status).toBe(200);
    expect((await opened.turn([user("Still there?")])).status).toBe(200);
    expect(heard(opened.provider, 3).filter((line) => line.startsWith("user"))).toHaveLength(3);
  });

  test("goes on after a request that did not fit it", async () => {
    const { turn, provider } = await openSession([say("Hi Ann."), say("Ann.")]);
    await turn([user("I am Ann.")]);
    expect((await turn([{ role: "tool", tool_call_id: "call_x", content: "?" }])).status).toBe(400);
    await turn([user("Who am I?")]);
    expect(heard(provider, 2)).toEqual(["user: I am Ann.", "assistant: Hi Ann.", "user: Who am I?"]);
  });
});
