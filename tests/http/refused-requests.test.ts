import { expect, test } from "vitest";
import { say, scriptedProvider } from "../helpers/scripted-provider.ts";
import { type AnyBody, openTestApp, TEST_KEY, type TestApp } from "../helpers/test-app.ts";
import { type WrongRequest, wrongRequests } from "./wrong-requests.ts";

/** What the answer to each request says for machines; `npx vitest run -u` with this file records it anew. */
const RECORDED = "./refused-requests.txt";

test("every wrong request is refused with the status, type, code and param that are recorded", async () => {
  const app = await openTestApp({
    provider: scriptedProvider(() => say("Hi.")),
    config: { server: { max_concurrent_runs: 64, max_queued_runs: 1_000 } },
  });
  const lines: string[] = [];
  let existing: Ids = {};
  let operation = "";
  for (const request of wrongRequests()) {
    const now = `${request.method} ${request.path}`;
    // What other operations changed must not matter: the order of the routes may change.
    if (now !== operation) existing = await makeOneOfEach(app);
    operation = now;
    lines.push(`${request.name} -> ${await answerTo(app, request, existing)}`);
  }
  expect(new Set(lines).size).toBeGreaterThan(3_000);
  expect(lines.filter((line) => / -> 5\d\d /.test(line) && !/ not_implemented /.test(line))).toEqual([]);
  await expect(`${lines.join("\n")}\n`).toMatchFileSnapshot(RECORDED);
}, 60_000);

type Ids = Readonly<Record<string, string>>;

/** One thing of each kind that a path may name, by the path before its id. */
async function makeOneOfEach({ ask }: TestApp): Promise<Ids> {
  const made = async (path: string, body: object) => (await ask(path, { body })).json<{ id: string }>().id;
  const run = (await ask("/v1/runs", { body: { input: "Hello?" } })).json<{ run_id: string }>().run_id;
  const job = await made("/v1/jobs", { prompt: "Hello?", schedule: "0 0 1 1 *" });
  const { session } = (await ask("/api/sessions", { body: {} })).json<{ session: { id: string } }>();
  return {
    "/v1/models/": "hermes-agent",
    "/v1/responses/": await made("/v1/responses", { input: "Hello?" }),
    "/v1/conversations/": await made("/v1/conversations", {}),
    "/v1/runs/": run,
    "/v1/jobs/": job,
    "/api/jobs/": job,
    "/api/sessions/": session.id,
  };
}

async function answerTo({ app }: TestApp, request: WrongRequest, existing: Ids): Promise<string> {
  const path = request.path.replace(/^([^{]*)\{(\w+)\}/, (_, before: string, name: string) => {
    return before + (request.ids[name] ?? existing[before] ?? "none");
  });
  const rest = path.replace(/\{(\w+)\}/, (_, name: string) => request.ids[name] ?? "none");
  const query = Object.entries(request.query).map(([name, value]) => `${name}=${value.replace(" ", "+")}`);
  const { body } = request;
  const headers = {
    authorization: `Bearer ${TEST_KEY}`,
    ...(body !== undefined && { "content-type": "application/json" }),
    ...request.headers,
  };
  const answer = await app.http.inject({
    method: request.method as "GET",
    url: `${rest}${query.length > 0 ? `?${query.join("&")}` : ""}`,
    headers: Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined)),
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return told(answer.statusCode, answer.body);
}

/** What a program reads in an answer: not its words, which may change. */
function told(status: number, text: string): string {
  if (status < 400 || text === "") return String(status);
  const { error } = JSON.parse(text) as { error: string | AnyBody["error"] };
  // The older routes of jobs say it in words alone.
  if (typeof error === "string") return String(status);
  return `${status} ${error.type} ${error.code} ${error.param}`;
}
