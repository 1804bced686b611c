import type { FastifyInstance } from "fastify";
import { notFound } from "../../src/domain/error.ts";
import { mount } from "../../src/http/mount.ts";
import { shown } from "../../src/lib/text.ts";
import { Model, ModelList } from "../../src/wire/openai/models/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";

/** What the routes need: the list, made once. */
interface ModelsDeps {
  models(): readonly Model[];
}

/** GET /v1/models and /v1/models/{id}: the agent under its name, its bare model, and the configured aliases. */
export function modelRoutes(app: FastifyInstance, { models }: ModelsDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/models",
    schema: {
      operationId: "listModels",
      summary: "List the models",
      tags: ["models"],
      response: { 200: ModelList, default: ErrorBody },
    },
    handler: async () => ({ object: "list", data: models() }),
  });
  mount(app, {
    method: "GET",
    url: "/v1/models/:model",
    schema: {
      operationId: "retrieveModel",
      summary: "Retrieve a model",
      tags: ["models"],
      response: { 200: Model, default: ErrorBody },
    },
    handler: async (request) => {
      const { model: id } = request.params as { model: string };
      const model = models().find((entry) => entry.id === id);
      if (model === undefined) throw notFound("model_not_found", `The model '${shown(id)}' does not exist.`);
      return model;
    },
  });
}
