import { z } from "zod";
import { list } from "../../shared/bounded.ts";
import { Metadata, optional } from "../../shared/fields.ts";
import { pageSchema } from "../../shared/page.ts";
import { InputItem } from "../responses/input.ts";

/**
 * OpenAI's Conversations API.
 * @see https://platform.openai.com/docs/api-reference/conversations
 */

const MAX_ITEMS = 20;

const Items = list(InputItem, MAX_ITEMS, `has more than ${MAX_ITEMS} items`);

/** What a new conversation begins with; no body at all begins with nothing. */
export const ConversationRequest = optional(
  z.object({ items: optional(Items), metadata: optional(Metadata) }),
);
export type ConversationRequest = z.infer<typeof ConversationRequest>;

export const ConversationUpdate = z.object({ metadata: Metadata.nullable() });
export type ConversationUpdate = z.infer<typeof ConversationUpdate>;

export const ItemsRequest = z.object({ items: Items.min(1, "must have at least one item") });
export type ItemsRequest = z.infer<typeof ItemsRequest>;

export const Conversation = z
  .object({
    id: z.string(),
    object: z.literal("conversation"),
    /** Epoch seconds. */
    created_at: z.int(),
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: "Conversation", description: "Items that responses are added to" });
export type Conversation = z.infer<typeof Conversation>;

export const DeletedConversation = z
  .object({ id: z.string(), object: z.literal("conversation.deleted"), deleted: z.literal(true) })
  .meta({ id: "DeletedConversation", description: "What is gone" });

export const ConversationItem = z
  .looseObject({ id: z.string(), type: z.string() })
  .meta({ id: "ConversationItem", description: "An item as it is in a response's input or output" });

export const ConversationItemList = pageSchema(ConversationItem).meta({
  id: "ConversationItemList",
  description: "Items of a conversation",
});
