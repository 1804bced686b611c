import { describe, expect, test } from "vitest";
import { createGate } from "../fake-upstream/gate.ts";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { type Chunk, chunksOf, contentOf, framesOf } from "../helpers/frames.ts";
import { answersOf } from "../helpers/raw-socket.ts";
import {
  call,
  cost,
  fail,
  finish,
  hold,
  type Play,
  refuse,
  say,
  think,
} from "../helpers/scripted-provider.ts";

const READ = call("read_file", { path: "a.txt" });

describe("a whole answer", () => {
  test("a whole answer has all of OpenAI's fields and says who served it", async () => {
    const usage = { inputTokens: 10, outputTokens: 5, cachedTokens: 4, reasoningTokens: 2 };
    const { chat } = await openChat([[...think("Hm."), ...say("Hi", "."), ...cost(usage)]]);
    const before = Math.floor(Date.now() / 1000);
    const answer = await chat({ model: "my-model" });
    const body = answer.json<Record<string, unknown>>();
    const runId = answer.headers["x-hermes-run-id"] ?? "";
    expect(body).toEqual({
      id: runId.replace("run_", "chatcmpl-"),
      object: "chat.completion",
      created: expect.any(Number),
      model: "my-model",
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: "Hi.", refusal: null, reasoning_content: "Hm." },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 10,
        completion_tokens: 5,
        total_tokens: 15,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 2 },
      },
      hermes: { run_id: runId, model: "demo", provider: "scripted", completed: true },
    });
    expect(body["created"]).toBeGreaterThanOrEqual(before);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
  });

  test("a whole answer holds the text of all steps, and counts what all of them cost", async () => {
    const { chat } = await openChat([
      [...say("Looking."), ...READ, ...cost({ inputTokens: 1, outputTokens: 2 })],
      [...say("It is seven."), ...cost({ inputTokens: 3, outputTokens: 4 })],
    ]);
    const body = (await chat()).json<{ usage: object } & Chunk>();
    expect(body).toMatchObject({
      choices: [{ message: { content: "Looking.\n\nIt is seven." }, finish_reason: "stop" }],
      usage: { prompt_tokens: 4, completion_tokens: 6, total_tokens: 10 },
    });
  });

  test.each([
    ["length", "length"],
    ["content_filter", "content_filter"],
    ["stop", "stop"],
  ] as const)("a whole answer that ends by %s says %s", async (reason, expected) => {
    const { chat } = await openChat([[...say("Hi"), ...finish(reason)]]);
    const answer = await chat();
    expect(answer.json().choices[0]?.finish_reason).toBe(expected);
    expect(answer.headers["x-hermes-completed"]).toBe(expected === "stop" ? undefined : "false");
  });

  test("without any text has an empty one, never null", async () => {
    const { chat } = await openChat([[]]);
    expect((await chat()).json().choices[0]?.message.content).toBe("");
  });

  test("a whole answer that is a refusal says so in its own field", async () => {
    const { chat } = await openChat([refuse("I cannot.")]);
    expect((await chat()).json().choices[0]?.message).toMatchObject({ content: "", refusal: "I cannot." });
  });

  test("a whole answer at the step limit is the model's summary, cut by length", async () => {
    const { chat, provider } = await openChat([READ, say("So far: seven.")], {
      config: { agent: { max_steps: 1 } },
    });
    const answer = await chat();
    const { choices, hermes } = answer.json();
    expect([choices[0]?.finish_reason, choices[0]?.message.content]).toEqual(["length", "So far: seven."]);
    expect(hermes).toMatchObject({ completed: false });
    expect(answer.headers["x-hermes-completed"]).toBe("false");
    expect(provider.requests.map(({ tools }) => tools.length > 0)).toEqual([true, false]);
  });
});

