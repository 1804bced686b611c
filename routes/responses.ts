import type { FastifyInstance } from "fastify";
import { invalidRequest } from "../src/domain/error.ts";
import { type RunId, runIdFrom } from "../src/domain/id.ts";
import { principalOf } from "../src/http/auth.ts";
import { mount } from "../src/http/mount.ts";
import { sendRun } from "../src/http/send.ts";
import type { Streams } from "../src/http/streams.ts";
import type { Runs } from "../src/runs/service.ts";
import { disconnectCancels } from "../src/wire/chat/client.ts";
import { ErrorBody } from "../src/wire/error.ts";
import { decodeResponses, referencedIds } from "../src/wire/responses/decode.ts";
import { ResponsesEncoder } from "../src/wire/responses/encode.ts";
import { ResponseObject, ResponsesRequest } from "../src/wire/responses/schema.ts";
import { toolItemsFor } from "../src/wire/responses/tool-items.ts";

/** How requests for responses are treated where they do not say so themselves. */
export interface ResponsesSettings {
  clientTools: "allow" | "ignore";
  onDisconnect: "cancel" | "continue";
  disconnectGraceMs: number;
}

/** What the routes need. */
export interface ResponsesDeps {
  runs: Runs;
  streams: Streams;
  settings: ResponsesSettings;
}

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
      const body = request.body as ResponsesRequest;
      const owner = principalOf(request).id;
      const toolItems = toolItemsFor(request.headers);
      const cancels = disconnectCancels(request.headers, settings.onDisconnect);
      const input = decodeResponses(body, {
        owner,
        previous: previousRun(body),
        toolItems,
        clientTools: settings.clientTools,
        referenced: await runs.findItems(referencedIds(body), owner),
      });
      // The request lives as long as its answer, which can take minutes; what was read of it need not.
      request.body = undefined;
      const run = await runs.admit(input);
      reply.header("x-hermes-run-id", run.run.id);
      const encoder = new ResponsesEncoder({ run: run.run, toolItems });
      const disconnect = { cancels, graceMs: settings.disconnectGraceMs };
      await sendRun(reply, { run, encoder, stream: input.deltas, disconnect, streams });
      return reply;
    },
  });
}

function previousRun({ previous_response_id: id }: ResponsesRequest): RunId | undefined {
  if (id === undefined || id === null) return undefined;
  const run = runIdFrom(id);
  if (run !== undefined) return run;
  const message = `Previous response with id '${id}' not found.`;
  throw invalidRequest("previous_response_id", message, "previous_response_not_found");
}
