import type { FastifyInstance } from "fastify";
import { admitRequest } from "../../src/http/admission.ts";
import { mount } from "../../src/http/mount.ts";
import { sendRun } from "../../src/http/send.ts";
import { ResponsesEncoder } from "../../src/wire/openai/responses/encode.ts";
import { requestFiles } from "../../src/wire/openai/responses/items.ts";
import { ResponseObject, ResponsesRequest } from "../../src/wire/openai/responses/schema.ts";
import { sessionHeader } from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { decodeBody, type ResponsesDeps, readTerms } from "./responses-request.ts";

/** POST /v1/responses: a run and its view, stored under its id and continued by it. */
export function responsesRoutes(app: FastifyInstance, { runs, streams, settings }: ResponsesDeps): void {
  const admission = { runs, files: settings.files };
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
      const { toolItems, attended, disconnect } = readTerms(request.headers, settings);
      const stream = (request.body as ResponsesRequest).stream ?? false;
      const sessionId = sessionHeader(request.headers);
      const { run, input } = await admitRequest<ResponsesRequest>(admission, {
        request,
        reply,
        sessionId,
        terms: { toolItems, sessionId, attended },
        sent: requestFiles,
        decode: (body, known) =>
          decodeBody(body, { ...known, runs, settings, toolItems, attended, sessionId }),
      });
      const encoder = new ResponsesEncoder({ run: run.run, toolItems, cipher: settings.cipher });
      if (input.background === true && !stream) {
        void run.begin();
        return encoder.response();
      }
      await sendRun(reply, { run, encoder, stream, disconnect, streams });
      return reply;
    },
  });
}
