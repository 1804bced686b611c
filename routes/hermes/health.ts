import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance } from "fastify";
import { mount } from "../../src/http/mount.ts";
import type { Scheduler } from "../../src/jobs/scheduler/scheduler.ts";
import type { Runs } from "../../src/runs/service.ts";
import { DetailedHealth, Health, type HealthCheck, Ready } from "../../src/wire/hermes/health/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";

/** How long a part has to say how it is, ms. */
const PATIENCE_MS = 1_000;

/** Whether what is acknowledged can be kept. */
interface StoreHealth {
  state: string;
  detail?: string;
}

/** What the routes need. */
interface HealthDeps {
  version: string;
  runs: Runs;
  store: { health: StoreHealth; look(): Promise<StoreHealth> };
  scheduler: Pick<Scheduler, "isAlive">;
  /** The entries of the server's parts, by name. */
  checks(): Iterable<readonly [name: string, check: () => HealthCheck | Promise<HealthCheck>]>;
}

/** Liveness and readiness, open and without details; the details for those who have the key. */
export function healthRoutes(app: FastifyInstance, deps: HealthDeps): void {
  const { version, runs, scheduler, store } = deps;
  const open = { config: { open: true } } as const;
  mount(app, {
    ...open,
    method: "GET",
    url: "/v1/health",
    schema: {
      operationId: "health",
      summary: "Is the process alive?",
      tags: ["health"],
      security: [],
      response: { 200: Health, default: ErrorBody },
    },
    handler: async () => ({ status: "ok", platform: "hermes-agent", version }),
  });
  app.route({
    ...open,
    method: "GET",
    url: "/ready",
    schema: {
      operationId: "ready",
      summary: "Does the server take new work?",
      tags: ["health"],
      security: [],
      response: { 200: Ready, 503: Ready, default: ErrorBody },
    },
    handler: async (_request, reply) => {
      const { state } = await lookAtStore(store);
      // On a full disk reads and deletions go on, and a deletion is what may help.
      const canKeep = state === "ok" || state === "full";
      if (!runs.isDraining && scheduler.isAlive && canKeep) return { status: "ready" };
      reply.code(503).header("retry-after", "1");
      return { status: "not_ready" };
    },
  });
  app.route({
    method: "GET",
    url: "/health/detailed",
    schema: {
      operationId: "detailedHealth",
      summary: "The state of the server's parts",
      tags: ["health"],
      response: { 200: DetailedHealth, default: ErrorBody },
    },
    handler: () => detailed(deps),
  });
}

async function detailed({ version, runs, store, checks: partChecks }: HealthDeps): Promise<DetailedHealth> {
  const state = runs.isDraining ? "draining" : "running";
  const checks: Record<string, HealthCheck> = {
    state_db: storeCheck(await lookAtStore(store)),
    config: { status: "ok" },
    gateway: { status: "ok", state, connected_platforms: ["api_server"] },
    background_queues: {
      status: "ok",
      active_api_runs: runs.active,
      process_completions: 0,
      active_delegations: 0,
    },
  };
  for (const [name, check] of partChecks()) checks[name] = await runCheck(check);
  const status = Object.values(checks).some((check) => check.status === "degraded") ? "degraded" : "ok";
  return {
    status,
    platform: "hermes-agent",
    version,
    readiness: { status, checks },
    gateway_state: state,
    platforms: { api_server: { state: "connected" } },
    active_agents: runs.active,
    gateway_busy: runs.active > 0,
    gateway_drainable: true,
    exit_reason: null,
    updated_at: new Date().toISOString(),
    pid: process.pid,
  };
}

/** As it is now, or as it was last known on a disk that does not answer. */
async function lookAtStore(store: HealthDeps["store"]): Promise<StoreHealth> {
  return (await soon(store.look())) ?? store.health;
}

/** What comes in time, undefined else. */
async function soon<Result>(work: Promise<Result>): Promise<Result | undefined> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
  return Promise.race([work, late]).finally(() => patience.abort());
}

/** A part that cannot even be asked is not well. */
async function runCheck(check: () => HealthCheck | Promise<HealthCheck>): Promise<HealthCheck> {
  try {
    return (await soon(Promise.resolve(check()))) ?? { status: "degraded", detail: "It does not answer." };
  } catch (error) {
    return { status: "degraded", detail: error instanceof Error ? error.message : String(error) };
  }
}

function storeCheck({ state, detail }: StoreHealth): HealthCheck {
  const facts = { backend: "sqlite", ...(detail !== undefined && { detail }) };
  return { status: state === "ok" ? "ok" : "degraded", state, ...facts };
}
