import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { invalidRequest } from "../../src/domain/error.ts";
import type { Job } from "../../src/domain/job.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { envelope, failureHeaders, httpStatus, toAnsweredFailure } from "../../src/http/errors.ts";
import { decodeJob } from "../../src/wire/hermes/jobs/decode.ts";
import {
  FlatError,
  FlatJob,
  FlatJobRuns,
  FlatJobs,
  FlatOk,
  FlatQuery,
  LooseJobPatch,
  LooseJobRequest,
  LooseRunRequest,
} from "../../src/wire/hermes/jobs/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { describeOrigin, type JobsRoutesDeps, jobNamed, showFire, showJob, showJobs } from "./job-request.ts";

/**
 * `/api/jobs`: the same jobs as the reference's clients know them, with its codes and its flat errors.
 * @see hermes-api.md 1.10
 */
export function apiJobsRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  apiCollectionRoutes(app, deps);
  apiJobRoutes(app, deps);
  apiActionRoutes(app, deps);
}

/** Refusals that clients know by their text. */
const WORDS: Readonly<Record<string, string>> = { job_not_found: "Job not found" };

interface Route extends Pick<RouteOptions, "method" | "url" | "handler"> {
  schema: object;
}

/** A route whose refusals are `{"error": "text"}`; who may not ask is told as everywhere. */
function flat(app: FastifyInstance, { schema, ...route }: Route): void {
  app.route({
    ...route,
    schema: { tags: ["jobs"], ...schema },
    errorHandler: (error, request, reply) => {
      const failure = toAnsweredFailure(error, request);
      reply.code(httpStatus(failure)).headers(failureHeaders(failure));
      reply.send(
        request.principal === undefined
          ? envelope(failure)
          : { error: WORDS[failure.code] ?? failure.message },
      );
    },
  });
}

function apiCollectionRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  flat(app, {
    method: "GET",
    url: "/api/jobs",
    schema: {
      operationId: "listHermesJobs",
      summary: "List jobs as hermes does",
      querystring: FlatQuery,
      response: { 200: FlatJobs, 401: ErrorBody, default: FlatError },
    },
    handler: async (request, reply) => {
      const { include_disabled: all } = request.query as FlatQuery;
      const isListed = ({ state }: Job) => all === "true" || all === "1" || state !== "paused";
      const texts: string[] = [];
      // Its clients know no pages; printed part by part, thousands keep no other request waiting.
      for await (const part of jobs.all(getPrincipal(request).id))
        for (const job of await showJobs(deps, part.filter(isListed))) texts.push(JSON.stringify(job));
      return reply.type("application/json; charset=utf-8").send(`{"jobs":[${texts.join(",")}]}`);
    },
  });
  flat(app, {
    method: "POST",
    url: "/api/jobs",
    schema: {
      operationId: "createHermesJob",
      summary: "Schedule work as hermes does",
      body: LooseJobRequest,
      response: { 200: FlatJob, 401: ErrorBody, default: FlatError },
    },
    handler: async (request) => {
      const body = request.body as LooseJobRequest;
      const job = await jobs.create(getPrincipal(request).id, decodeJob(body), {
        origin: describeOrigin(request),
      });
      return { job: await showJob(deps, job) };
    },
  });
}

function apiJobRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  const response = { 200: FlatJob, 401: ErrorBody, default: FlatError };
  flat(app, {
    method: "GET",
    url: "/api/jobs/:id",
    schema: { operationId: "getHermesJob", summary: "Read a job as hermes does", response },
    handler: async (request) => ({ job: await showJob(deps, await jobNamed(deps, request)) }),
  });
  flat(app, {
    method: "PATCH",
    url: "/api/jobs/:id",
    schema: {
      operationId: "updateHermesJob",
      summary: "Change a job as hermes does",
      body: LooseJobPatch,
      response,
    },
    handler: async (request) => {
      const body = request.body as LooseJobPatch;
      if (Object.values(body).every((value) => value === undefined))
        throw invalidRequest(undefined, "No valid fields to update");
      const job = await jobs.update(await jobNamed(deps, request), decodeJob(body));
      return { job: await showJob(deps, job) };
    },
  });
  flat(app, {
    method: "DELETE",
    url: "/api/jobs/:id",
    schema: {
      operationId: "deleteHermesJob",
      summary: "Delete a job as hermes does",
      response: { 200: FlatOk, 401: ErrorBody, default: FlatError },
    },
    handler: async (request) => {
      const { id, owner } = await jobNamed(deps, request);
      await jobs.remove(id, owner);
      return { ok: true };
    },
  });
  flat(app, {
    method: "GET",
    url: "/api/jobs/:id/runs",
    schema: {
      operationId: "listHermesJobRuns",
      summary: "Read a job's latest runs",
      response: { 200: FlatJobRuns, 401: ErrorBody, default: FlatError },
    },
    handler: async (request) => {
      const job = await jobNamed(deps, request);
      const found = await jobs.fires({ jobId: job.id, owner: job.owner, order: "desc", limit: 100 });
      return { runs: found.map((fire) => showFire(deps, job, fire)) };
    },
  });
}

function apiActionRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  const action = (name: string, summary: string, act: (job: Job, request: FastifyRequest) => Promise<Job>) =>
    flat(app, {
      method: "POST",
      url: `/api/jobs/:id/${name}`,
      schema: {
        operationId: `${name}HermesJob`,
        summary,
        ...(name === "run" && { body: LooseRunRequest }),
        response: { 200: FlatJob, 401: ErrorBody, default: FlatError },
      },
      handler: async (request) => ({
        job: await showJob(deps, await act(await jobNamed(deps, request), request)),
      }),
    });
  action("pause", "Pause a job as hermes does", ({ id, owner }) => jobs.pause(id, owner));
  action("resume", "Go on with a job as hermes does", (job) => jobs.resume(job));
  action("run", "Do a job now as hermes does", async (job, { body }) => {
    const done = await jobs.runNow(job, { prompt: (body as LooseRunRequest)?.prompt ?? undefined });
    return done.job;
  });
}
