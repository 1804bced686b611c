import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";
import { toValidationError } from "../lib/read-as.ts";

/**
 * Validates with the routes' zod schemas.
 * @throws ApiError 400 naming the first field that is wrong.
 */
export const validateWithZod: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) => {
    const result = schema.safeParse(data);
    return result.success ? { value: result.data } : { error: toValidationError(result.error, data) };
  };
