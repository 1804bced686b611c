import { describe, expect, test } from "vitest";
import { asChat } from "../fake-upstream/request.ts";
import { plainCall, play, READ, startFor } from "../helpers/frontend.ts";
import { send } from "../helpers/live-app.ts";

const user = (content: unknown) => ({ role: "user", content });
const system = (content: string) => ({ role: "system", content });

test("ChatBox: an address without /v1, strict chunks, a name for the chat", async () => {
  const live = await startFor([READ, { text: "7431." }, { text: "Code" }]);
  expect((await send(live, "/models")).status).toBe(200);
  const body = {
    model: "hermes-agent",
    messages: [user("The code?")],
    stream: true,
    temperature: 0.7,
    top_p: 1,
  };
  const { chunks, names, text } = await play(live, { path: "/chat/completions", body });
  expect([names, text]).toEqual([[], "7431."]);
  for (const chunk of chunks)
    expect(chunk).toMatchObject({ id: expect.stringMatching(/^chatcmpl-/), choices: expect.any(Array) });
  const prompt =
    "Based on the chat history, give this conversation a name.\nKeep it short. Only give the name.\n\nUser: The code?";
  const named = await play(live, {
    body: { model: "hermes-agent", messages: [user(prompt)], stream: false },
  });
  expect(named.json.choices[0].message.content).toBe("Code");
  await plainCall(live, 3);
});

test("AnythingLLM: its 1024 tokens are no budget for the agent, and leaving at the finish is no cancel", async () => {
  const live = await startFor([READ, { text: "7431." }, { text: "Hi." }]);
  const body = {
    model: "hermes-agent",
    stream: true,
    messages: [system("Given the context"), user("The code?")],
    temperature: 0.7,
    max_tokens: 1024,
  };
  const response = await send(live, "/v1/chat/completions", body, { "user-agent": "AnythingLLM/1.8" });
  const reader = (response.body as ReadableStream<Uint8Array>)
    .pipeThrough(new TextDecoderStream())
    .getReader();
  let seen = "";
  while (!seen.includes('"finish_reason":"stop"')) {
    const { value, done } = await reader.read();
    expect(done).toBe(false);
    seen += value;
  }
  await reader.cancel();
  await live.upstream.idle();
  expect(live.upstream.counts).toMatchObject({ requests: 2, abortedStreams: 0 });
});

test("Jan: sampling settings that we do not know are ignored, whatever they hold", async () => {
  const live = await startFor([{ text: "Hi." }]);
  const extra = {
    top_k: 40,
    min_p: 0.05,
    repeat_penalty: 1.1,
    repeat_last_n: 64,
    ctx_len: 8192,
    engine: "x",
    tools: [],
  };
  const body = {
    model: "hermes-agent",
    messages: [user("Hello?")],
    stream: true,
    stream_options: { include_usage: true },
    ...extra,
  };
  const { status, text } = await play(live, { headers: { "user-agent": "tauri-plugin-http/2" }, body });
  expect([status, text]).toEqual([200, "Hi."]);
});

describe("hermes' web UI", () => {
  const headers = { "x-hermes-session-id": "s1", "x-hermes-session-key": "webui:s1" };
  const fields = {
    model: "openai/gpt-5.4-mini",
    provider: undefined,
    reasoning_effort: "low",
    service_tier: "auto",
    stream: true,
  };

  test("hermes' web UI finds out what there is, then sends only what is new and reads named progress events", async () => {
    const live = await startFor([READ, { text: "7431." }, { text: "Yes." }]);
    for (const path of ["/v1/capabilities", "/health", "/v1/health", "/health/detailed"]) {
      expect([path, (await send(live, path)).status]).toEqual([path, 200]);
    }
    const first = await play(live, {
      headers,
      body: { ...fields, messages: [system("Be nice."), user("The code?")] },
    });
    expect(first.names).toEqual(["hermes.tool.progress", "hermes.tool.progress"]);
    expect(first.chunks.filter((chunk) => "tool" in chunk)).toMatchObject([
      { tool: "read_file", status: "running", toolCallId: expect.any(String), choices: [] },
      { tool: "read_file", status: "completed", choices: [] },
    ]);
    expect(first.headers.get("x-hermes-session-id")).toBe("s1");
    expect(first.headers.get("x-hermes-session-key")).toBe("webui:s1");
    const second = await play(live, {
      headers,
      body: { ...fields, messages: [system("Be nice."), user("Sure?")] },
    });
    expect(second.text).toBe("Yes.");
    const roles = asChat(await live.upstream.requestArrived(3)).messages.map(({ role }) => role);
    expect(roles).toEqual(["system", "user", "assistant", "tool", "assistant", "user"]);
  });

  test("hermes' web UI hermes-workspace's probe is answered without the agent, and what is not there is a 404", async () => {
    const live = await startFor([{ text: "x" }]);
    const body = { model: "test", messages: [user("hi")], max_tokens: 1 };
    expect((await play(live, { body })).status).toBe(200);
    await plainCall(live);
    for (const path of ["/api/sessions", "/api/jobs"])
      expect([path, (await send(live, path)).status]).toEqual([path, 200]);
    for (const path of ["/api/skills", "/api/memory", "/api/config"])
      expect([path, (await send(live, path)).status]).toEqual([path, 404]);
  });
});
