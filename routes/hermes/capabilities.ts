import type { FastifyInstance } from "fastify";
import { mount } from "../../src/http/mount.ts";
import type { ListedToolset } from "../../src/tools/registry.ts";
import { Capabilities, SkillList, ToolsetList } from "../../src/wire/hermes/health/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";

/** What the routes need. */
interface CapabilitiesDeps {
  model: string;
  cors: boolean;
  /** The groups of tools that there are now. */
  toolsets(): readonly ListedToolset[];
  /** The skills of the home, by category and name. */
  skills(): Promise<SkillList["data"]>;
}

/** GET /v1/capabilities, /v1/toolsets and /v1/skills: what is here, and honestly what is not. */
export function capabilityRoutes(app: FastifyInstance, deps: CapabilitiesDeps): void {
  const { model, cors } = deps;
  mount(app, {
    method: "GET",
    url: "/v1/capabilities",
    schema: {
      operationId: "capabilities",
      summary: "What this server can do",
      tags: ["server"],
      response: { 200: Capabilities, default: ErrorBody },
    },
    handler: async () => capabilities(model, cors),
  });
  mount(app, {
    method: "GET",
    url: "/v1/toolsets",
    schema: {
      operationId: "listToolsets",
      summary: "List the agent's tools by group",
      tags: ["server"],
      response: { 200: ToolsetList, default: ErrorBody },
    },
    handler: async () => ({
      object: "list",
      platform: "api_server",
      data: deps.toolsets().map(({ name, label, description, tools }) => ({
        name,
        label,
        description,
        enabled: true,
        configured: true,
        tools,
      })),
    }),
  });
  mount(app, {
    method: "GET",
    url: "/v1/skills",
    schema: {
      operationId: "listSkills",
      summary: "List the skills of the home",
      tags: ["server"],
      response: { 200: SkillList, default: ErrorBody },
    },
    handler: async () => ({ object: "list", data: await deps.skills() }),
  });
}

const ENDPOINTS: Capabilities["endpoints"] = {
  health: { method: "GET", path: "/health" },
  health_detailed: { method: "GET", path: "/health/detailed" },
  models: { method: "GET", path: "/v1/models" },
  chat_completions: { method: "POST", path: "/v1/chat/completions" },
  responses: { method: "POST", path: "/v1/responses" },
  conversations: { method: "POST", path: "/v1/conversations" },
  runs: { method: "POST", path: "/v1/runs" },
  run_status: { method: "GET", path: "/v1/runs/{run_id}" },
  run_events: { method: "GET", path: "/v1/runs/{run_id}/events" },
  run_stop: { method: "POST", path: "/v1/runs/{run_id}/stop" },
  run_steer: { method: "POST", path: "/v1/runs/{run_id}/steer" },
  run_approval: { method: "POST", path: "/v1/runs/{run_id}/approval" },
  run_clarify: { method: "POST", path: "/v1/runs/{run_id}/clarify" },
  approvals: { method: "GET", path: "/v1/approvals" },
  jobs: { method: "GET", path: "/v1/jobs" },
  job_import: { method: "POST", path: "/v1/jobs/import" },
  job_create: { method: "POST", path: "/v1/jobs" },
  toolsets: { method: "GET", path: "/v1/toolsets" },
  skills: { method: "GET", path: "/v1/skills" },
  backup: { method: "GET", path: "/v1/backup" },
  sessions: { method: "GET", path: "/api/sessions" },
  session_search: { method: "GET", path: "/api/sessions/search" },
  session_create: { method: "POST", path: "/api/sessions" },
  session: { method: "GET", path: "/api/sessions/{session_id}" },
  session_update: { method: "PATCH", path: "/api/sessions/{session_id}" },
  session_delete: { method: "DELETE", path: "/api/sessions/{session_id}" },
  session_messages: { method: "GET", path: "/api/sessions/{session_id}/messages" },
  session_fork: { method: "POST", path: "/api/sessions/{session_id}/fork" },
  session_chat: { method: "POST", path: "/api/sessions/{session_id}/chat" },
  session_chat_stream: { method: "POST", path: "/api/sessions/{session_id}/chat/stream" },
  session_model_lock: { method: "POST", path: "/api/sessions/{session_id}/model" },
};

const KEYS = { supported: true, durable: true, retention_seconds: 86_400 };
const IDEMPOTENCY = {
  chat_completions_idempotency: KEYS,
  responses_idempotency: KEYS,
  runs_idempotency: KEYS,
};

/** Names of the reference; each is true only when the thing exists here. */
function capabilities(model: string, cors: boolean): Capabilities {
  return {
    object: "hermes.api_server.capabilities",
    platform: "hermes-agent",
    model,
    auth: { type: "bearer", required: true },
    runtime: {
      mode: "server_agent",
      tool_execution: "server",
      split_runtime: false,
      description: "The server runs the agent and its tools; clients may add tools of their own.",
    },
    features: {
      chat_completions: true,
      chat_completions_streaming: true,
      tool_progress_events: true,
      reasoning_streaming: true,
      client_tools: true,
      session_continuity_header: "X-Hermes-Session-Id",
      session_key_header: "X-Hermes-Session-Key",
      cors,
      responses_api: true,
      responses_streaming: true,
      responses_websocket: true,
      conversations_api: true,
      responses_compact: true,
      responses_input_tokens: true,
      run_submission: true,
      run_status: true,
      run_events_sse: true,
      run_stop: true,
      run_steer: true,
      run_approval_response: true,
      approval_events: true,
      approval_identity_v1: true,
      run_clarify: true,
      ...IDEMPOTENCY,
      session_resources: true,
      session_chat: true,
      session_chat_streaming: true,
      session_fork: true,
      session_search: true,
      session_model_lock: true,
      model_options: false,
      admin_config_rw: false,
      jobs_admin: true,
      skills_api: true,
      memory_write_api: false,
      audio_api: false,
      realtime_voice: false,
    },
    endpoints: ENDPOINTS,
  };
}
