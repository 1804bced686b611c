import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import OpenAI from "openai";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import { asChat } from "../fake-upstream/request.ts";
import type { Script } from "../fake-upstream/script.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const SESSION = { headers: { "x-hermes-session-id": "a-session" } };

async function setUp(script: Script) {
  const cwd = await temporaryDirectory();
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  await mkdir(join(cwd, ".hermes"));
  await writeFile(
    join(cwd, ".hermes", "config.yaml"),
    "gateway: { api_server: { drain_timeout_seconds: 0.2 } }",
  );
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const start = async () => {
    const server = await serve({ cwd, env });
    const client = new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: TEST_KEY, maxRetries: 0 });
    return { server, client };
  };
  return { cwd, upstream, start };
}

const ask = (content: string) => ({ model: "hermes-agent", messages: [{ role: "user" as const, content }] });

test("what was answered outlives kill -9 in the middle of the next answer, whose stream looks cut", async () => {
  const { cwd, upstream, start } = await setUp([
    { text: "Noted." },
    { text: "One two", stall: { events: 2 } },
    { text: "Your number is 7." },
  ]);
  const first = await start();
  await first.client.chat.completions.create(ask("My number is 7."), SESSION);
  const stream = await first.client.chat.completions.create({ ...ask("Count!"), stream: true }, SESSION);
  let heard = "";
  const reading = (async () => {
    for await (const chunk of stream) {
      heard += chunk.choices[0]?.delta.content ?? "";
      if (heard !== "") first.server.child.kill("SIGKILL");
    }
  })();
  await expect(reading).rejects.toThrow();
  expect(await first.server.ending()).toEqual({ code: null, signal: "SIGKILL" });
  await upstream.streamAborted();

  const second = await start();
  const answer = await second.client.chat.completions.create(ask("What is my number?"), SESSION);
  expect(answer.choices[0]?.message.content).toBe("Your number is 7.");
  const { messages } = asChat(await upstream.requestArrived(3));
  expect(messages.slice(1, 3)).toMatchObject([
    { role: "user", content: "My number is 7." },
    { role: "assistant", content: "Noted." },
  ]);
  expect(messages.at(-1)).toMatchObject({ role: "user", content: "What is my number?" });
  // Killed at its very first start, the database is still known as ours.
  const databases = (await readdir(join(cwd, ".hermes"))).filter((name) => name.endsWith(".db"));
  expect(databases).toEqual(["state.db"]);
});

test("a run that was going on when the process was killed is ended as failed, and the log says so", async () => {
  const { cwd, upstream, start } = await setUp([
    { text: "Run it.", toolCalls: [{ name: "terminal", arguments: { command: "echo x" } }] },
    { text: "Never", stall: "before-headers" },
    { text: "Hello again." },
  ]);
  const first = await start();
  const call = first.client.chat.completions.create(ask("Count!"), SESSION);
  const lost = expect(call).rejects.toThrow();
  await upstream.requestArrived(2);
  // What is not waited for is stored within a moment, together with what comes after it.
  await vi.waitFor(async () => {
    const log = await readFile(join(cwd, ".hermes", "state.db-wal"), "latin1");
    expect(log.includes("run.started")).toBe(true);
  }, 5_000);
  first.server.child.kill("SIGKILL");
  await lost;
  const second = await start();
  await second.server.says(/1 runs that a former process left unfinished were ended as failed/);
  const answer = await second.client.chat.completions.create(ask("Hello?"), SESSION);
  expect(answer.choices[0]?.message.content).toBe("Hello again.");
  const { messages } = asChat(await upstream.requestArrived(3));
  expect(messages.slice(1).map(({ role }) => role)).toEqual(["user", "assistant", "tool", "user"]);
});

describe.each(["SIGKILL", "SIGTERM"] as const)("a background response whose server gets a %s", (signal) => {
  test("is gone on with by the next one, and its stream is read on without a gap or a repeat", async () => {
    const text = { text: "One two three four five six seven." };
    const { upstream, start } = await setUp([
      { text: "I look.", toolCalls: [{ name: "terminal", arguments: { command: "echo made >> made.txt" } }] },
      { ...text, stall: { events: 6 } },
      text,
    ]);
    const first = await start();
    const stream = await first.client.responses.create({ input: "Go.", background: true, stream: true });
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) events.push(event);
    })();
    reading.catch(() => undefined);
    await upstream.requestArrived(2);
    await vi.waitFor(() => expect(JSON.stringify(events.at(-1))).toContain("output_text.delta"));
    first.server.child.kill(signal);
    await expect(reading).rejects.toThrow();
    expect(await first.server.ending(25_000)).toMatchObject(signal === "SIGTERM" ? { code: 0 } : { signal });
    const [created] = events;
    if (created?.type !== "response.created") throw new Error("no response");
    const { id } = created.response;

    const second = await start();
    const after = events.at(-1)?.sequence_number ?? 0;
    const rest = await second.client.responses.retrieve(id, { stream: true, starting_after: after });
    for await (const event of rest) events.push(event);
    const numbers = events.map(({ sequence_number: number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { status: "completed" } });
    const whole = await second.client.responses.retrieve(id);
    expect(whole.output_text).toBe("I look.One two three four five six seven.");
    expect(whole.output.map(({ type }) => type)).toEqual(["message", "mcp_call", "message"]);
    // The first two model steps were asked once, the one that was cut twice.
    await upstream.idle();
    expect(upstream.requests.length).toBe(3);
  });
});
