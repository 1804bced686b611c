import { describe, expect, test } from "vitest";
import { plainCall, play, READ, startFor } from "../helpers/frontend.ts";
import { send } from "../helpers/live-app.ts";

const user = (content: unknown) => ({ role: "user", content });
const system = (content: string) => ({ role: "system", content });

describe("Open WebUI", () => {
  const headers = {
    "x-openwebui-user-name": "Ada%20L",
    "x-openwebui-user-id": "u1",
    "x-openwebui-user-email": "ada@example.com",
    "x-openwebui-user-role": "admin",
    "x-openwebui-chat-id": "c1",
    "user-agent": "Python/3.11 aiohttp/3.11",
  };

  test("Open WebUI draws tool progress as its own status events and keeps the text clean", async () => {
    const live = await startFor([READ, { text: "It is 7431." }]);
    const body = {
      model: "hermes-agent",
      stream: true,
      messages: [user("The code?")],
      stream_options: { include_usage: true },
    };
    const { chunks, text, names, done } = await play(live, { headers, body });
    const statuses = chunks.flatMap((chunk) => ("event" in chunk ? [chunk.event] : []));
    expect(statuses).toMatchObject([
      { type: "status", data: { description: expect.stringContaining("read_file"), done: false } },
      { type: "status", data: { description: expect.stringContaining("read_file"), done: true } },
    ]);
    expect([text, names, done]).toEqual(["It is 7431.", [], true]);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 38 } });
  });

  test.each([
    ["by its header", { ...headers, "x-openwebui-task": "title_generation" }, "Generate a concise title."],
    [
      "by its words",
      headers,
      "### Task:\nGenerate a concise title.\n<chat_history>\nUSER: Hello?\n</chat_history>",
    ],
  ])("Open WebUI has its titles made by the bare model, told %s", async (_, given, content) => {
    const live = await startFor([{ text: '{"title":"Hello"}' }]);
    const body = {
      model: "hermes-agent",
      stream: false,
      messages: [user(content)],
      max_completion_tokens: 1000,
    };
    const { json } = await play(live, { headers: given, body });
    expect(json.choices[0].message.content).toBe('{"title":"Hello"}');
    expect(await plainCall(live)).toEqual([{ role: "user", content }]);
  });

  test("lists models with names and reads the server's health", async () => {
    const live = await startFor([]);
    const { data } = (await (await send(live, "/v1/models", undefined, headers)).json()) as {
      data: object[];
    };
    expect(data).toMatchObject([
      { id: "hermes-agent", name: "hermes-agent", object: "model", owned_by: "hermes" },
      {},
    ]);
  });
});

test("LibreChat: sends settings and a user, asks for titles with words of its own", async () => {
  const live = await startFor([{ text: "Hi." }, { text: "A greeting" }]);
  const headers = {
    "user-agent": "OpenAI/JS 4.95.1",
    "x-stainless-lang": "js",
    "x-stainless-timeout": "600",
  };
  const settings = {
    user: "u1",
    temperature: 1,
    top_p: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    n: 1,
    logprobs: null,
  };
  const stream_options = { include_usage: true };
  const body = {
    model: "hermes-agent",
    messages: [user([{ type: "text", text: "Hello?" }])],
    stream: true,
    stream_options,
    ...settings,
  };
  expect((await play(live, { headers, body })).text).toBe("Hi.");
  const prompt =
    "Provide a concise, 5-word-or-less title for the conversation, using title case.\n\nUser: Hello?";
  await play(live, { headers, body: { model: "hermes-agent", messages: [user(prompt)], stream: false } });
  expect(await plainCall(live, 2)).toEqual([{ role: "user", content: prompt }]);
});

describe("NextChat", () => {
  const headers = { accept: "application/json, text/event-stream", "user-agent": "Next.js Middleware" };
  const settings = {
    temperature: 0.5,
    presence_penalty: 0,
    frequency_penalty: 0,
    top_p: 1,
    model: "hermes-agent",
  };

  test("NextChat reads an answer, a title and a memory", async () => {
    const live = await startFor([
      READ,
      { text: "7431." },
      { text: "Code Talk" },
      { text: "They spoke of a code." },
    ]);
    const history = [system("You are ChatGPT."), user("The code?")];
    expect((await play(live, { headers, body: { ...settings, stream: true, messages: history } })).text).toBe(
      "7431.",
    );
    const title =
      "Please generate a four to five word title summarizing our conversation without any lead-in.";
    const asked = { ...settings, stream: false, messages: [...history, user(title)] };
    expect((await play(live, { headers, body: asked })).json.choices[0].message.content).toBe("Code Talk");
    await plainCall(live, 3);
    const memory =
      "Summarize the discussion briefly in 200 words or less to use as a prompt for future context.";
    const summed = { ...settings, stream: true, messages: [...history, system(memory)] };
    expect((await play(live, { headers, body: summed })).text).toBe("They spoke of a code.");
    await plainCall(live, 4);
  });

  test("NextChat is told of a failure in the text as well, since it drops error objects", async () => {
    const live = await startFor([{ text: "One", failure: true }]);
    const { text, chunks } = await play(live, {
      headers,
      body: { ...settings, stream: true, messages: [user("Hello?")] },
    });
    expect(text).toMatch(/^One\n\n\[The model's server failed.*\]$/);
    expect(chunks.at(-1)).toMatchObject({ error: { code: "upstream_error" } });
  });

  test("NextChat may call from its own page when it is listed, and reads streams there", async () => {
    const origin = "http://localhost:3000";
    const live = await startFor([{ text: "Hi." }], { env: { API_SERVER_CORS_ORIGINS: origin } });
    const preflight = await fetch(`${live.baseURL}/chat/completions`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
      },
    });
    expect([preflight.status, preflight.headers.get("access-control-allow-origin")]).toEqual([204, origin]);
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/authorization/i);
    const sent = { headers: { origin }, body: { ...settings, stream: true, messages: [user("Hello?")] } };
    const answer = await play(live, sent);
    expect([answer.headers.get("access-control-allow-origin"), answer.text]).toEqual([origin, "Hi."]);
  });
});

test("LobeChat: lists models whose names it does not drop, and sends its user", async () => {
  const live = await startFor([{ reasoning: "Hm.", text: "Hi." }]);
  const { data } = (await (await send(live, "/v1/models")).json()) as {
    data: { id: string; created: number }[];
  };
  // It drops ids that look like models for something else.
  const dropped = /embedding|davinci|curie|moderation|ada|babbage|tts|whisper|dall-e/;
  expect(data.filter(({ id }) => dropped.test(id))).toEqual([]);
  const body = {
    model: "hermes-agent",
    messages: [user("Hello?")],
    stream: true,
    stream_options: { include_usage: true },
    user: "u1",
  };
  const { chunks, text } = await play(live, { headers: { accept: "*/*" }, body });
  expect(text).toBe("Hi.");
  expect(chunks.map((chunk) => chunk.choices[0]?.delta.reasoning_content ?? "").join("")).toBe("Hm.");
});
