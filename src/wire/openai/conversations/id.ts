import { createHash } from "node:crypto";
import { isGivenId } from "../../../domain/session.ts";

/**
 * The session that a conversation is. The id of one that was created is the session's own; any other text is a name,
 * as hermes has them, and two owners' conversations of one name have nothing to do with each other.
 */
export function conversationSession(conversation: string, owner: string): string {
  if (isGivenId(conversation)) return conversation;
  const hash = createHash("sha256")
    .update(JSON.stringify([owner, conversation]))
    .digest("hex");
  return `conv:${hash.slice(0, 32)}`;
}
