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

/** Makes what a path speaks of; its names by what stands for them. */
async function made(ask: Ask, what: string): Promise<Record<string, string | undefined>> {
  if (what === "job") return { job: (await ask("/v1/jobs", { body: JOB })).json<{ id: string }>().id };
  if (what === "session") {
    await ask("/api/sessions", { body: { id: "mine" } });
    return { session: "mine" };
  }
  const response = await ask("/v1/responses", { body: { input: "Hello?", conversation: "talk" } });
  const { id, output } = response.json<{ id: string; output: { id: string }[] }>();
  return { response: id, conversation: "talk", item: output[0]?.id };
}

type Ask = (url: string, request?: TestRequest) => Promise<TestAnswer>;

/** Asks, about things of its own where the path speaks of them. */
async function asked(url: string, request?: TestRequest): Promise<TestAnswer> {
  const config = { gateway: { api_server: { cancel_foreground_responses: true } } };
  const { ask } = await openTestApp({ config });
  const [, named] = /\{(\w+)\}/.exec(url) ?? [];
  if (named === undefined) return ask(url, request);
  const names = await made(ask, named);
  return ask(
    url.replace(/\{(\w+)\}/g, (_all, name: string) => names[name] ?? ""),
    request,
  );
}

test("every documented operation is asked here", () => {
  expect(Object.keys(REQUESTS).sort()).toEqual([...OPERATIONS].sort());
});

test.each(Object.entries(REQUESTS))("%s answers as openapi.yaml says", async (_id, [
  url,
  request,
  status,
]) => {
  expect(status === undefined ? [200, 201, 202] : [status]).toContain((await asked(url, request)).status);
});

test.each(
  Object.entries(REQUESTS).filter(([, [url]]) => url.startsWith("/v1/")),
)("%s answers the same without /v1", async (_id, [url, request, status]) => {
  const answer = await asked(url.slice("/v1".length), request);
  expect(status === undefined ? [200, 201, 202] : [status]).toContain(answer.status);
});

test.each(
  Object.entries(REQUESTS).filter(([id]) => id !== "health" && id !== "ready"),
)("%s needs the key", async (_id, [url, request]) => {
  const answer = await asked(url, { ...request, headers: { authorization: undefined } });
  expect(answer.status).toBe(401);
  expect(answer.headers["www-authenticate"]).toMatch(/^Bearer/);
  expect(answer.json().error).toMatchObject({ type: "invalid_request_error", code: "invalid_api_key" });
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
