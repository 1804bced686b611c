import type { FastifyInstance } from "fastify";
import { principalOf } from "../src/http/auth.ts";
import { mount } from "../src/http/mount.ts";
import { nameRun, nameSession, sendRun } from "../src/http/send.ts";
import { sessionOf } from "../src/wire/client.ts";
import { ErrorBody } from "../src/wire/error.ts";
import { idempotencyOf } from "../src/wire/idempotency.ts";
import { ResponsesEncoder } from "../src/wire/responses/encode.ts";
import { ResponseObject, ResponsesRequest } from "../src/wire/responses/schema.ts";
import { type ResponsesDeps, readTerms, runInput } from "./responses-request.ts";

/** POST /v1/responses: a run and its view, stored under its id and continued by it. */
export function responsesRoutes(app: FastifyInstance, { runs, streams, settings }: ResponsesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/responses",
    schema: {
      operationId: "createResponse",
      summary: "Create a response",
      tags: ["responses"],
      body: ResponsesRequest,
      response: { 200: ResponseObject, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const owner = principalOf(request).id;
      const { toolItems, attended, disconnect } = readTerms(request.headers, settings);
      const body = request.body as ResponsesRequest;
      const stream = body.stream ?? false;
      // First, since what is in files is put in their places.
      const sessionId = sessionOf(request.headers);
      const idempotency = idempotencyOf(request.headers, body, { toolItems, sessionId, attended });
      const asking = { runs, settings, owner, toolItems, attended, sessionId, idempotency };
      const input = await runInput(body, asking);
      // The request lives as long as its answer, which can take minutes; what was read of it need not.
      request.body = undefined;
      const run = await runs.admit(input);
      nameRun(reply, run);
      // A conversation has a name of its own.
      if (run.run.sessionId === sessionId) nameSession(reply, { sessionId });
      const encoder = new ResponsesEncoder({ run: run.run, toolItems, seal: settings.seal });
      if (input.background === true && !stream) {
        void run.begin();
        return encoder.response();
      }
      await sendRun(reply, { run, encoder, stream, disconnect, streams });
      return reply;
    },
  });
}
