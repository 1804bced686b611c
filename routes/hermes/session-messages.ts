import type { FastifyInstance } from "fastify";
import { type SessionMessage, sessionMessages } from "../../src/wire/hermes/sessions/messages.ts";
import { sessionObject } from "../../src/wire/hermes/sessions/object.ts";
import {
  ForkAnswer,
  ForkRequest,
  SessionMessagesAnswer,
  SessionMessagesQuery,
} from "../../src/wire/hermes/sessions/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { mountSession, readNamedSession, type SessionRoutesDeps, sessionNamed } from "./session-request.ts";

/** `/api/sessions/{id}/messages` and `/fork`: what was said, and another session that goes on from any point of it. */
export function sessionMessageRoutes(app: FastifyInstance, deps: SessionRoutesDeps): void {
  const { contents, sessions, forks } = deps;
  mountSession(app, {
    method: "GET",
    url: "/:id/messages",
    schema: {
      operationId: "listSessionMessages",
      summary: "List the messages of a session",
      tags: ["sessions"],
      querystring: SessionMessagesQuery,
      response: { 200: SessionMessagesAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const query = request.query as SessionMessagesQuery;
      const { id } = await sessionNamed(sessions, request);
      const data = await page(contents, id, query);
      const { limit, offset, order } = query;
      const pagination = { limit, offset, order, returned: data.length };
      return { object: "list", session_id: id, data, pagination };
    },
  });
  mountSession(app, {
    method: "POST",
    url: "/:id/fork",
    schema: {
      operationId: "forkSession",
      summary: "Go on from any message of a session in another one",
      tags: ["sessions"],
      body: ForkRequest,
      response: { 201: ForkAnswer, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { id, title, at } = (request.body as ForkRequest) ?? {};
      const parent = readNamedSession(request);
      const entry = await forks.make(parent, {
        id: id ?? undefined,
        title: title?.trim() ? title : undefined,
        at: at ?? undefined,
      });
      const session = sessionObject(entry);
      return reply.code(201).send({ object: "hermes.session", session, forked_from: parent.id });
    },
  });
}

/** Counted from the end that the order names, and given in the order in which they were said. */
async function page(
  contents: SessionRoutesDeps["contents"],
  session: string,
  { limit, offset, order }: SessionMessagesQuery,
): Promise<SessionMessage[]> {
  const isLatest = order === "latest";
  const hidden = await contents.hidden(session);
  const found: SessionMessage[] = [];
  for await (const run of contents.runs(session, { order: isLatest ? "desc" : "asc" })) {
    const messages = sessionMessages(run, { session, hidden });
    found.push(...(isLatest ? messages.reverse() : messages));
    if (found.length >= offset + limit) break;
  }
  const asked = found.slice(offset, offset + limit);
  return isLatest ? asked.reverse() : asked;
}
