import { describe, expect, test } from "vitest";
import { HELLO } from "../helpers/chat.ts";
import { openChat } from "../helpers/chat-app.ts";
import { answersOf } from "../helpers/raw-socket.ts";
import { fail, say } from "../helpers/scripted-provider.ts";
import type { TestRequest } from "../helpers/test-app.ts";

const CHAT = "/v1/chat/completions";
const PAGE = "http://localhost:3000";
const open = (origins?: string, env: Record<string, string> = {}) =>
  openChat(() => say("Hi."), { env: { ...(origins && { API_SERVER_CORS_ORIGINS: origins }), ...env } });

/** What a browser sends before a page's own request. */
const preflight = (origin: string, headers = "authorization,content-type"): TestRequest => ({
  method: "OPTIONS",
  headers: {
    origin,
    authorization: undefined,
    "access-control-request-method": "POST",
    "access-control-request-headers": headers,
  },
});

describe("without listed origins", () => {
  test("no page may call, not even what is open, and learns nothing by asking before", async () => {
    const { ask, provider } = await open();
    for (const request of [{ headers: { origin: PAGE } }, preflight(PAGE)]) {
      for (const url of ["/health", "/v1/models", CHAT, "/nowhere"]) {
        const answer = await ask(url, request);
        expect([answer.status, answer.json().error.code]).toEqual([403, "origin_not_allowed"]);
        expect(Object.keys(answer.headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
      }
    }
    await ask(CHAT, { body: { messages: HELLO }, headers: { origin: "null" } });
    expect(provider.requests).toEqual([]);
  });

  test("a page that the server itself served may", async () => {
    const { ask } = await open();
    const own = { host: "127.0.0.1:8642", origin: "http://127.0.0.1:8642" };
    expect((await ask("/v1/models", { headers: own })).status).toBe(200);
    const other = { host: "127.0.0.1:8642", origin: "http://127.0.0.1:8643" };
    expect((await ask("/v1/models", { headers: other })).status).toBe(403);
  });

  test("programs, which have no origin, are not concerned", async () => {
    const { ask } = await open();
    expect((await ask("/v1/models")).status).toBe(200);
  });
});

describe("with listed origins", () => {
  const LISTED = `${PAGE}, tauri://localhost`;

  test.each([
    [PAGE],
    ["tauri://localhost"],
  ])("%s may ask before it calls, for any header of ours", async (origin) => {
    const { ask } = await open(LISTED);
    const wanted =
      "authorization,content-type,x-hermes-session-id,x-stainless-os,idempotency-key,last-event-id";
    const { status, headers } = await ask(CHAT, preflight(origin, wanted));
    expect(status).toBe(204);
    expect(headers["access-control-allow-origin"]).toBe(origin);
    expect(headers["vary"]?.toLowerCase()).toContain("origin");
    expect(headers["access-control-max-age"]).toBe("600");
    expect(headers["access-control-allow-headers"]?.split(/, ?/)).toEqual(wanted.split(","));
    const methods = headers["access-control-allow-methods"]?.split(/, ?/) ?? [];
    expect(methods).toEqual(expect.arrayContaining(["GET", "POST", "PUT", "PATCH", "DELETE"]));
    expect(headers["access-control-allow-credentials"]).toBeUndefined();
  });

  test.each([
    [false],
    [true],
  ])("with listed origins may read its answer and our headers (streamed: %s)", async (stream) => {
    const { chat } = await open(LISTED);
    const { status, headers } = await chat({ stream }, { origin: PAGE });
    expect([status, headers["access-control-allow-origin"]]).toEqual([200, PAGE]);
    expect(headers["vary"]?.toLowerCase()).toContain("origin");
    const exposed = headers["access-control-expose-headers"]?.toLowerCase().split(/, ?/);
    const ours = ["x-request-id", "retry-after", "x-hermes-run-id", "x-hermes-session-id", "x-should-retry"];
    expect(exposed).toEqual(expect.arrayContaining(ours));
  });

  test("with listed origins may read why it was refused, whatever the reason", async () => {
    const { ask } = await open(LISTED);
    const page = (headers: TestRequest["headers"] = {}) => ({ headers: { origin: PAGE, ...headers } });
    const refused = [
      await ask("/v1/models", page({ authorization: undefined })),
      await ask("/nowhere", page()),
      await ask("/v1/models", { method: "PUT", ...page() }),
      await ask(CHAT, { body: {}, ...page() }),
      await ask(CHAT, { body: "x", ...page({ "content-type": "text/plain" }) }),
      await ask("/v1/embeddings", { body: {}, ...page() }),
    ];
    expect(refused.map(({ status }) => status)).toEqual([401, 404, 405, 400, 415, 404]);
    expect(refused.map(({ headers }) => headers["access-control-allow-origin"])).toEqual(Array(6).fill(PAGE));
  });

  test("with listed origins may read a failure", async () => {
    const { chat } = await openChat([fail("overloaded")], { env: { API_SERVER_CORS_ORIGINS: PAGE } });
    const { status, headers } = await chat({}, { origin: PAGE });
    expect([status, headers["access-control-allow-origin"]]).toEqual([503, PAGE]);
  });

  test("others may not", async () => {
    const { ask } = await open(LISTED);
    for (const origin of [
      "http://localhost:3001",
      "https://localhost:3000",
      "null",
      `${PAGE}.evil.example`,
    ]) {
      expect((await ask("/health", { headers: { origin } })).status).toBe(403);
      const asked = await ask(CHAT, preflight(origin));
      expect([asked.status, asked.headers["access-control-allow-origin"]]).toEqual([403, undefined]);
    }
  });

  test("an OPTIONS that is no preflight is still answered", async () => {
    const { ask } = await open(LISTED);
    const answer = await ask(CHAT, { method: "OPTIONS", headers: { authorization: undefined } });
    expect(answer.status).toBe(204);
  });

  test("headers are on a stream before its first event", async () => {
    const { talk, listen } = await open(LISTED);
    await listen();
    const raw = await talk({ messages: HELLO, stream: true }, { origin: PAGE, connection: "close" });
    const [answer] = answersOf(await raw.closed);
    expect(answer?.headers["access-control-allow-origin"]).toBe(PAGE);
  });
});

test("where every page is listed, every page may, but not under a foreign host", async () => {
  const { ask, chat } = await open("*");
  const answer = await chat({}, { origin: "https://anything.example" });
  expect([answer.status, answer.headers["access-control-allow-origin"]]).toEqual([200, "*"]);
  const foreign = { origin: "https://anything.example", host: "evil.example" };
  expect((await ask("/health", { headers: foreign })).status).toBe(421);
});

describe("the Host of a request", () => {
  test.each([
    ["127.0.0.1:8642", {}, 200],
    ["[::1]:1", {}, 200],
    ["192.168.1.7", {}, 200],
    ["localhost:99", {}, 200],
    ["host.docker.internal:8642", {}, 200],
    ["evil.example", {}, 421],
    ["localhost.evil.example", {}, 421],
    ["hermes:8642", {}, 421],
    ["hermes:8642", { API_SERVER_HOST: "0.0.0.0" }, 200],
    ["evil.example", { API_SERVER_HOST: "0.0.0.0" }, 421],
    ["agent.example.org", { API_SERVER_ALLOWED_HOSTS: "agent.example.org" }, 200],
  ])("%s under %j is answered %i, on every URL", async (host, env, status) => {
    const { ask } = await open(undefined, env);
    for (const url of ["/health", "/v1/models"])
      expect((await ask(url, { headers: { host } })).status).toBe(status);
    const elsewhere = await ask("/nowhere", { headers: { host } });
    expect(elsewhere.status).toBe(status === 200 ? 404 : 421);
  });
});
