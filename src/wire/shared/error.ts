import { z } from "zod";

/** OpenAI's error envelope; all four keys are always there. */
export const ErrorBody = z
  .object({
    error: z.object({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable(),
      code: z.string().nullable(),
    }),
    /** Only where a run failed, in a stream as well. */
    hermes: z.object({ run_id: z.string(), should_retry: z.boolean().exactOptional() }).exactOptional(),
  })
  .meta({ id: "Error", description: "What went wrong, in OpenAI's form" });
export type ErrorBody = z.infer<typeof ErrorBody>;
