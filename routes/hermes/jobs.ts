import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalidRequest } from "../../src/domain/error.ts";
import type { Job } from "../../src/domain/job.ts";
import { isInstant, LAST_INSTANT } from "../../src/domain/schedule.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import { isFireId, isJobId } from "../../src/jobs/job-id.ts";
import { decodeJob } from "../../src/wire/hermes/jobs/decode.ts";
import { occurrenceObject } from "../../src/wire/hermes/jobs/object.ts";
import {
  Forecast,
  ForecastQuery,
  JobDeleted,
  JobList,
  JobListQuery,
  JobObject,
  JobPatch,
  JobRequest,
  JobRun,
  JobRunList,
  JobRunsQuery,
  PauseJobRequest,
  RunJobRequest,
} from "../../src/wire/hermes/jobs/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { toListPage, unknownCursor } from "../../src/wire/shared/page.ts";
import { describeOrigin, type JobsRoutesDeps, jobNamed, showFire, showJob, showJobs } from "./job-request.ts";

const tags = ["jobs"];

/** `/v1/jobs`: scheduled work, in our own form. */
export function jobsRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  collectionRoutes(app, deps);
  jobRoutes(app, deps);
  actionRoutes(app, deps);
  historyRoutes(app, deps);
}

function collectionRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  mount(app, {
    method: "POST",
    url: "/v1/jobs",
    schema: {
      operationId: "createJob",
      summary: "Schedule work",
      tags,
      body: JobRequest,
      response: { 201: JobObject, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const body = request.body as JobRequest;
      const job = await jobs.create(getPrincipal(request).id, decodeJob(body), {
        origin: describeOrigin(request),
      });
      return reply.code(201).send(await showJob(deps, job));
    },
  });
  mount(app, {
    method: "GET",
    url: "/v1/jobs",
    schema: {
      operationId: "listJobs",
      summary: "List jobs by age",
      tags,
      querystring: JobListQuery,
      response: { 200: JobList, default: ErrorBody },
    },
    handler: async (request) => {
      const { order, limit, after, state } = request.query as JobListQuery;
      if (after !== undefined && !isJobId(after)) throw unknownCursor(after);
      const found = await jobs.list({
        owner: getPrincipal(request).id,
        order,
        limit: limit + 1,
        after,
        state,
      });
      return toListPage(await showJobs(deps, found), limit);
    },
  });
}

function jobRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  const response = { 200: JobObject, default: ErrorBody };
  mount(app, {
    method: "GET",
    url: "/v1/jobs/:id",
    schema: { operationId: "getJob", summary: "Read a job", tags, response },
    handler: async (request) => showJob(deps, await jobNamed(deps, request)),
  });
  mount(app, {
    method: "PATCH",
    url: "/v1/jobs/:id",
    schema: { operationId: "updateJob", summary: "Change a job", tags, body: JobPatch, response },
    handler: async (request) => {
      const job = await jobNamed(deps, request);
      return showJob(deps, await jobs.update(job, decodeJob(request.body as JobPatch)));
    },
  });
  mount(app, {
    method: "DELETE",
    url: "/v1/jobs/:id",
    schema: {
      operationId: "deleteJob",
      summary: "Delete a job with its history",
      tags,
      response: { 200: JobDeleted, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = await jobNamed(deps, request);
      await jobs.remove(id, owner);
      return { id, object: "hermes.job.deleted", deleted: true };
    },
  });
}

function actionRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  const action = (
    name: string,
    terms: { summary: string; body?: typeof PauseJobRequest },
    act: (job: Job, request: FastifyRequest) => Promise<Job>,
  ) =>
    mount(app, {
      method: "POST",
      url: `/v1/jobs/:id/${name}`,
      schema: { operationId: `${name}Job`, tags, ...terms, response: { 200: JobObject, default: ErrorBody } },
      handler: async (request) => showJob(deps, await act(await jobNamed(deps, request), request)),
    });
  action("pause", { summary: "Pause a job", body: PauseJobRequest }, ({ id, owner }, { body }) =>
    jobs.pause(id, owner, { reason: (body as PauseJobRequest)?.reason ?? undefined }),
  );
  action("resume", { summary: "Go on with a paused job" }, (job) => jobs.resume(job));
  mount(app, {
    method: "POST",
    url: "/v1/jobs/:id/run",
    schema: {
      operationId: "runJob",
      summary: "Do a job now",
      tags,
      body: RunJobRequest,
      response: { 202: JobRun, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { job, fire } = await jobs.runNow(await jobNamed(deps, request), {
        prompt: (request.body as RunJobRequest)?.prompt ?? undefined,
      });
      return reply.code(202).send(showFire(deps, job, fire));
    },
  });
}

function historyRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { jobs } = deps;
  mount(app, {
    method: "GET",
    url: "/v1/jobs/:id/runs",
    schema: {
      operationId: "listJobRuns",
      summary: "Read a job's history",
      tags,
      querystring: JobRunsQuery,
      response: { 200: JobRunList, default: ErrorBody },
    },
    handler: async (request) => {
      const job = await jobNamed(deps, request);
      const { order, limit, after, status } = request.query as JobRunsQuery;
      if (after !== undefined && !isFireId(after)) throw unknownCursor(after);
      const { id: jobId, owner } = job;
      const found = await jobs.fires({ jobId, owner, order, limit: limit + 1, after, status });
      return toListPage(
        found.map((fire) => showFire(deps, job, fire)),
        limit,
      );
    },
  });
  mount(app, {
    method: "GET",
    url: "/v1/jobs/:id/forecast",
    schema: {
      operationId: "forecastJob",
      summary: "Tell when a job will be due",
      tags,
      querystring: ForecastQuery,
      response: { 200: Forecast, default: ErrorBody },
    },
    handler: async (request) => {
      const job = await jobNamed(deps, request);
      const { from, to, limit } = request.query as ForecastQuery;
      const now = deps.now();
      const range = {
        from: instant(from, "from") ?? now,
        to: instant(to, "to") ?? LAST_INSTANT,
        limit,
      };
      const { timezone } = job.schedule;
      const found = jobs.forecast(job, range);
      return {
        object: "list",
        data: found.map((time) => occurrenceObject(time, { timezone, print: deps.print })),
      };
    },
  });
}

function instant(text: string | undefined, param: string): number | undefined {
  if (text === undefined) return undefined;
  const at = /^\d{1,12}$/.test(text) ? Number(text) * 1000 : Date.parse(text);
  if (!isInstant(at))
    throw invalidRequest(param, `'${param}' must be an ISO 8601 time or unix seconds, from 1970 to 9998.`);
  return at;
}
