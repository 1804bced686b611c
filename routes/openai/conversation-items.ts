import type { FastifyInstance, FastifyRequest } from "fastify";
import { notFound } from "../../src/domain/error.ts";
import { runIdOfPart } from "../../src/domain/id.ts";
import type { Session } from "../../src/domain/session.ts";
import { mount } from "../../src/http/mount.ts";
import { quoted } from "../../src/lib/text.ts";
import type { SessionContents } from "../../src/sessions/contents.ts";
import {
  deletedIds,
  type ItemForm,
  pageOfItems,
  printedItems,
} from "../../src/wire/openai/conversations/items.ts";
import {
  Conversation,
  ConversationItem,
  ConversationItemList,
  ItemsRequest,
} from "../../src/wire/openai/conversations/schema.ts";
import { listedItem } from "../../src/wire/openai/responses/input-items.ts";
import { toolItemsFor } from "../../src/wire/openai/responses/tool-items.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { PageQuery, toListPage, unknownCursor } from "../../src/wire/shared/page.ts";
import {
  type ConversationsDeps,
  conversation,
  findConversation,
  leaving,
  readItems,
} from "./conversation-request.ts";

/** `/v1/conversations/{id}/items`: what was said in a session, whoever put it there. */
export function conversationItemRoutes(app: FastifyInstance, deps: ConversationsDeps): void {
  addRoute(app, deps);
  listItemsRoute(app, deps);
  const { sessions, contents } = deps;
  const path = { url: "/v1/conversations/:id/items/:item_id" } as const;
  mount(app, {
    ...path,
    method: "GET",
    schema: {
      operationId: "getConversationItem",
      summary: "Read an item of a conversation",
      tags: ["conversations"],
      response: { 200: ConversationItem, default: ErrorBody },
    },
    handler: async (request) => {
      const { session } = await findConversation(sessions, request);
      return (await findNamedItem(contents, session, request)).item;
    },
  });
  mount(app, {
    ...path,
    method: "DELETE",
    schema: {
      operationId: "deleteConversationItem",
      summary: "Take an item out of a conversation",
      tags: ["conversations"],
      response: { 200: Conversation, default: ErrorBody },
    },
    handler: async (request) => {
      const { id, session } = await findConversation(sessions, request);
      const { item, items } = await findNamedItem(contents, session, request);
      await contents.hide(session.id, deletedIds(item, items));
      return conversation(id, session);
    },
  });
}

function addRoute(app: FastifyInstance, { runs, sessions, contents, files }: ConversationsDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/conversations/:id/items",
    schema: {
      operationId: "createConversationItems",
      summary: "Add items to a conversation",
      tags: ["conversations"],
      body: ItemsRequest,
      response: { 200: ConversationItemList, default: ErrorBody },
    },
    handler: async (request, reply) => {
      const { session } = await findConversation(sessions, request);
      const { items } = request.body as ItemsRequest;
      const bodies = await readItems({ runs, files }, items, session.owner);
      const added = bodies.length === 0 ? [] : await contents.add(session, bodies, leaving(reply));
      return toListPage(added.map(listedItem), added.length);
    },
  });
}

function listItemsRoute(app: FastifyInstance, { sessions, contents }: ConversationsDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/conversations/:id/items",
    schema: {
      operationId: "listConversationItems",
      summary: "List the items of a conversation",
      tags: ["conversations"],
      querystring: PageQuery,
      response: { 200: ConversationItemList, default: ErrorBody },
    },
    handler: async (request) => {
      const query = request.query as PageQuery;
      const { order, after } = query;
      const { session } = await findConversation(sessions, request);
      const from = after === undefined ? undefined : runIdOfPart(after);
      if (after !== undefined && from === undefined) throw unknownCursor(after);
      const form = await readItemForm(contents, session, request);
      return pageOfItems(contents.runs(session.id, { order, from }), query, form);
    },
  });
}

async function readItemForm(
  contents: SessionContents,
  session: Session,
  { headers }: FastifyRequest,
): Promise<ItemForm> {
  return { toolItems: (run) => toolItemsFor(headers, run), hidden: await contents.hidden(session.id) };
}

async function findNamedItem(contents: SessionContents, session: Session, request: FastifyRequest) {
  const { item_id: id } = request.params as { item_id: string };
  const runId = runIdOfPart(id);
  const read = runId && (await contents.run(session.id, runId));
  const form = await readItemForm(contents, session, request);
  const item = read && printedItems(read, form).find((entry) => entry.id === id);
  if (item === undefined || read === undefined)
    throw notFound("item_not_found", `Item with id ${quoted(id)} not found in this conversation.`);
  return { item, items: read.items };
}
