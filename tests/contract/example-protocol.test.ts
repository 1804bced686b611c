import { expect, onTestFinished, test } from "vitest";
import { PROTOCOLS } from "../../src/providers/catalogue.ts";
import { createModels, type Models } from "../../src/providers/resolve.ts";
import { openTestApp } from "../helpers/test-app.ts";
import { example } from "./example-protocol/protocol.ts";
import { startExampleUpstream } from "./example-protocol/upstream.ts";
import { ask, failure, generate, textIn } from "./provider-suite.ts";

const KEY = "example-key";
const WORDS = ["Grüße, ", "世界", "! 👋"];

/** Models of a server whose list of protocols has one more. */
function openModels(settings: { baseUrl: string; provider?: string; apiKey?: string }): Models {
  const models = createModels({
    name: "hermes-agent",
    primary: { apiKey: KEY, model: "example-1", ...settings },
    keys: {},
    protocols: [...PROTOCOLS, example],
    routes: {},
    direct: true,
    policy: { timeoutMs: 5_000, idleTimeoutMs: 5_000, maxRetries: 0 },
    detect: undefined,
  });
  onTestFinished(() => models.close());
  return models;
}

test.each([false, true])("an added protocol serves a client's turn (stream: %s)", async (stream) => {
  await using upstream = await startExampleUpstream(KEY, WORDS);
  const [{ provider }] = await openModels({ baseUrl: upstream.url }).resolve({});
  expect(provider.protocol).toBe("example");
  const { ask: request } = await openTestApp({ provider });
  const body = { messages: [{ role: "user", content: "Hello?" }], stream };
  const { status, text } = await request("/v1/chat/completions", { body });
  expect(status).toBe(200);
  const contents = [...text.matchAll(/"content":"([^"]*)"/g)].map(([, content]) => content);
  expect(contents.join("")).toBe(WORDS.join(""));
  expect(upstream.requests).toHaveLength(1);
  expect(upstream.requests[0]).toContain("Hello?");
});

test.each(["example", "example_protocol"])("an added protocol is found by the name %s", async (name) => {
  const models = openModels({ baseUrl: "http://127.0.0.1:9/elsewhere/", provider: name });
  const { upstream } = await models.default();
  expect(upstream.protocol).toBe(example);
  expect(upstream.baseUrl).toBe("http://127.0.0.1:9/elsewhere");
  expect(await upstream.protocol.listModels(upstream)).toEqual(["example-1"]);
});

test("an added protocol changes no other list: servers in one process share nothing", async () => {
  openModels({ baseUrl: "http://127.0.0.1:9/example" });
  expect(PROTOCOLS.map(({ name }) => name)).toEqual(["chat-completions", "anthropic-messages", "demo"]);
});

test.each([false, true])("every request has a signature of its own (stream: %s)", async (stream) => {
  await using upstream = await startExampleUpstream(KEY, WORDS);
  const [{ provider }] = await openModels({ baseUrl: upstream.url }).resolve({});
  for (const model of ["example-1", "example-2"]) {
    const { result } = await generate(provider, ask({ model, stream }));
    expect(textIn(result.items)).toBe(WORDS.join(""));
  }
  const [other] = await openModels({ baseUrl: upstream.url, apiKey: "another-key" }).resolve({});
  const error = await failure(other.provider, ask({ stream }));
  expect(error).toMatchObject({ kind: "auth", message: "The signature is wrong." });
});
