import OpenAI from "openai";
import { describe, expect, test } from "vitest";
import { badJson } from "../fake-upstream/edits.ts";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { CONTEXT_LENGTH, htmlPage, QUOTA_EXCEEDED } from "../fake-upstream/faults.ts";
import type { Reply, Script } from "../fake-upstream/script.ts";
import { type Live, type LiveOptions, send, startLive } from "../helpers/live-app.ts";

/** `first`: the place of the first delta among a stream's events; `failure`: what its own error event means. */
const PROTOCOLS = [
  { protocol: "chat-completions", first: 1, failure: "upstream_error" },
  { protocol: "anthropic-messages", first: 3, failure: "upstream_overloaded" },
] as const;
const HELLO = [{ role: "user" as const, content: "Hello?" }];
const PATIENT = "llm: { max_retries: 2 }";
const ONCE = "llm: { max_retries: 0 }";
/** For upstreams that fall silent, and only for them: a busy machine is silent for a moment, too. */
const HASTY = "llm: { max_retries: 2, idle_timeout_seconds: 0.1, timeout_seconds: 0.1 }";

const ask = (live: Live, stream: boolean) =>
  send(live, "/v1/chat/completions", { messages: HELLO, stream, max_tokens: 100 });

/** What a stream says: its text, its error and its reason to end. */
async function readStream(response: Response) {
  const lines = (await response.text()).split("\n").filter((line) => line.startsWith("data: "));
  const chunks = lines.slice(0, -1).map((line) => JSON.parse(line.slice("data: ".length)));
  const choices = chunks.flatMap((chunk) => chunk.choices ?? []);
  return {
    last: lines.at(-1),
    text: choices.map(({ delta }) => delta.content ?? "").join(""),
    finish: choices.flatMap(({ finish_reason }) => finish_reason ?? []),
    error: chunks.find((chunk) => chunk.error)?.error,
    status: chunks.flatMap((chunk) => (chunk.hermes?.type === "status" ? [chunk.hermes] : [])),
  };
}

