import type { FastifyInstance } from "fastify";
import { invalidRequest, notSteerable, previousNotFound, sessionBusy } from "../../src/domain/error.ts";
import { type RunId, runIdFrom } from "../../src/domain/id.ts";
import { admitRequest } from "../../src/http/admission.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import type { Runs } from "../../src/runs/service.ts";
import { decodeRun } from "../../src/wire/hermes/runs/decode.ts";
import { listedRun, runObject } from "../../src/wire/hermes/runs/object.ts";
import {
  RunCreated,
  RunList,
  RunListQuery,
  RunObject,
  RunRequest,
  RunSteered,
  RunStopped,
  SteerRequest,
} from "../../src/wire/hermes/runs/schema.ts";
import { referencedIds, requestFiles } from "../../src/wire/openai/responses/items.ts";
import { isAttended, sessionHeader, sessionKey } from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import type { FileReader } from "../../src/wire/shared/files/reader.ts";
import { runCursor, toListPage } from "../../src/wire/shared/page.ts";
import { namedRun, unknownRun } from "./named-run.ts";

/** What the routes need. */
interface RunsRoutesDeps {
  runs: Runs;
  files: FileReader;
  /** Ends what comes before a job's run, such as its script. False: no such run is about to begin. */
  stopUpcoming(id: RunId, owner: string): boolean;
}

/** `/v1/runs`: work that goes on whatever its client does, and can be watched, left, listed and stopped. */
export function runsRoutes(app: FastifyInstance, deps: RunsRoutesDeps): void {
  createRunRoute(app, deps);
  listRunsRoute(app, deps);
  readRoute(app, deps);
  stopRoute(app, deps);
  steerRoute(app, deps);
}

function createRunRoute(app: FastifyInstance, deps: RunsRoutesDeps): void {
  const { runs } = deps;
  mount(app, {
    method: "POST",
    url: "/v1/runs",
    schema: {
      operationId: "createRun",
      summary: "Begin a run",
      tags: ["runs"],
      body: RunRequest,
      response: { 202: RunCreated, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const body = request.body as RunRequest;
      const { headers } = request;
      const owner = getPrincipal(request).id;
      const key = sessionKey(headers);
      const sessionId = body.session_id ?? sessionHeader(headers);
      const attended = isAttended(headers, "events");
      const { run } = await admitRequest<RunRequest>(deps, {
        request,
        reply,
        sessionId,
        key,
        terms: { sessionId, key, attended },
        sent: requestFiles,
        async decode(body, known) {
          const referenced = await runs.findItems(referencedIds(body.input), owner);
          const previous = resolvePrevious(body);
          const input = decodeRun(body, { ...known, sessionId, previous, attended, referenced });
          const { on_conflict: policy } = body;
          if (sessionId !== undefined) await resolveConflict(runs, { sessionId, owner, policy });
          return input;
        },
      });
      void run.begin();
      const status = (await runs.status(run.run.id, owner)) ?? "queued";
      return reply.code(202).send({ run_id: run.run.id, status, replayed: run.replay !== undefined });
    },
  });
}

/** A conversation that the request brings along comes first; what it names must be there even so. */
function resolvePrevious({
  previous_response_id: id,
  conversation_history: history,
}: RunRequest): RunId | undefined {
  if (id === undefined || id === null) return undefined;
  const run = runIdFrom(id);
  if (run === undefined) throw previousNotFound(id, "invalid");
  return history === undefined || history === null ? run : undefined;
}

interface Conflict {
  sessionId: string;
  owner: string;
  policy: RunRequest["on_conflict"];
}

async function resolveConflict(runs: Runs, { sessionId, owner, policy }: Conflict): Promise<void> {
  const active = runs.ofSession(sessionId, owner);
  if (policy === "reject" && active.length > 0) throw sessionBusy();
  // What waits for its turn was promised one.
  if (policy !== "interrupt") return;
  for (const { id } of active) if ((await runs.status(id, owner)) !== "queued") runs.stop(id, owner);
}

function listRunsRoute(app: FastifyInstance, { runs }: RunsRoutesDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/runs",
    schema: {
      operationId: "listRuns",
      summary: "List runs by age",
      tags: ["runs"],
      querystring: RunListQuery,
      response: { 200: RunList, default: ErrorBody },
    },
    handler: async (request) => {
      const { order, limit, after, status, session, job } = request.query as RunListQuery;
      const owner = getPrincipal(request).id;
      const surface = job === undefined ? "runs" : "jobs";
      const query = { owner, surface, order, limit: limit + 1, status, sessionId: session, job } as const;
      const found = await runs.list({ ...query, after: runCursor(after) });
      const { data, has_more } = toListPage(
        found.map((stored) => ({ id: stored.run.id, ...listedRun(stored) })),
        limit,
      );
      return {
        object: "list",
        data: data.map(({ id: _id, ...run }) => run),
        first_id: data[0]?.id ?? null,
        last_id: data.at(-1)?.id ?? null,
        has_more,
      };
    },
  });
}

function readRoute(app: FastifyInstance, { runs }: RunsRoutesDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/runs/:id",
    schema: {
      operationId: "getRun",
      summary: "Read how far a run is, and what it answered",
      tags: ["runs"],
      response: { 200: RunObject, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = namedRun(request);
      const found = await runs.read(id, owner);
      const status = await runs.status(id, owner);
      if (found === undefined || status === undefined) throw unknownRun();
      return runObject({ ...found, status });
    },
  });
}

function stopRoute(app: FastifyInstance, { runs, stopUpcoming }: RunsRoutesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/runs/:id/stop",
    schema: {
      operationId: "stopRun",
      summary: "Stop a run",
      tags: ["runs"],
      response: { 200: RunStopped, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = namedRun(request);
      runs.stop(id, owner);
      const status = await runs.status(id, owner);
      if (status !== undefined) return { run_id: id, status };
      if (!stopUpcoming(id, owner)) throw unknownRun();
      return { run_id: id, status: "stopping" };
    },
  });
}

function steerRoute(app: FastifyInstance, { runs }: RunsRoutesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/runs/:id/steer",
    schema: {
      operationId: "steerRun",
      summary: "Say something to a run that goes on",
      tags: ["runs"],
      body: SteerRequest,
      response: { 200: RunSteered, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = namedRun(request);
      const { input, message, text } = request.body as SteerRequest;
      const words = (input ?? message ?? text ?? "").trim();
      if (words === "")
        throw invalidRequest("input", "Missing required parameter: 'input'.", "invalid_steer_input");
      if ((await runs.status(id, owner)) === undefined) throw unknownRun();
      if (!(await runs.steer(id, owner, words))) throw notSteerable();
      return { object: "hermes.run.steer", run_id: id, accepted: true };
    },
  });
}
