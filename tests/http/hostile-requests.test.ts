import { describe, expect, test } from "vitest";
import { HUGE, hostileValues, LETTER, OPERATIONS, type Operation } from "../helpers/hostile-values.ts";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { openTestApp, TEST_KEY, type TestAnswer, type TestApp } from "../helpers/test-app.ts";

/** An error is no longer, headers aside. */
const MAX_ERROR_BYTES = 1_500;

/** What is wrong with an answer, if anything. */
function faultOf({ status, text }: Pick<TestAnswer, "status" | "text">): string | undefined {
  if (status >= 500 && status !== 501) return `${status} ${text.slice(0, 200)}`;
  if (status < 400) return undefined;
  const repeated = Math.max(
    0,
    ...[...text.matchAll(new RegExp(`${LETTER}+`, "g"))].map(([run]) => run.length),
  );
  if (repeated > 64) return `${status} repeats ${repeated} characters`;
  return Buffer.byteLength(text) > MAX_ERROR_BYTES
    ? `${status} is ${text.length} characters long`
    : undefined;
}

async function open() {
  const provider = scriptedProvider(() => say("Hi."));
  const app = await openTestApp({ provider, config: { server: { max_concurrent_runs: 0 } } });
  return { ...app, urlOf: await urls(app) };
}

/** Paths of operations, with things in them that are there. */
async function urls({ ask }: TestApp): Promise<(path: string) => string> {
  const id = async (url: string, body: object) => (await ask(url, { body })).json<Record<string, string>>();
  const { session } = (await ask("/api/sessions", { body: {} })).json<{ session: { id: string } }>();
  const ids: Record<string, string | undefined> = {
    "/v1/jobs": (await id("/v1/jobs", { prompt: "x", schedule: "every 2h" }))["id"],
    "/api/jobs": (await id("/api/jobs", { name: "x", prompt: "x", schedule: "every 2h" }))["job_id"],
    "/v1/conversations": (await id("/v1/conversations", {}))["id"],
    "/v1/responses": (await id("/v1/responses", { input: "x" }))["id"],
    "/v1/runs": (await id("/v1/runs", { input: "x" }))["run_id"],
    "/api/sessions": session.id,
  };
  ids["/api/jobs"] ??= ids["/v1/jobs"];
  return (path) => {
    const [, root = ""] = /^(\/\w+\/\w+)/.exec(path) ?? [];
    return path.replace("{id}", ids[root] ?? "x").replace(/\{\w+\}/g, "x");
  };
}

const WITH_BODY = OPERATIONS.filter(({ body }) => body !== undefined);
const nameOf = ({ method, path }: Operation) => `${method} ${path}`;

describe("whatever a body holds at any place of it", () => {
  test.each(WITH_BODY.map((operation) => [nameOf(operation), operation] as const))(
    "%s answers, and an error is short",
    { timeout: 60_000 },
    async (_name, { method, path, body = {} }) => {
      const { ask, urlOf } = await open();
      const faults: string[] = [];
      let tried = 0;
      for (const value of hostileValues(body)) {
        tried++;
        const answer = await ask(urlOf(path), { method: method as "POST", body: value });
        const fault = faultOf(answer);
        if (fault !== undefined) faults.push(`${JSON.stringify(value).slice(0, 300)}: ${fault}`);
      }
      expect(faults).toEqual([]);
      expect(tried).toBeGreaterThan(0);
    },
  );
});

describe("whatever else a request holds", () => {
  test("a path with huge ids is answered by a short error", async () => {
    const { app } = await open();
    const headers = { authorization: `Bearer ${TEST_KEY}` };
    for (const { method, path } of OPERATIONS) {
      for (const length of [50, 500]) {
        const url = `${path.replace(/\{\w+\}/g, encodeURIComponent(LETTER).repeat(length))}x`;
        const { statusCode: status, body: text } = await app.http.inject({
          method: method as "GET",
          url,
          headers,
        });
        expect([
          path,
          faultOf({ status, text: text.replaceAll(encodeURIComponent(LETTER), LETTER) }),
        ]).toEqual([path, undefined]);
      }
    }
  });

  test("a query with huge values is answered by a short error", async () => {
    const { ask, urlOf } = await open();
    for (const { method, path, query } of OPERATIONS) {
      for (const name of query) {
        const url = `${urlOf(path)}?${name}=${encodeURIComponent(HUGE.slice(0, 1_500))}`;
        expect([url.slice(0, 60), faultOf(await ask(url, { method: method as "GET" }))]).toEqual([
          url.slice(0, 60),
          undefined,
        ]);
      }
    }
  });

  test.each([
    "host",
    "origin",
    "authorization",
    "content-type",
    "content-encoding",
    "idempotency-key",
    "last-event-id",
    "user-agent",
    "cookie",
    "x-request-id",
    "x-hermes-session-id",
    "x-hermes-session-key",
    "x-hermes-tool-progress",
    "x-hermes-tool-items",
    "x-hermes-approvals",
    "x-hermes-on-disconnect",
  ])("a huge header %s is answered by a short error, or as if it were not there", async (name) => {
    const { ask } = await open();
    for (const url of ["/v1/chat/completions", "/v1/responses", "/v1/runs", "/v1/jobs"]) {
      const body = {
        messages: [{ role: "user", content: "x" }],
        input: "x",
        prompt: "x",
        schedule: "every 2h",
      };
      const answer = await ask(url, { body, headers: { [name]: "Z".repeat(10_000) } });
      expect(faultOf({ ...answer, text: answer.text.replaceAll("Z", LETTER) })).toBeUndefined();
    }
  });

  test("a call id of a megabyte is named by its beginning", async () => {
    const { ask } = await open();
    const call = { id: LETTER.repeat(500_000), type: "function", function: { name: "f", arguments: "{}" } };
    const messages = [
      { role: "user", content: "x" },
      { role: "assistant", tool_calls: [call] },
    ];
    const answer = await ask("/v1/chat/completions", { body: { messages } });
    expect([answer.status, answer.json().error.code]).toEqual([400, "missing_tool_output"]);
    expect(faultOf(answer)).toBeUndefined();
    const orphan = { role: "tool", tool_call_id: LETTER.repeat(500_000), content: "x" };
    expect(faultOf(await ask("/v1/chat/completions", { body: { messages: [orphan] } }))).toBeUndefined();
  });
});
