import { z } from "zod";
import type { OutputFormat } from "../../domain/run.ts";
import { AnyObject, FunctionName, optional } from "./fields.ts";

/** What a client says of the JSON that it wants. */
export const jsonSchemaFields = {
  name: FunctionName,
  description: optional(z.string()),
  schema: optional(AnyObject),
  strict: optional(z.boolean()),
};

/** The format as a model is told of it. */
export function jsonSchemaFormat(asked: z.infer<z.ZodObject<typeof jsonSchemaFields>>): OutputFormat {
  const { name, description, schema, strict } = asked;
  return {
    type: "json_schema",
    name,
    ...(description && { description }),
    schema: schema ?? {},
    ...(strict !== null && strict !== undefined && { strict }),
  };
}