describe.each(PROTOCOLS)("over $protocol", ({ protocol, first, failure }) => {
  const start = (script: Script, options: LiveOptions = {}) =>
    startLive(script, { protocol, yaml: ONCE, ...options });

  describe("before the answer begins", () => {
    const date = () => new Date(Date.now() + 1_000).toUTCString();
    test.each<[string, () => Reply]>([
      ["a rate limit that names seconds", () => ({ status: 429, headers: { "retry-after": "0" } })],
      ["a rate limit that names a date", () => ({ status: 429, headers: { "retry-after": date() } })],
      ["a server error", () => ({ status: 500, headers: { "retry-after": "0" } })],
      ["a stream that is cut before its first delta", () => ({ text: "x", cut: { events: 0 } })],
    ])("%s is tried again, and the client sees only the answer", async (_, reply) => {
      const live = await start([reply(), { text: "Now." }], { yaml: PATIENT });
      const { text, finish, error } = await readStream(await ask(live, true));
      expect({ text, finish, error }).toEqual({ text: "Now.", finish: ["stop"], error: undefined });
      expect(live.upstream.requests).toHaveLength(2);
    });

    test.each<[string, Reply, number, string]>([
      ["a rate limit", { status: 429, headers: { "retry-after": "7" } }, 429, "upstream_rate_limited"],
      ["an account without credit", QUOTA_EXCEEDED, 429, "upstream_rate_limited"],
      ["a refusal", { status: 400 }, 400, "upstream_rejected"],
      ["a prompt that is too long", CONTEXT_LENGTH.anthropic, 400, "context_length_exceeded"],
      ["a wrong key", { status: 401 }, 502, "upstream_auth_failed"],
      ["an unknown model", { status: 404 }, 502, "upstream_model_not_found"],
      ["a server error", { status: 500 }, 502, "upstream_error"],
      ["an overload", { status: 503 }, 503, "upstream_overloaded"],
      ["a proxy's page", htmlPage(502), 502, "upstream_error"],
      ["a page instead of an answer", htmlPage(200), 502, "upstream_malformed"],
      ["silence", { text: "x", stall: "before-headers" }, 504, "upstream_timeout"],
    ])("%s is an HTTP error, or an error in the stream", async (_, reply, status, code) => {
      const live = await start([reply, reply], { yaml: "stall" in reply ? HASTY : ONCE });
      const whole = await ask(live, false);
      expect(whole.status).toBe(status);
      expect(await whole.json()).toMatchObject({
        error: { code, param: null },
        hermes: { run_id: expect.stringMatching(/^run_/) },
      });
      const { error, finish, last } = await readStream(await ask(live, true));
      expect([error.code, finish, last]).toEqual([code, [], "data: [DONE]"]);
    });

    test("a client is told how long the upstream wants to be left alone", async () => {
      const live = await start([{ status: 429, headers: { "retry-after": "7" } }]);
      expect((await ask(live, false)).headers.get("retry-after")).toBe("7");
    });

    test("an upstream that nobody answers for is unreachable", async () => {
      const live = await start([]);
      await live.upstream.close();
      const response = await ask(live, false);
      expect([response.status, ((await response.json()) as { error: { code: string } }).error.code]).toEqual([
        502,
        "upstream_unreachable",
      ]);
    });

    test("a status line tells a client that waits for a retry", async () => {
      const live = await start([{ status: 500, headers: { "retry-after": "0" } }, { text: "Now." }], {
        yaml: PATIENT,
      });
      const { status } = await readStream(await ask(live, true));
      expect(status).toMatchObject([
        { type: "status", kind: "retry", text: expect.stringContaining("Trying again") },
      ]);
    });
  });

  describe("within the answer", () => {
    test.each<[string, Reply, string]>([
      ["a cut", { text: "One two", cut: { events: first + 1 } }, "upstream_truncated"],
      ["an end without a reason", { text: "One two", end: { events: first + 1 } }, "upstream_truncated"],
      ["silence", { text: "One two", stall: { events: first + 1 } }, "upstream_timeout"],
      ["an event that is no JSON", { text: "One two", edits: [badJson(first + 1)] }, "upstream_malformed"],
      ["an error event", { text: "One two", failure: true }, failure],
    ])("%s is an error after the text, never a success, and is not tried again", async (_, reply, code) => {
      const live = await start([reply, { text: "Never." }], { yaml: "stall" in reply ? HASTY : PATIENT });
      const { error, text, finish, last } = await readStream(await ask(live, true));
      expect([error.code, finish, last]).toEqual([code, [], "data: [DONE]"]);
      expect(text).toMatch(/^One( two)?$/);
      expect(live.upstream.requests).toHaveLength(1);
    });

    test("characters that arrive byte by byte are whole", async () => {
      const live = await start([{ text: "Grüße 👋 世界", split: 1 }]);
      expect((await readStream(await ask(live, true))).text).toBe("Grüße 👋 世界");
    });

    test("a whole answer that breaks off is an error", async () => {
      const live = await start([{ text: "One two three", cut: 20 }]);
      const response = await ask(live, false);
      expect(response.status).toBe(502);
      expect(await response.json()).toMatchObject({ error: { code: "upstream_truncated" } });
    });
  });

  test("a connection that was kept alive and is closed by now is replaced", async () => {
    const live = await start([
      { text: "One." },
      { text: "Never", reset: "before-headers" },
      { text: "Two." },
    ]);
    const texts: string[] = [];
    for (const _ of [1, 2]) texts.push((await readStream(await ask(live, true))).text);
    expect(texts).toEqual(["One.", "Two."]);
  });
});

test("the SDK waits as long as the upstream asks, by way of us", async () => {
  await using upstream = await FakeUpstream.start([
    { status: 429, headers: { "retry-after": "0" } },
    { text: "Now." },
  ]);
  const live = await startLive([], { yaml: ONCE, env: { LLM_BASE_URL: upstream.origin } });
  const client = new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 1 });
  const answer = await client.chat.completions.create({ model: "hermes-agent", messages: HELLO });
  expect(answer.choices[0]?.message.content).toBe("Now.");
});
