import { readFile } from "node:fs/promises";
import { join } from "node:path";
import OpenAI from "openai";
import { expect, onTestFinished, test, vi } from "vitest";
import { FakeUpstream } from "../fake-upstream/fake-upstream.ts";
import type { Script } from "../fake-upstream/script.ts";
import { temporaryDirectory } from "../helpers/directory.ts";
import { serve } from "../helpers/process.ts";
import { TEST_KEY } from "../helpers/test-app.ts";

const KEY = { headers: { "idempotency-key": "order-17" } };

async function setUp(script: Script) {
  const cwd = await temporaryDirectory();
  const upstream = await FakeUpstream.start(script);
  onTestFinished(() => upstream.close());
  const env = { LLM_BASE_URL: upstream.origin, LLM_MODEL: "fake-model", API_SERVER_KEY: TEST_KEY };
  const start = async () => {
    const server = await serve({ cwd, env });
    const client = new OpenAI({ baseURL: `${server.origin}/v1`, apiKey: TEST_KEY });
    return { server, client };
  };
  return { cwd, upstream, start };
}

const CHAT = { model: "hermes-agent", messages: [{ role: "user" as const, content: "Do it!" }] };
const RESPONSE = { model: "hermes-agent", input: "Do it!" };

test("a tool that had begun when the process was killed is not run again for its key, whoever repeats it", async () => {
  const { cwd, upstream, start } = await setUp([
    { toolCalls: [{ name: "terminal", arguments: { command: "echo once >> ran; sleep 3" } }] },
    { text: "Never." },
  ]);
  const first = await start();
  const lost = expect(
    first.client.chat.completions.create(CHAT, { ...KEY, maxRetries: 0 }),
  ).rejects.toThrow();
  const ran = () => readFile(join(cwd, "ran"), "utf8");
  await vi.waitFor(async () => expect(await ran()).toBe("once\n"), { timeout: 10_000, interval: 5 });
  first.server.child.kill("SIGKILL");
  await lost;

  const { client } = await start();
  for (let n = 0; n < 2; n++) {
    // The SDK would repeat a 503 by itself.
    const error = await client.chat.completions.create(CHAT, KEY).catch((cause: unknown) => cause);
    expect(error).toMatchObject({ status: 503, code: "server_restarted" });
    const { headers } = error as InstanceType<typeof OpenAI.APIError>;
    expect(headers?.get("x-should-retry")).toBe("false");
    expect(headers?.get("idempotency-replayed")).toBe("true");
  }
  expect(await ran()).toBe("once\n");
  expect(upstream.requests).toHaveLength(1);
});

test("a key is free again when the process was killed before anything had happened", async () => {
  const { upstream, start } = await setUp([{ text: "Never", stall: "before-headers" }, { text: "Done." }]);
  const first = await start();
  const lost = expect(first.client.responses.create(RESPONSE, { ...KEY, maxRetries: 0 })).rejects.toThrow();
  await upstream.requestArrived();
  first.server.child.kill("SIGKILL");
  await lost;
  const second = await start();
  const answer = await second.client.responses.create(RESPONSE, KEY);
  expect(answer.output_text).toBe("Done.");
  second.server.child.kill("SIGKILL");
  await second.server.ending();

  const third = await start();
  const { data, response } = await third.client.responses.create(RESPONSE, KEY).withResponse();
  expect(response.headers.get("idempotency-replayed")).toBe("true");
  expect(data).toEqual(answer);
  expect(upstream.requests).toHaveLength(2);
});
