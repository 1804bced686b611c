import { expect, test } from "vitest";
import { OPERATIONS } from "../contract/openapi.ts";
import { openTestApp, type TestAnswer, type TestRequest } from "../helpers/test-app.ts";

const MESSAGE = { role: "user", content: "Hello?" };
const CONVERSATION = "/v1/conversations/{conversation}";
const SESSION = "/api/sessions/{session}";
const JOB = { name: "Look", prompt: "Look.", schedule: "every 1h" };

/** One good request for each documented operation. */
const REQUESTS: Readonly<Record<string, [url: string, request?: TestRequest, status?: number]>> = {
  createResponse: ["/v1/responses", { body: { model: "hermes-agent", input: "Hello?" } }],
  listResponses: ["/v1/responses"],
  getResponse: ["/v1/responses/{response}"],
  listResponseInputItems: ["/v1/responses/{response}/input_items"],
  cancelResponse: ["/v1/responses/{response}/cancel", { method: "POST" }],
  deleteResponse: ["/v1/responses/{response}", { method: "DELETE" }],
  createConversation: ["/v1/conversations", { body: { items: [MESSAGE] } }],
  getConversation: [CONVERSATION],
  updateConversation: [CONVERSATION, { body: { metadata: { a: "b" } } }],
  deleteConversation: [CONVERSATION, { method: "DELETE" }],
  createConversationItems: [`${CONVERSATION}/items`, { body: { items: [MESSAGE] } }],
  listConversationItems: [`${CONVERSATION}/items`],
  getConversationItem: [`${CONVERSATION}/items/{item}`],
  deleteConversationItem: [`${CONVERSATION}/items/{item}`, { method: "DELETE" }],
  compactResponse: ["/v1/responses/compact", { body: { model: "hermes-agent", input: "Hello?" } }],
  countResponseInputTokens: ["/v1/responses/input_tokens", { body: { input: "Hello?" } }],
  createRun: ["/v1/runs", { body: { input: "Hello?" } }],
  listRuns: ["/v1/runs"],
  getRun: ["/v1/runs/{response}"],
  followRun: ["/v1/runs/{response}/events"],
  // Of a run that is over; what it answers else is in runs.test.ts.
  steerRun: ["/v1/runs/{response}/steer", { method: "POST", body: { input: "Be brief." } }, 409],
  answerApproval: ["/v1/runs/{response}/approval", { body: { choice: "once" } }, 409],
  answerClarify: ["/v1/runs/{response}/clarify", { body: { clarify_id: "ask_1", answer: "Yes." } }, 409],
  listApprovals: ["/v1/approvals"],
  revokeApproval: ["/v1/approvals/appr_1", { method: "DELETE" }, 404],
  stopRun: ["/v1/runs/{response}/stop", { method: "POST" }],
  createSession: ["/api/sessions", { body: { id: "another" } }],
  listSessions: ["/api/sessions"],
  searchSessions: ["/api/sessions/search?q=hello"],
  getSession: [SESSION],
  updateSession: [SESSION, { method: "PATCH", body: { title: "Talk" } }],
  deleteSession: [SESSION, { method: "DELETE" }],
  listSessionMessages: [`${SESSION}/messages`],
  forkSession: [`${SESSION}/fork`, { body: {} }],
  chatInSession: [`${SESSION}/chat`, { body: { message: "Hello?" } }],
  streamSessionChat: [`${SESSION}/chat/stream`, { body: { message: "Hello?" } }],
  lockSessionModel: [`${SESSION}/model`, { body: { model: "hermes-agent" } }],
  createJob: ["/v1/jobs", { body: JOB }],
  listJobs: ["/v1/jobs"],
  getJob: ["/v1/jobs/{job}"],
  updateJob: ["/v1/jobs/{job}", { method: "PATCH", body: { name: "Hourly" } }],
  deleteJob: ["/v1/jobs/{job}", { method: "DELETE" }],
  pauseJob: ["/v1/jobs/{job}/pause", { method: "POST" }],
  resumeJob: ["/v1/jobs/{job}/resume", { method: "POST" }],
  runJob: ["/v1/jobs/{job}/run", { method: "POST" }],
  listJobRuns: ["/v1/jobs/{job}/runs"],
  forecastJob: ["/v1/jobs/{job}/forecast"],
  listJobOutputs: ["/v1/jobs/{job}/outputs"],
  readJobOutput: ["/v1/jobs/{job}/outputs/none.md", {}, 404],
  importJobs: ["/v1/jobs/import?dry_run=true", { body: { jobs: [] } }],
  createHermesJob: ["/api/jobs", { body: JOB }],
  listHermesJobs: ["/api/jobs"],
  getHermesJob: ["/api/jobs/{job}"],
  updateHermesJob: ["/api/jobs/{job}", { method: "PATCH", body: { name: "Hourly" } }],
  deleteHermesJob: ["/api/jobs/{job}", { method: "DELETE" }],
  pauseHermesJob: ["/api/jobs/{job}/pause", { method: "POST" }],
  resumeHermesJob: ["/api/jobs/{job}/resume", { method: "POST" }],
  runHermesJob: ["/api/jobs/{job}/run", { method: "POST" }],
  listHermesJobRuns: ["/api/jobs/{job}/runs"],
  health: ["/v1/health"],
  ready: ["/ready"],
  detailedHealth: ["/health/detailed"],
  capabilities: ["/v1/capabilities"],
  listToolsets: ["/v1/toolsets"],
  listSkills: ["/v1/skills"],
  backup: ["/v1/backup"],
  listModels: ["/v1/models"],
  retrieveModel: ["/v1/models/hermes-agent"],
  createChatCompletion: [
    "/v1/chat/completions",
    { body: { model: "hermes-agent", messages: [{ role: "user", content: "Hello?" }] } },
  ],
};

