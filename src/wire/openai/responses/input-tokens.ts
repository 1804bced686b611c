import { z } from "zod";
import { ResponsesRequest } from "./schema.ts";

/** The body of a request to count: as for a response. */
export const InputTokensRequest = ResponsesRequest.extend({
  input: ResponsesRequest.shape.input.nullish(),
}).meta({ id: "InputTokensRequest", description: "What would be answered" });
export type InputTokensRequest = z.infer<typeof InputTokensRequest>;

/** How long the input is. */
export const InputTokens = z
  .object({ object: z.literal("response.input_tokens"), input_tokens: z.int() })
  .meta({ id: "InputTokens", description: "An estimate of what the model would read, in tokens" });
