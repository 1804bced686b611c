import type { FastifyInstance } from "fastify";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import type { JobImport } from "../../src/jobs/import/import.ts";
import { ImportAnswer, ImportQuery, ImportRequest } from "../../src/wire/hermes/jobs/record.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";

/** POST /v1/jobs/import: jobs of a hermes' jobs.json, each with what became of it. */
export function jobImportRoute(app: FastifyInstance, { importer }: { importer: JobImport }): void {
  mount(app, {
    method: "POST",
    url: "/v1/jobs/import",
    schema: {
      operationId: "importJobs",
      summary: "Import hermes' jobs.json",
      tags: ["jobs"],
      querystring: ImportQuery,
      body: ImportRequest,
      response: { 200: ImportAnswer, default: ErrorBody },
    },
    handler: async (request): Promise<ImportAnswer> => {
      const { dry_run: isDry = false, force: isForced = false } = request.query as ImportQuery;
      const body = request.body as ImportRequest;
      const records = Array.isArray(body) ? body : body.jobs;
      const data = await importer.read(getPrincipal(request).id, records, { isDry, isForced });
      return { object: "hermes.job.import", dry_run: isDry, data };
    },
  });
}
