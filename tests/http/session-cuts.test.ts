import { describe, expect, test, vi } from "vitest";
import type { Session } from "../../src/domain/session.ts";
import { createGate } from "../fake-upstream/gate.ts";
import { call, hold, type Play, say } from "../helpers/scripted-provider.ts";
import { heard, openSession, openStore, SESSION, user, WEATHER } from "../helpers/session-app.ts";

describe("a busy session", () => {
  /** A session whose first run waits at the gate, and a client that waits for its turn. */
  async function busy(play: Play) {
    const gate = createGate();
    const store = await openStore();
    const opened = await openSession(
      (request, n) => (n === 1 ? [...say("One"), ...hold(gate), ...say(".")] : pick(play, request, n)),
      {
        store,
        config: { gateway: { api_server: { keepalive_seconds: 0.02 } } },
      },
    );
    await opened.listen();
    const first = opened.turn([user("First?")]);
    await gate.reached();
    const head = async () => ((await store.sessions.find("s-1", "owner")) as Session | undefined)?.headRun;
    await vi.waitFor(async () => expect(await head()).toBeDefined(), { interval: 5 });
    const wait = (stream: boolean) => opened.talk({ messages: [user("Second?")], stream }, SESSION);
    return { ...opened, gate, first, wait };
  }

  const pick = (
    play: Play,
    request: Parameters<Extract<Play, (...all: never[]) => unknown>>[0],
    n: number,
  ) => (typeof play === "function" ? play(request, n) : (play[n - 2] ?? []));

  test("a busy session lets a stream wait its turn, with keepalives, and answers it after the first", async () => {
    const { gate, first, wait, provider } = await busy([say("Two.")]);
    const waiting = await wait(true);
    await waiting.until(/(: keepalive\s.*){3}/s);
    expect(provider.requests).toHaveLength(1);
    gate.open();
    expect((await first).json().choices[0]?.message.content).toBe("One.");
    const bytes = await waiting.until("[DONE]");
    expect(bytes).toContain('"content":"Two."');
    expect(heard(provider, 2)).toEqual(["user: First?", "assistant: One.", "user: Second?"]);
  });

  test.each([
    [true],
    [false],
  ])("a busy session loses nothing when who waits goes away (streamed: %s)", async (stream) => {
    const { running, gate, first, wait, turn, provider } = await busy([say("Three.")]);
    const waiting = await wait(stream);
    await running(2);
    waiting.destroy();
    await running(1);
    gate.open();
    await first;
    await turn([user("Third?")]);
    expect(heard(provider, 2)).toEqual(["user: First?", "assistant: One.", "user: Third?"]);
  });

  test("a busy session takes no more than 32 who wait, and loses nothing by refusing", async () => {
    const { gate, first, turn, provider, running } = await busy(() => say("Later."));
    const waiting = Array.from({ length: 32 }, (_, n) => turn([user(`Wait ${n}`)]));
    await running(33);
    const refused = await turn([user("Too many?")]);
    expect([refused.status, refused.json().error.code]).toEqual([429, "rate_limit_exceeded"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
    gate.open();
    await first;
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(32).fill(200));
    expect(heard(provider, 33)).toHaveLength(32 * 2 + 1);
    expect(heard(provider, 33)).not.toContain("user: Too many?");
  });
});

describe("a session whose run was cut", () => {
  /** Says something in a session and leaves as soon as this has come. */
  async function cut(
    opened: Awaited<ReturnType<typeof openSession>>,
    content: string,
    when: string,
    more: object = {},
  ) {
    await opened.listen();
    const raw = await opened.talk({ messages: [user(content)], stream: true, ...more }, SESSION);
    await raw.until(when);
    raw.destroy();
    await opened.running(0);
  }

  test("a session whose run was cut keeps what was said until then", async () => {
    const opened = await openSession([[...say("One", " two"), ...hold(createGate())], say("Yes.")]);
    await cut(opened, "Count!", " two");
    await opened.turn([user("Go on!")]);
    expect(heard(opened.provider, 2)).toEqual(["user: Count!", "assistant: One two", "user: Go on!"]);
  });

  test("a session whose run was cut does not wait for a call that its client never had whole", async () => {
    const half = [
      { do: "call", name: "weather", arguments: "{}", deltas: ['{"ci'] },
      ...hold(createGate()),
    ] as const;
    const opened = await openSession([half, say("Yes."), say("Still.")]);
    await cut(opened, "Weather?", "weather", { tools: [WEATHER] });
    expect((await opened.turn([user("Hello?")])).status).toBe(200);
    expect((await opened.turn([user("Still there?")])).status).toBe(200);
  });

  test("a session whose run was cut does not wait for a whole call of a run that never came to its end", async () => {
    const opened = await openSession([
      [...call("weather", { city: "Oslo" }), ...call("terminal", { command: "sleep 1000" })],
      say("Yes."),
      say("Still."),
    ]);
    await cut(opened, "Weather?", "running", { tools: [WEATHER] });
    expect((await opened.turn([user("Hello?")])).status).toBe(200);
    expect((await opened.turn([user("Still there?")])).status).toBe(200);
    expect(heard(opened.provider, 3).filter((line) => line.startsWith("user"))).toHaveLength(3);
  });

  test("a session whose run was cut goes on after a request that did not fit it", async () => {
    const { turn, provider } = await openSession([say("Hi Ann."), say("Ann.")]);
    await turn([user("I am Ann.")]);
    expect((await turn([{ role: "tool", tool_call_id: "call_x", content: "?" }])).status).toBe(400);
    await turn([user("Who am I?")]);
    expect(heard(provider, 2)).toEqual(["user: I am Ann.", "assistant: Hi Ann.", "user: Who am I?"]);
  });
});
