import { z } from "zod";
import { unsupported } from "../../shared/fields.ts";

/**
 * What a message over the WebSocket says besides the fields of a request. `stream` is implied and not read.
 * @see https://developers.openai.com/api/docs/guides/websocket-mode
 */
export const CreateMessage = z.looseObject({
  type: z.literal("response.create", "send a message of the type response.create"),
  background: z.literal(false, "a WebSocket's response ends with its connection").nullish(),
  stream_id: z
    .unknown()
    .refine((id) => id === null, unsupported("open another connection for another conversation"))
    .optional(),
  generate: z.literal(true, "every response is generated").nullish(),
});
