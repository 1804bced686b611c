import type { FastifyInstance } from "fastify";
import { mount } from "../../src/http/mount.ts";
import { JobOutputList, OutputText } from "../../src/wire/hermes/jobs/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { cutPage, PageQuery } from "../../src/wire/shared/page.ts";
import { type JobsRoutesDeps, jobNamed } from "./job-request.ts";

const tags = ["jobs"];

/** `/v1/jobs/{id}/outputs`: the files that deliveries to `local` have written. */
export function jobOutputRoutes(app: FastifyInstance, deps: JobsRoutesDeps): void {
  const { outputs, print } = deps;
  mount(app, {
    method: "GET",
    url: "/v1/jobs/:id/outputs",
    schema: {
      operationId: "listJobOutputs",
      summary: "List the files of a job's results",
      tags,
      querystring: PageQuery,
      response: { 200: JobOutputList, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, schedule } = await jobNamed(deps, request);
      const page = cutPage(await outputs.names(id), request.query as PageQuery);
      const found = await Promise.all(page.data.map((name) => outputs.describe(id, name)));
      const data = found
        .filter((file) => file !== undefined)
        .map(({ writtenAt, ...file }) => ({
          ...file,
          object: "hermes.job.output" as const,
          created_at: print(writtenAt, schedule.timezone),
        }));
      return { ...page, data };
    },
  });
  mount(app, {
    method: "GET",
    url: "/v1/jobs/:id/outputs/:name",
    schema: {
      operationId: "readJobOutput",
      summary: "Read the file of a result",
      tags,
      response: { 200: OutputText, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { id } = await jobNamed(deps, request);
      const { name } = request.params as { name: string };
      return reply.type("text/markdown; charset=utf-8").send(await outputs.read(id, name));
    },
  });
}
