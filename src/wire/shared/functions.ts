import { z } from "zod";
import type { ToolSpec } from "../../domain/run.ts";
import { AnyObject, FunctionName, optional } from "./fields.ts";

/** What a client says of a function that it runs. */
export const functionFields = {
  name: FunctionName,
  description: optional(z.string()),
  parameters: optional(AnyObject),
  strict: optional(z.boolean()),
};

/** The function as a model is told of it. */
export function functionSpec(declared: z.infer<z.ZodObject<typeof functionFields>>): ToolSpec {
  const { name, description, parameters, strict } = declared;
  return {
    name,
    ...(description && { description }),
    parameters: parameters ?? { type: "object", properties: {} },
    ...(strict !== null && strict !== undefined && { strict }),
  };
}
