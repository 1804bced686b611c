import { describe, expect, test } from "vitest";
import { scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const NO_KEY = { headers: { authorization: undefined } };

describe("an unknown URL", () => {
  test.each([
    ["/"],
    ["/v1"],
    ["/v2/models"],
    ["/v1/nothing"],
    ["/api/skills"],
    ["/v1/models/a/b"],
    ["/%00"],
    ["//v1/models"],
  ])("%s is unknown, with and without the key, so that probes see what is absent", async (url) => {
    const { ask } = await openTestApp();
    for (const request of [{}, NO_KEY, { body: {} }, { method: "DELETE" as const }]) {
      const answer = await ask(url, request);
      expect([answer.status, answer.json().error.code]).toEqual([404, "unknown_url"]);
    }
  });

  test("names the method and the path, not the query", async () => {
    const { ask } = await openTestApp();
    const { error } = (await ask("/v1/nothing?token=secret", { body: {} })).json();
    expect(error.message).toBe("Unknown request URL: POST /v1/nothing.");
  });

  test("an unknown URL that cannot be decoded is a 400, a very long one is refused", async () => {
    const { ask } = await openTestApp();
    expect((await ask("/v1/models/%E0%A4%A")).status).toBe(400);
    const long = await ask(`/v1/models/${"m".repeat(3_000)}`);
    expect([404, 414]).toContain(long.status);
  });
});

describe("a known URL", () => {
  test.each([
    ["/v1/chat/completions", "PUT", "GET, POST"],
    ["/chat/completions", "PATCH", "GET, POST"],
    ["/v1/models", "POST", "GET, HEAD"],
    ["/v1/models/hermes-agent", "DELETE", "GET, HEAD"],
    ["/health", "POST", "GET, HEAD"],
    ["/ready", "DELETE", "GET, HEAD"],
    ["/v1/embeddings", "GET", "POST"],
  ] as const)("%s does not take %s, and says what it takes", async (url, method, allow) => {
    const { ask } = await openTestApp();
    const answer = await ask(url, { method });
    expect([answer.status, answer.json().error.code]).toEqual([405, "method_not_allowed"]);
    expect(answer.headers["allow"]?.split(", ")).toEqual(expect.arrayContaining(allow.split(", ")));
  });

  test.each([
    ["/health"],
    ["/ready"],
    ["/v1/models"],
    ["/v1/capabilities"],
  ])("HEAD %s has no body", async (url) => {
    const { ask } = await openTestApp();
    const answer = await ask(url, { method: "HEAD" });
    expect([answer.status, answer.text]).toEqual([200, ""]);
  });

  test("a known URL says to OPTIONS what it takes, without a key", async () => {
    const { ask } = await openTestApp();
    const answer = await ask(CHAT, { method: "OPTIONS", ...NO_KEY });
    expect(answer.status).toBe(204);
    expect(answer.headers["allow"]?.split(", ")).toEqual(expect.arrayContaining(["POST", "OPTIONS"]));
    expect(answer.headers["access-control-allow-origin"]).toBeUndefined();
    expect((await ask("/v1/nothing", { method: "OPTIONS" })).status).toBe(404);
  });

  test("a known URL takes a query that it does not know", async () => {
    const { ask } = await openTestApp();
    expect((await ask("/v1/models?limit=1&after=x")).status).toBe(200);
  });
});

describe("endpoints of OpenAI that an agent does not have", () => {
  test.each([
    ["POST", "/v1/embeddings"],
    ["POST", "/embeddings"],
    ["POST", "/v1/completions"],
    ["POST", "/v1/moderations"],
    ["POST", "/v1/images/generations"],
    ["POST", "/v1/images/edits"],
    ["POST", "/v1/images/variations"],
    ["POST", "/v1/audio/speech"],
    ["POST", "/v1/audio/transcriptions"],
    ["POST", "/v1/audio/translations"],
    ["GET", "/v1/files"],
    ["POST", "/v1/files"],
    ["GET", "/v1/files/file-1"],
    ["DELETE", "/v1/files/file-1"],
    ["GET", "/v1/files/file-1/content"],
    ["GET", "/v1/chat/completions"],
    ["GET", "/v1/chat/completions/chatcmpl-1"],
    ["POST", "/v1/chat/completions/chatcmpl-1"],
    ["DELETE", "/v1/chat/completions/chatcmpl-1"],
    ["GET", "/v1/chat/completions/chatcmpl-1/messages"],
  ] as const)("%s %s says so, with a hint", async (method, url) => {
    const { ask } = await openTestApp();
    const answer = await ask(url, { method });
    const { code, message } = answer.json().error;
    expect([answer.status, code]).toEqual([404, "unsupported_endpoint"]);
    expect(message).toMatch(/^This server does not have \/v1\/[\w/]+\. \w.+\.$/);
  });

  test.each([
    ["multipart/form-data; boundary=x"],
    ["audio/wav"],
    ["application/x-www-form-urlencoded"],
  ])("say so also to a body of %s, as these endpoints take them", async (type) => {
    const { ask } = await openTestApp();
    const answer = await ask("/v1/audio/transcriptions", { body: "--x", headers: { "content-type": type } });
    expect([answer.status, answer.json().error.code]).toEqual([404, "unsupported_endpoint"]);
  });
});

describe("models", () => {
  interface Models {
    data: {
      id: string;
      created: number;
      root: string;
      parent: string | null;
      name: string;
      context_length: number;
    }[];
  }
  const route = { fast: { model: "small-1", base_url: "http://127.0.0.1:1" } };

  test("models are the agent, its bare model and the configured aliases", async () => {
    const { ask } = await openTestApp({
      config: { gateway: { api_server: { model_routes: route } }, llm: { context_length: 32_000 } },
    });
    const { data } = (await ask("/v1/models")).json<Models>();
    expect(data.map(({ id, root, parent }) => [id, root, parent])).toEqual([
      ["hermes-agent", "hermes-agent", null],
      ["hermes-agent-lite", "hermes-agent", "hermes-agent"],
      ["fast", "small-1", "hermes-agent"],
    ]);
    expect(data.every(({ name, id, context_length }) => name === id && context_length === 32_000)).toBe(true);
    expect((await ask("/v1/models/fast")).json()).toEqual(data[2]);
  });

  test("models are the same each time, as old as they were", async () => {
    const [one, two] = [await openTestApp(), await openTestApp()];
    expect((await one.ask("/v1/models")).text).toBe((await two.ask("/v1/models")).text);
  });

  test("models are named as the profile's owner wants", async () => {
    const { ask } = await openTestApp({ env: { API_SERVER_MODEL_NAME: "office/helper" } });
    const ids = (await ask("/v1/models")).json<Models>().data.map(({ id }) => id);
    expect(ids).toEqual(["office/helper", "office/helper-lite"]);
    expect((await ask("/v1/models/office%2Fhelper")).status).toBe(200);
  });

  test("models that do not exist are a 404 that names them", async () => {
    const { ask } = await openTestApp();
    const { error } = (await ask("/v1/models/gpt-none")).json();
    expect(error).toMatchObject({ code: "model_not_found", message: expect.stringContaining("gpt-none") });
  });
});

describe("capabilities", () => {
  interface Shape {
    model: string;
    features: Record<string, unknown>;
    endpoints: Record<string, { method: "GET" | "POST" | "PATCH" | "DELETE"; path: string }>;
  }

  const NOBODY = `run_${"0".repeat(32)}`;
  /** The endpoint is there, what its path names is not. */
  const KNOWN_ROUTE = /"code":"(run|session)_not_found"/;

  test("name only endpoints that answer", async () => {
    const { ask } = await openTestApp();
    const { endpoints } = (await ask("/v1/capabilities")).json<Shape>();
    for (const { method, path } of Object.values(endpoints)) {
      const url = path.replace(/\{\w+\}/, NOBODY);
      const hasBody = method === "POST" || method === "PATCH";
      const body = { messages: [], items: 0, title: 0 };
      const { status, text } = await ask(url, { method, ...(hasBody && { body }) });
      const expected = hasBody || path.endsWith("/search") ? 400 : 200;
      if (url !== path && status === 404)
        expect([path, text]).toEqual([path, expect.stringMatching(KNOWN_ROUTE)]);
      else expect([path, status]).toEqual([path, expected]);
    }
  });

  test.each([
    ["responses_api", "/v1/responses"],
    ["conversations_api", "/v1/conversations"],
    ["run_submission", "/v1/runs"],
    ["session_resources", "/api/sessions"],
    ["jobs_admin", "/api/jobs"],
    ["skills_api", "/v1/skills"],
    ["model_options", "/api/model/options"],
  ])("say of %s what its endpoint says", async (feature, path) => {
    const { ask } = await openTestApp();
    const { features } = (await ask("/v1/capabilities")).json<Shape>();
    const { status } = await ask(path);
    expect(features[feature]).toBe(status !== 404);
  });

  test("tell whether pages of other origins may call, and the model's name", async () => {
    const closed = await openTestApp();
    const open = await openTestApp({
      env: { API_SERVER_CORS_ORIGINS: "http://a.example", API_SERVER_MODEL_NAME: "me" },
    });
    expect((await closed.ask("/v1/capabilities")).json<Shape>().features["cors"]).toBe(false);
    const shape = (await open.ask("/v1/capabilities")).json<Shape>();
    expect([shape.features["cors"], shape.model]).toEqual([true, "me"]);
  });
});

test("toolsets list the tools that the model is offered where somebody can be asked", async () => {
  const provider = scriptedProvider([[{ do: "text", delta: "Hi." }]]);
  const { ask } = await openTestApp({ provider });
  const { data } = (await ask("/v1/toolsets")).json<{ data: { tools: string[] }[] }>();
  const headers = { "x-hermes-approvals": "events" };
  await ask(CHAT, { body: { messages: [{ role: "user", content: "Hello?" }] }, headers });
  const offered = provider.requests[0]?.tools.map(({ name }) => name) ?? [];
  expect(data.flatMap(({ tools }) => tools).sort()).toEqual([...offered].sort());
  expect(offered).toContain("terminal");
});

test("the detailed health tells the operator about the parts", async () => {
  const { ask } = await openTestApp();
  const body = (await ask("/health/detailed")).json<{
    active_agents: number;
    readiness: { checks: object };
    pid: number;
  }>();
  expect(body).toMatchObject({ active_agents: 0, pid: process.pid, gateway_state: "running" });
  expect(body.readiness.checks).toMatchObject({
    state_db: { backend: "sqlite" },
    model: { status: "ok" },
    scheduler: { status: "ok", running: 0, waiting: 0, started: 0, start_lag_ms: { last: 0, max: 0 } },
  });
});

describe("the id of a request", () => {
  test("the id of a request is the client's own where it is harmless", async () => {
    const { ask } = await openTestApp();
    const answer = await ask("/health", { headers: { "x-request-id": "trace-1:2.3_4" } });
    expect(answer.headers["x-request-id"]).toBe("trace-1:2.3_4");
  });

  test.each([["a b"], ["<script>"], ["x".repeat(129)], [""]])("is made anew instead of %j", async (given) => {
    const { ask } = await openTestApp();
    const { headers } = await ask("/health", { headers: { "x-request-id": given } });
    expect(headers["x-request-id"]).toMatch(/^req_[0-9a-f]{32}$/);
  });
});
