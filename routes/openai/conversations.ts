import type { FastifyInstance } from "fastify";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import {
  Conversation,
  ConversationRequest,
  ConversationUpdate,
  DeletedConversation,
} from "../../src/wire/openai/conversations/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { conversationItemRoutes } from "./conversation-items.ts";
import {
  type ConversationsDeps,
  conversation,
  findConversation,
  leaving,
  readItems,
} from "./conversation-request.ts";

/** `/v1/conversations`: sessions as OpenAI has them. */
export function conversationRoutes(app: FastifyInstance, deps: ConversationsDeps): void {
  createConversationRoute(app, deps);
  conversationItemRoutes(app, deps);
  const { sessions } = deps;
  const path = { url: "/v1/conversations/:id" } as const;
  mount(app, {
    ...path,
    method: "GET",
    schema: {
      operationId: "getConversation",
      summary: "Read what is written on a conversation",
      tags: ["conversations"],
      response: { 200: Conversation, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, session } = await findConversation(sessions, request);
      return conversation(id, session);
    },
  });
  mount(app, {
    ...path,
    method: "POST",
    schema: {
      operationId: "updateConversation",
      summary: "Replace what is written on a conversation",
      tags: ["conversations"],
      body: ConversationUpdate,
      response: { 200: Conversation, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, session } = await findConversation(sessions, request);
      const metadata = (request.body as ConversationUpdate).metadata ?? {};
      await sessions.describe(session, metadata);
      return conversation(id, { ...session, metadata });
    },
  });
  mount(app, {
    ...path,
    method: "DELETE",
    schema: {
      operationId: "deleteConversation",
      summary: "Delete a conversation; the responses made in it stay",
      tags: ["conversations"],
      response: { 200: DeletedConversation, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, session } = await findConversation(sessions, request);
      await sessions.remove(session);
      return { id, object: "conversation.deleted", deleted: true };
    },
  });
}

function createConversationRoute(app: FastifyInstance, deps: ConversationsDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/conversations",
    schema: {
      operationId: "createConversation",
      summary: "Create a conversation",
      tags: ["conversations"],
      body: ConversationRequest,
      response: { 200: Conversation, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { items, metadata } = (request.body as ConversationRequest) ?? {};
      const owner = getPrincipal(request).id;
      const bodies = await readItems(deps, items ?? [], owner);
      const session = await deps.contents.create(owner, { metadata: metadata ?? {}, bodies }, leaving(reply));
      return conversation(session.id, session);
    },
  });
}