describe("a stream", () => {
  test("a stream is the role, the deltas, the end and [DONE], in order", async () => {
    const { chat } = await openChat([[...think("Hm", "."), ...say("Hi", " there.")]]);
    const answer = await chat({ stream: true, model: "my-model" });
    const chunks = chunksOf(answer.text);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: "assistant", content: "" },
      { reasoning_content: "Hm" },
      { reasoning_content: "." },
      { content: "Hi" },
      { content: " there." },
      {},
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
      null,
      null,
      null,
      null,
      null,
      "stop",
    ]);
    expect(new Set(chunks.map(({ model }) => model))).toEqual(new Set(["my-model"]));
    expect(chunks.every((chunk) => !("usage" in chunk))).toBe(true);
    expect(chunks.at(-1)?.hermes).toMatchObject({ model: "demo", completed: true });
  });

  test("a stream has the headers that streams need, and those of every answer", async () => {
    const { chat } = await openChat([say("Hi.")]);
    const { headers } = await chat({ stream: true });
    expect(headers).toMatchObject({
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      "x-accel-buffering": "no",
      "x-hermes-run-id": expect.stringMatching(/^run_/),
    });
    expect(headers["content-length"]).toBeUndefined();
  });

  test("a stream tells the usage in a chunk of its own, when that is asked for", async () => {
    const { chat } = await openChat([[...say("Hi."), ...cost({ inputTokens: 7, outputTokens: 3 })]]);
    const chunks = chunksOf((await chat({ stream: true, stream_options: { include_usage: true } })).text);
    expect(chunks.slice(0, -1).every(({ usage, choices }) => usage === null && choices.length === 1)).toBe(
      true,
    );
    expect(chunks.at(-1)).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 },
    });
  });

  test("a stream says the same as the whole answer", async () => {
    const play: Play = [
      [...say("Looking."), ...READ],
      [...think("Hm."), ...say("It is", " seven.")],
    ];
    const [one, two] = [await openChat(play), await openChat(play)];
    const whole = (await one.chat()).json().choices[0]?.message;
    const { text } = await two.chat({ stream: true });
    expect(contentOf(text)).toBe(whole?.content);
    expect(text).toContain('"reasoning_content":"Hm."');
  });

  test("a stream begins before the model does, and lives on comments until it does", async () => {
    const gate = createGate();
    const { talk, listen, provider } = await openChat([[...hold(gate), ...say("Hi.")]], {
      config: { gateway: { api_server: { keepalive_seconds: 0.02 } } },
    });
    await listen();
    const raw = await talk({ messages: HELLO, stream: true });
    const begun = await raw.until('"role":"assistant"');
    expect(begun).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    await raw.until(/(: keepalive\s.*){2}/s);
    expect(provider.requests).toHaveLength(1);
    expect(raw.received()).not.toContain("Hi.");
    gate.open();
    await raw.until("data: [DONE]");
  });

  test("never splits an event over two writes", async () => {
    const huge = "x".repeat(100_000);
    const { talk, listen } = await openChat([
      say(...Array.from({ length: 500 }, (_, n) => `${n} `), huge, "end"),
    ]);
    await listen();
    const raw = await talk({ messages: HELLO, stream: true }, { connection: "close" });
    const [answer] = answersOf(await raw.closed);
    expect(answer?.chunks.filter((chunk) => !chunk.startsWith("data: ") || !chunk.endsWith("\n\n"))).toEqual(
      [],
    );
    expect(contentOf(answer?.text ?? "")).toContain(`499 ${huge}end`);
  });

  test("ends the connection only when it is asked to", async () => {
    const { talk, listen } = await openChat([say("One."), say("Two.")]);
    await listen();
    const raw = await talk({ messages: HELLO, stream: true });
    await raw.until("[DONE]\n\n\r\n0\r\n\r\n");
    raw.send("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    expect(answersOf(await raw.closed).map(({ status }) => status)).toEqual([200, 200]);
  });

  test("a stream fails within itself: the text so far, one error with all keys, [DONE]", async () => {
    const { chat } = await openChat([[...say("One", " two"), ...fail("server")]]);
    const { status, text } = await chat({ stream: true });
    const frames = framesOf(text);
    expect(status).toBe(200);
    expect(contentOf(text)).toBe("One two");
    expect(frames.at(-1)?.data).toBe("[DONE]");
    const { error, hermes } = JSON.parse(frames.at(-2)?.data ?? "") as Chunk;
    expect(Object.keys(error ?? {})).toEqual(["message", "type", "param", "code"]);
    expect(error).toMatchObject({ type: "server_error", code: "upstream_error", param: null });
    expect(hermes).toMatchObject({ run_id: expect.stringMatching(/^run_/) });
  });

  test("a stream is refused as plain HTTP when the request itself is wrong", async () => {
    const { chat } = await openChat([]);
    const answer = await chat({ stream: true, temperature: 9 });
    expect([answer.status, answer.headers["content-type"]]).toEqual([400, "application/json; charset=utf-8"]);
    expect(answer.json().error.param).toBe("temperature");
  });
});

describe("who answers", () => {
  test.each([
    [undefined, "hermes-agent"],
    ["hermes-agent", "hermes-agent"],
    ["gpt-4o", "gpt-4o"],
    ["default", "default"],
  ])("model %s comes back as %s, and the agent serves", async (model, echoed) => {
    const { chat, provider } = await openChat([say("Hi.")]);
    const body = (await chat(model === undefined ? {} : { model })).json();
    expect([body.model, body.hermes["model"]]).toEqual([echoed, "demo"]);
    expect(provider.requests[0]?.tools.length).toBeGreaterThan(0);
  });

  test("the lite model has no tools and no prompt of ours", async () => {
    const { chat, provider } = await openChat([say("Hi.")]);
    expect((await chat({ model: "hermes-agent-lite" })).json().model).toBe("hermes-agent-lite");
    expect(provider.requests[0]).toMatchObject({ core: "", tools: [] });
  });

  test("a frontend's own question is answered by the bare model", async () => {
    const { chat, provider } = await openChat([say("A title")]);
    await chat({}, { "x-openwebui-task": "title_generation" });
    expect(provider.requests[0]).toMatchObject({ core: "", tools: [] });
  });

  test("a provider that is not configured is a 400", async () => {
    const { chat } = await openChat([]);
    const answer = await chat({ provider: "nobody" });
    expect([answer.status, answer.json().error]).toMatchObject([
      400,
      { param: "provider", code: "provider_not_found" },
    ]);
  });
});
