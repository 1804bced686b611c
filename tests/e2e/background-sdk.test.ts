import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { createGate } from "../fake-upstream/gate.ts";
import type { Script } from "../fake-upstream/script.ts";
import { collect } from "../helpers/collect.ts";
import { startLive } from "../helpers/live-app.ts";

const MODEL = "hermes-agent";
const FILES = { "notes.txt": "The code is 7431.\n" };
const READ = {
  text: "Let me look.",
  toolCalls: [{ name: "read_file", arguments: { path: "notes.txt" } }],
};

async function connect(script: Script) {
  const live = await startLive(script, { files: FILES });
  return new OpenAI({ baseURL: live.baseURL, apiKey: live.apiKey, maxRetries: 0 });
}

test("a background response is polled to its end", async () => {
  const client = await connect([READ, { text: "It is 7431." }]);
  const { id, status } = await client.responses.create({
    model: MODEL,
    input: "The code?",
    background: true,
  });
  expect(status).toBe("queued");
  const done = await vi.waitFor(async () => {
    const response = await client.responses.retrieve(id);
    expect(response.status).toBe("completed");
    return response;
  });
  expect(done.output_text).toBe("Let me look.It is 7431.");
  expect(done.output.map(({ type }) => type)).toEqual(["message", "mcp_call", "message"]);
});

test("a stream that was left is read on by its id, with the helper and without", async () => {
  const gate = createGate();
  const client = await connect([{ text: ["One", gate, " two"] }]);
  const stream = await client.responses.create({
    model: MODEL,
    input: "Count.",
    background: true,
    stream: true,
  });
  const heard: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of stream) {
    heard.push(event);
    if (event.type === "response.output_text.delta") break;
  }
  gate.open();
  const [created] = heard;
  const id = created?.type === "response.created" ? created.response.id : "";
  const after = heard.at(-1)?.sequence_number ?? 0;
  const rest = await collect(await client.responses.retrieve(id, { stream: true, starting_after: after }));
  const numbers = [...heard, ...rest].map(({ sequence_number: number }) => number);
  expect(numbers).toEqual(numbers.map((_number, index) => index));
  const helper = client.responses.stream({ response_id: id });
  expect((await helper.finalResponse()).output_text).toBe("One two");
});

test("a background response is cancelled, twice to the same effect; any other is not", async () => {
  const gate = createGate();
  const client = await connect([{ text: "Never", gate }, { text: "Hi." }]);
  const { id } = await client.responses.create({ model: MODEL, input: "x", background: true });
  await gate.reached();
  const cancelled = await client.responses.cancel(id);
  expect(cancelled).toMatchObject({ id, status: "cancelled" });
  expect(await client.responses.cancel(id)).toMatchObject({ id, status: "cancelled" });
  const whole = await client.responses.create({ model: MODEL, input: "x" });
  await expect(client.responses.cancel(whole.id)).rejects.toMatchObject({ status: 400 });
});

test("an answer is parsed by a schema, whatever is said between the server's calls", async () => {
  const client = await connect([READ, { text: '{"code":7431}' }, READ, { text: '{"code":7431}' }]);
  const response = await client.responses.parse({
    model: MODEL,
    input: "The code?",
    text: { format: zodTextFormat(z.object({ code: z.number() }), "code") },
  });
  expect(response.output_text).toBe('{"code":7431}');
  const chat = await client.chat.completions.create({
    model: MODEL,
    messages: [{ role: "user", content: "The code?" }],
    response_format: { type: "json_object" },
  });
  expect(chat.choices[0]?.message.content).toBe('{"code":7431}');
  const last = response.output.at(-1);
  const part = last?.type === "message" ? last.content[0] : undefined;
  expect(part?.type === "output_text" ? part.parsed : undefined).toEqual({ code: 7431 });
});
