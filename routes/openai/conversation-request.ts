import type { FastifyReply, FastifyRequest } from "fastify";
import { httpRefusal, unknownConversation } from "../../src/domain/error.ts";
import type { Session } from "../../src/domain/session.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import type { Runs } from "../../src/runs/service.ts";
import type { SessionContents } from "../../src/sessions/contents.ts";
import type { Sessions } from "../../src/sessions/service.ts";
import { conversationSession } from "../../src/wire/openai/conversations/id.ts";
import type { Conversation } from "../../src/wire/openai/conversations/schema.ts";
import type { InputItem } from "../../src/wire/openai/responses/input.ts";
import { inputItems, itemFiles, referencedIds } from "../../src/wire/openai/responses/items.ts";
import { readFiles } from "../../src/wire/shared/files/parts.ts";
import type { FileReader } from "../../src/wire/shared/files/reader.ts";

/** What the routes need. */
export interface ConversationsDeps {
  runs: Runs;
  sessions: Sessions;
  contents: SessionContents;
  files: FileReader;
}

/** A conversation as it is printed. */
export function conversation(id: string, { createdAt, metadata }: Session): Conversation {
  return {
    id,
    object: "conversation",
    created_at: Math.floor(createdAt / 1000),
    metadata: metadata ?? {},
  };
}

/**
 * The conversation that a request's path names, under the id or name that its client has.
 * @throws ApiError 404 for one that its owner does not have.
 */
export async function findConversation(
  sessions: Sessions,
  request: FastifyRequest,
): Promise<{ id: string; session: Session }> {
  const { id } = request.params as { id: string };
  const owner = getPrincipal(request).id;
  const session = await sessions.find(conversationSession(id, owner), owner);
  if (session === undefined) throw unknownConversation(id);
  return { id, session };
}

/** What a client wants to add, with the items that it only names. */
export async function readItems(
  { runs, files }: Pick<ConversationsDeps, "files" | "runs">,
  items: InputItem[],
  owner: string,
) {
  const read = await readFiles(itemFiles(items, "items"), files);
  const referenced = await runs.findItems(referencedIds(items), owner);
  return inputItems(items, { referenced, param: "items", files: read });
}

/** Aborts when the client leaves: what waits for a busy session then never happens. */
export function leaving(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  const leave = () => left.abort(httpRefusal("client_closed_request", "The client left before its turn."));
  // Its close may have been while the request was read.
  if (reply.raw.destroyed) leave();
  else reply.raw.once("close", leave);
  return left.signal;
}
