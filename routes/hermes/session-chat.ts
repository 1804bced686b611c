import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify";
import { admitRequest } from "../../src/http/admission.ts";
import { sendRun } from "../../src/http/send.ts";
import { missingModel } from "../../src/sessions/models.ts";
import {
  attachedFiles,
  decodeModelLock,
  decodeSessionChat,
  namesModel,
  readSpoken,
} from "../../src/wire/hermes/sessions/decode.ts";
import { SessionEncoder } from "../../src/wire/hermes/sessions/encode.ts";
import { sessionRuntime } from "../../src/wire/hermes/sessions/object.ts";
import {
  ModelFields,
  ModelLockAnswer,
  SessionChatAnswer,
  SessionChatRequest,
  SessionStream,
} from "../../src/wire/hermes/sessions/schema.ts";
import { isAttended, sessionKey } from "../../src/wire/shared/client.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { filesIn } from "../../src/wire/shared/files/parts.ts";
import { withFiles } from "../../src/wire/shared/parts.ts";
import { mountSession, type SessionRoutesDeps, sessionNamed } from "./session-request.ts";

/** `/api/sessions/{id}/chat`, whole and streamed, and the model that a session is locked to. */
export function sessionChatRoutes(app: FastifyInstance, deps: SessionRoutesDeps): void {
  const chat = (stream: boolean): RouteOptions["handler"] => {
    return (request, reply) => say(deps, stream, { request, reply });
  };
  const terms = { method: "POST", url: "/:id/chat" } as const;
  mountSession(app, {
    ...terms,
    schema: {
      operationId: "chatInSession",
      summary: "Say something in a session and wait for the answer",
      tags: ["sessions"],
      body: SessionChatRequest,
      response: { 200: SessionChatAnswer, default: ErrorBody },
    },
    handler: chat(false),
  });
  mountSession(app, {
    ...terms,
    url: "/:id/chat/stream",
    schema: {
      operationId: "streamSessionChat",
      summary: "Say something in a session and follow what comes of it",
      tags: ["sessions"],
      body: SessionChatRequest,
      response: { 200: SessionStream, default: ErrorBody },
    },
    handler: chat(true),
  });
  modelRoute(app, deps);
}

interface Exchange {
  request: FastifyRequest;
  reply: FastifyReply;
}

/** A turn is a run in the background: it goes on whoever leaves, and has all that runs have under its id. */
async function say(
  { runs, sessions, sessionModels, streams, files }: SessionRoutesDeps,
  stream: boolean,
  { request, reply }: Exchange,
): Promise<FastifyReply> {
  const session = await sessionNamed(sessions, request);
  const body = request.body as SessionChatRequest;
  const { id } = session;
  const key = sessionKey(request.headers);
  const attended = isAttended(request.headers, stream ? "events" : "deny");
  const choice = decodeModelLock(body);
  const chosen = namesModel(choice) ? choice : undefined;
  const isLocked = body.require_model_lock === true;
  let { lock } = session;
  let attached: ReturnType<typeof attachedFiles> = [];
  let message: unknown;
  const { run } = await admitRequest<SessionChatRequest>(
    { runs, files },
    {
      request,
      reply,
      sessionId: id,
      key,
      terms: { session: id, key, attended },
      sent(body) {
        attached = attachedFiles(body);
        const param = body.message === readSpoken(body) ? "message" : "input";
        return [...filesIn(readSpoken(body), () => param), ...filesIn(attached, () => "attachments")];
      },
      async decode(body, known) {
        const input = decodeSessionChat(body, { ...known, session: id, attended, attached });
        attached = [];
        const said = readSpoken(body);
        message = said && withFiles(said, known.files);
        if (isLocked) lock = await sessionModels.ensure(session, chosen);
        return input;
      },
    },
  );
  const { provider, served } = run.run.model;
  const requested = chosen?.model ?? chosen?.provider;
  const runtime = sessionRuntime({ provider, model: served, requested, lock });
  const encoder = new SessionEncoder({ run: run.run, session: id, message, runtime });
  await sendRun(reply, { run, encoder, stream, disconnect: { cancels: false, graceMs: 0 }, streams });
  return reply;
}

function modelRoute(app: FastifyInstance, { sessions, sessionModels }: SessionRoutesDeps): void {
  mountSession(app, {
    method: "POST",
    url: "/:id/model",
    schema: {
      operationId: "lockSessionModel",
      summary: "Lock a session to a model; the model `default` takes the lock away",
      tags: ["sessions"],
      body: ModelFields,
      response: { 200: ModelLockAnswer, default: ErrorBody },
    },
    handler: async (request) => {
      const session = await sessionNamed(sessions, request);
      const choice = decodeModelLock(request.body as ModelFields);
      if (!namesModel(choice)) throw missingModel();
      const { provider, model, lock } = await sessionModels.lock(session, choice);
      const requested = choice.model ?? choice.provider;
      const runtime = sessionRuntime({ provider, model, requested, lock });
      return { object: "hermes.session.model_lock", session_id: session.id, runtime };
    },
  });
}
