import type { FastifyInstance } from "fastify";
import { conflict } from "../../src/domain/error.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { missingModel } from "../../src/sessions/models.ts";
import { decodeModelLock, decodePatch, namesModel } from "../../src/wire/hermes/sessions/decode.ts";
import { sessionObject } from "../../src/wire/hermes/sessions/object.ts";
import {
  SessionAnswer,
  SessionDeleted,
  SessionListAnswer,
  SessionListQuery,
  SessionPatch,
  SessionRequest,
  SessionSearchAnswer,
  SessionSearchQuery,
} from "../../src/wire/hermes/sessions/schema.ts";
import { sessionSource } from "../../src/wire/hermes/sessions/source.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { sessionChatRoutes } from "./session-chat.ts";
import { sessionMessageRoutes } from "./session-messages.ts";
import { mountSession, readNamedSession, type SessionRoutesDeps, sessionNamed } from "./session-request.ts";

/** `/api/sessions`: conversations that are kept here, listed, titled, forked and gone on with. */
export function sessionRoutes(app: FastifyInstance, deps: SessionRoutesDeps): void {
  listSessionsRoute(app, deps);
  searchRoute(app, deps);
  createSessionRoute(app, deps);
  oneRoutes(app, deps);
  sessionMessageRoutes(app, deps);
  sessionChatRoutes(app, deps);
}

function listSessionsRoute(app: FastifyInstance, { catalog }: SessionRoutesDeps): void {
  mountSession(app, {
    method: "GET",
    url: "",
    schema: {
      operationId: "listSessions",
      summary: "List sessions, the last active first",
      tags: ["sessions"],
      querystring: SessionListQuery,
      response: { 200: SessionListAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const { limit, offset, source, title, q, include_hidden: hidden } = request.query as SessionListQuery;
      const owner = getPrincipal(request).id;
      const words = q === undefined || q.trim() === "" ? undefined : q.trim();
      const { entries, hasMore } =
        title === undefined
          ? await catalog.list({ owner, limit, offset, source, words })
          : await catalog.titled(owner, title, hidden === true);
      return { object: "list", data: entries.map(sessionObject), limit, offset, has_more: hasMore };
    },
  });
}

function searchRoute(app: FastifyInstance, { catalog }: SessionRoutesDeps): void {
  mountSession(app, {
    method: "GET",
    url: "/search",
    schema: {
      operationId: "searchSessions",
      summary: "Find sessions by words of their titles and first questions",
      tags: ["sessions"],
      querystring: SessionSearchQuery,
      response: { 200: SessionSearchAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const { q, limit, offset } = request.query as SessionSearchQuery;
      const owner = getPrincipal(request).id;
      const { entries } = await catalog.list({ owner, limit, offset, words: q.trim() });
      return { object: "list", query: q, count: entries.length, results: entries.map(sessionObject) };
    },
  });
}

function createSessionRoute(app: FastifyInstance, { catalog, sessionModels }: SessionRoutesDeps): void {
  mountSession(app, {
    method: "POST",
    url: "",
    schema: {
      operationId: "createSession",
      summary: "Create a session",
      tags: ["sessions"],
      body: SessionRequest,
      response: { 201: SessionAnswer, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const body = (request.body as SessionRequest) ?? {};
      const choice = decodeModelLock(body);
      if (body.require_model_lock === true && !namesModel(choice)) throw missingModel();
      const lock = choice && (await sessionModels.resolve(choice)).lock;
      const entry = await catalog.create(getPrincipal(request).id, {
        id: body.id ?? body.session_id ?? undefined,
        title: body.title?.trim() ? body.title : undefined,
        source: sessionSource(body.source),
        instructions: body.system_prompt ? body.system_prompt : undefined,
        lock,
      });
      return reply.code(201).send({ object: "hermes.session", session: sessionObject(entry) });
    },
  });
}

function oneRoutes(app: FastifyInstance, { runs, sessions, catalog }: SessionRoutesDeps): void {
  const terms = { url: "/:id" } as const;
  mountSession(app, {
    ...terms,
    method: "GET",
    schema: {
      operationId: "getSession",
      summary: "Read what is known of a session",
      tags: ["sessions"],
      response: { 200: SessionAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = readNamedSession(request);
      return { object: "hermes.session", session: sessionObject(await catalog.entry(id, owner)) };
    },
  });
  mountSession(app, {
    ...terms,
    method: "PATCH",
    schema: {
      operationId: "updateSession",
      summary: "Change a session's title, flags or end",
      tags: ["sessions"],
      body: SessionPatch,
      response: { 200: SessionAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = readNamedSession(request);
      const entry = await catalog.change(id, owner, decodePatch(request.body as SessionPatch));
      return { object: "hermes.session", session: sessionObject(entry) };
    },
  });
  mountSession(app, {
    ...terms,
    method: "DELETE",
    schema: {
      operationId: "deleteSession",
      summary: "Delete a session; responses made in it and forks of it stay",
      tags: ["sessions"],
      response: { 200: SessionDeleted, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, owner } = readNamedSession(request);
      const session = await sessionNamed(sessions, request);
      if (runs.ofSession(id, owner).length > 0) throw activeTurn();
      await sessions.remove(session);
      return { id, object: "hermes.session.deleted", deleted: true };
    },
  });
}

function activeTurn(): Error {
  const message = "A turn of this session is going on or waits; stop it, or wait for its end.";
  return conflict("session_active_turn", message);
}
