import type { FastifyInstance, FastifyRequest } from "fastify";
import { invalidRequest, notFound } from "../src/domain/error.ts";
import type { AgentEvent } from "../src/domain/event.ts";
import { fold } from "../src/domain/fold.ts";
import { type RunId, runIdFrom } from "../src/domain/id.ts";
import type { Run } from "../src/domain/run.ts";
import { principalOf } from "../src/http/auth.ts";
import { mount } from "../src/http/mount.ts";
import { sendRun } from "../src/http/send.ts";
import type { Streams } from "../src/http/streams.ts";
import type { Runs } from "../src/runs/service.ts";
import { detectClient, disconnectCancels, type Headers } from "../src/wire/chat/client.ts";
import { ErrorBody } from "../src/wire/error.ts";
import { decodeResponses, referencedIds } from "../src/wire/responses/decode.ts";
import { ResponsesEncoder } from "../src/wire/responses/encode.ts";
import { listedItem, page } from "../src/wire/responses/input-items.ts";
import type { ToolItems } from "../src/wire/responses/output.ts";
import {
  DeletedResponse,
  InputItemList,
  InputItemsQuery,
  ResponseObject,
  ResponsesRequest,
} from "../src/wire/responses/schema.ts";

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

/** `/v1/responses`: a run and its view, stored under its id and continued by it. */
export function responsesRoutes(app: FastifyInstance, deps: ResponsesDeps): void {
  const { runs } = deps;
  createRoute(app, deps);
  mount(app, {
    method: "GET",
    url: "/v1/responses/:id",
    schema: {
      operationId: "getResponse",
      summary: "Read a stored response",
      tags: ["responses"],
      response: { 200: ResponseObject, default: ErrorBody },
    },
    handler: async (request) => {
      const { run, events } = await stored(runs, request);
      const encoder = new ResponsesEncoder({ run, toolItems: toolItemsFor(request.headers) });
      for (const event of events) encoder.read(event);
      return encoder.response();
    },
  });
  mount(app, {
    method: "DELETE",
    url: "/v1/responses/:id",
    schema: {
      operationId: "deleteResponse",
      summary: "Delete a stored response",
      tags: ["responses"],
      response: { 200: DeletedResponse, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, runId } = responseOf(request);
      const isGone = runId !== undefined && (await runs.remove(runId, principalOf(request).id));
      if (!isGone) throw unknownResponse(id);
      return { id, object: "response", deleted: true };
    },
  });
  mount(app, {
    method: "GET",
    url: "/v1/responses/:id/input_items",
    schema: {
      operationId: "listResponseInputItems",
      summary: "List the items of a response's own input",
      tags: ["responses"],
      querystring: InputItemsQuery,
      response: { 200: InputItemList, default: ErrorBody },
    },
    handler: async (request) => {
      const { order, limit, after } = request.query as InputItemsQuery;
      const { events } = await stored(runs, request);
      return page(fold(events).input.map(listedItem), { order, limit, after });
    },
  });
}

function createRoute(app: FastifyInstance, { runs, streams, settings }: ResponsesDeps): void {
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

const TOOL_ITEMS: readonly ToolItems[] = ["mcp_call", "function_call", "none"];

/** How the server's calls show: as the header says, else as the client understands them. */
function toolItemsFor(headers: Headers): ToolItems {
  const asked = String(headers["x-hermes-tool-items"] ?? "").toLowerCase();
  const named = TOOL_ITEMS.find((items) => items === asked);
  if (named !== undefined) return named;
  if (asked !== "") {
    throw invalidRequest(
      "X-Hermes-Tool-Items",
      `Invalid 'X-Hermes-Tool-Items': use one of ${TOOL_ITEMS.join(", ")}.`,
    );
  }
  const client = detectClient(headers);
  return client === "hermes" || client === "openwebui" ? "function_call" : "mcp_call";
}

function responseOf(request: FastifyRequest): { id: string; runId: RunId | undefined } {
  const { id } = request.params as { id: string };
  return { id, runId: runIdFrom(id) };
}

async function stored(runs: Runs, request: FastifyRequest): Promise<{ run: Run; events: AgentEvent[] }> {
  const { id, runId } = responseOf(request);
  const found = runId === undefined ? undefined : await runs.read(runId, principalOf(request).id);
  if (found === undefined) throw unknownResponse(id);
  return found;
}

function unknownResponse(id: string): Error {
  return notFound("response_not_found", `Response with id '${id}' not found.`);
}
