import type { FastifyInstance, FastifyRequest, RouteOptions } from "fastify";
import { invalidRequest, notFound } from "../../src/domain/error.ts";
import type { AgentEvent } from "../../src/domain/event.ts";
import { fold } from "../../src/domain/fold.ts";
import { type RunId, runIdFrom } from "../../src/domain/id.ts";
import type { Run } from "../../src/domain/run.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import { nameRun, sendRun } from "../../src/http/send.ts";
import type { Streams } from "../../src/http/streams.ts";
import { shown } from "../../src/lib/text.ts";
import type { TextCipher } from "../../src/lib/text-cipher.ts";
import type { Runs } from "../../src/runs/service.ts";
import { ResponsesEncoder } from "../../src/wire/openai/responses/encode.ts";
import { listedItem } from "../../src/wire/openai/responses/input-items.ts";
import {
  DeletedResponse,
  InputItemList,
  ResponseList,
  ResponseObject,
  RetrieveQuery,
} from "../../src/wire/openai/responses/schema.ts";
import { toolItemsFor } from "../../src/wire/openai/responses/tool-items.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { cutPage, PageQuery, runCursor, toListPage } from "../../src/wire/shared/page.ts";

/** What the routes need. */
interface StoredResponsesDeps {
  runs: Runs;
  streams: Streams;
  /** For reasoning that clients keep themselves. */
  cipher: TextCipher;
  /** Whether a response that some request waits for may be cancelled by its id; OpenAI allows background ones only. */
  cancelForeground: boolean;
  /** What an upgrade to a WebSocket does at the address of the list. */
  socket: Pick<RouteOptions, "preValidation" | "wsHandler">;
}

/** What can be done with a response by its id: read it, follow it, cancel it, delete it. */
export function storedResponsesRoutes(app: FastifyInstance, deps: StoredResponsesDeps): void {
  retrieveRoute(app, deps);
  listResponsesRoute(app, deps);
  cancelRoute(app, deps);
  deleteRoute(app, deps);
  inputItemsRoute(app, deps);
}

function retrieveRoute(app: FastifyInstance, { runs, streams, cipher }: StoredResponsesDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/responses/:id",
    schema: {
      operationId: "getResponse",
      summary: "Read a stored response, or follow its stream from any frame on",
      tags: ["responses"],
      querystring: RetrieveQuery,
      response: { 200: ResponseObject, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { stream, starting_after: startingAfter } = request.query as RetrieveQuery;
      if (!stream) return encodeStored(await stored(runs, request), request, cipher);
      const { id, runId } = readResponseId(request);
      const run = runId === undefined ? undefined : await runs.watch(runId, getPrincipal(request).id);
      if (run === undefined) throw unknownResponse(id);
      nameRun(reply, run);
      const toolItems = toolItemsFor(request.headers, run.run);
      const encoder = new ResponsesEncoder({ run: run.run, toolItems, cipher, startingAfter });
      await sendRun(reply, { run, encoder, stream, disconnect: { cancels: false, graceMs: 0 }, streams });
      return reply;
    },
  });
}

function listResponsesRoute(app: FastifyInstance, { runs, cipher, socket }: StoredResponsesDeps): void {
  mount(app, {
    ...socket,
    method: "GET",
    url: "/v1/responses",
    schema: {
      operationId: "listResponses",
      summary: "List stored responses by age",
      tags: ["responses"],
      querystring: PageQuery,
      response: { 200: ResponseList, default: ErrorBody },
    },
    handler: async (request) => {
      const { order, limit, after } = request.query as PageQuery;
      const owner = getPrincipal(request).id;
      const query = { owner, surface: "responses", order, limit: limit + 1 } as const;
      const found = await runs.list({ ...query, after: runCursor(after) });
      const views = [];
      for (const { run } of found.slice(0, limit)) {
        const read = await runs.read(run.id, owner);
        if (read !== undefined) views.push(encodeStored(read, request, cipher));
      }
      return { ...toListPage(views, limit), has_more: found.length > limit };
    },
  });
}

function cancelRoute(app: FastifyInstance, { runs, cipher, cancelForeground }: StoredResponsesDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/responses/:id/cancel",
    schema: {
      operationId: "cancelResponse",
      summary: "Cancel a background response",
      tags: ["responses"],
      response: { 200: ResponseObject, default: ErrorBody },
    },
    handler: async (request) => {
      const { run } = await stored(runs, request);
      if (run.background !== true && !cancelForeground) {
        const message =
          "Only background responses can be cancelled; close the connection of any other to stop it.";
        throw invalidRequest("response_id", message, "response_not_cancellable");
      }
      await runs.cancel(run.id, run.owner);
      return encodeStored(await stored(runs, request), request, cipher);
    },
  });
}

function deleteRoute(app: FastifyInstance, { runs }: StoredResponsesDeps): void {
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
      const { id, runId } = readResponseId(request);
      const isGone = runId !== undefined && (await runs.remove(runId, getPrincipal(request).id, isRemovable));
      if (!isGone) throw unknownResponse(id);
      return { id, object: "response", deleted: true };
    },
  });
}

function inputItemsRoute(app: FastifyInstance, { runs }: StoredResponsesDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/responses/:id/input_items",
    schema: {
      operationId: "listResponseInputItems",
      summary: "List the items of a response's own input",
      tags: ["responses"],
      querystring: PageQuery,
      response: { 200: InputItemList, default: ErrorBody },
    },
    handler: async (request) => {
      const { events } = await stored(runs, request);
      return cutPage(fold(events).input.map(listedItem), request.query as PageQuery);
    },
  });
}

interface Stored {
  run: Run;
  events: AgentEvent[];
}

function encodeStored({ run, events }: Stored, { headers }: FastifyRequest, cipher: TextCipher) {
  const encoder = new ResponsesEncoder({ run, toolItems: toolItemsFor(headers, run), cipher });
  for (const event of events) encoder.read(event);
  return encoder.response();
}

/** Any run can be read as a response, whichever surface started it. */
async function stored(runs: Runs, request: FastifyRequest): Promise<Stored> {
  const { id, runId } = readResponseId(request);
  const found = runId === undefined ? undefined : await runs.read(runId, getPrincipal(request).id);
  if (found === undefined) throw unknownResponse(id);
  return found;
}

function readResponseId(request: FastifyRequest): { id: string; runId: RunId | undefined } {
  const { id } = request.params as { id: string };
  return { id, runId: runIdFrom(id) };
}

function unknownResponse(id: string): Error {
  return notFound("response_not_found", `Response with id '${shown(id)}' not found.`);
}

/** A turn of a session that was no response belongs to the session alone. */
function isRemovable({ sessionId, surface }: Run): boolean {
  return sessionId === undefined || surface === "responses";
}