type Ask = (url: string, request?: TestRequest) => Promise<TestAnswer>;

/** Creates what a path names; its ids by the names of the path's parameters. */
async function create(ask: Ask, what: string): Promise<Record<string, string | undefined>> {
  if (what === "job") return { job: (await ask("/v1/jobs", { body: JOB })).json<{ id: string }>().id };
  if (what === "session")
    return {
      session: (await ask("/api/sessions", { body: {} })).json<{ session: { id: string } }>().session.id,
    };
  const { id: conversation } = (await ask("/v1/conversations", { body: {} })).json<{ id: string }>();
  const response = await ask("/v1/responses", { body: { input: "Hello?", conversation } });
  const { id, output } = response.json<{ id: string; output: { id: string }[] }>();
  return { response: id, conversation, item: output[0]?.id };
}

/** Asks each operation, about things of its own, and returns the names of those whose answer is not as it should be. */
async function unexpected(
  operations: readonly [id: string, request: (typeof REQUESTS)[string]][],
  isExpected: (answer: TestAnswer, status: number | undefined) => boolean,
): Promise<string[]> {
  const config = { gateway: { api_server: { cancel_foreground_responses: true } } };
  const { ask } = await openTestApp({ config });
  const wrong: string[] = [];
  for (const [id, [url, request, status]] of operations) {
    const [, named] = /\{(\w+)\}/.exec(url) ?? [];
    const names = named === undefined ? {} : await create(ask, named);
    const path = url.replace(/\{(\w+)\}/g, (_all, name: string) => names[name] ?? "");
    const answer = await ask(path, request);
    if (!isExpected(answer, status)) wrong.push(`${id}: ${answer.status} ${answer.text.slice(0, 200)}`);
  }
  return wrong;
}

const ALL = Object.entries(REQUESTS);

const hasStatus = (answer: TestAnswer, status: number | undefined) =>
  status === undefined ? [200, 201, 202].includes(answer.status) : answer.status === status;

test("every documented operation is asked here", () => {
  expect(Object.keys(REQUESTS).sort()).toEqual([...OPERATIONS].sort());
});

test("every operation answers as openapi.yaml says", async () => {
  expect(await unexpected(ALL, hasStatus)).toEqual([]);
});

test("every operation under /v1 answers the same without /v1", async () => {
  const bare = ALL.filter(([, [url]]) => url.startsWith("/v1/")).map(
    ([id, [url, ...rest]]) => [id, [url.slice("/v1".length), ...rest]] as (typeof ALL)[number],
  );
  expect(await unexpected(bare, hasStatus)).toEqual([]);
});

test("every operation but the public health checks needs the key", async () => {
  const closed = ALL.filter(([id]) => id !== "health" && id !== "ready").map(
    ([id, [url, request]]) =>
      [id, [url, { ...request, headers: { authorization: undefined } }]] as (typeof ALL)[number],
  );
  const isRefused = ({ status, headers, json }: TestAnswer) => {
    const { error } = json<{ error?: { type: string; code: string } }>();
    return (
      status === 401 &&
      /^Bearer/.test(String(headers["www-authenticate"])) &&
      error?.type === "invalid_request_error" &&
      error.code === "invalid_api_key"
    );
  };
  expect(await unexpected(closed, isRefused)).toEqual([]);
});

test.each([["/health"], ["/v1/health"], ["/ready"]])("%s is open to all and tells nothing", async (url) => {
  const { ask, home, workspace } = await openTestApp();
  const answer = await ask(url, { headers: { authorization: undefined } });
  expect(answer.status).toBe(200);
  expect(answer.text).not.toContain(home);
  expect(answer.text).not.toContain(workspace);
  expect(Object.keys(answer.json())).toEqual(
    url === "/ready" ? ["status"] : ["status", "platform", "version"],
  );
});
