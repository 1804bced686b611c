import type { FastifySchemaCompiler } from "fastify";
import type { z } from "zod";
import { type ApiError, invalidRequest } from "../domain/error.ts";

/** Turns what zod found wrong with a body into what the client is told; a surface may have its own codes. */
export type DescribeIssue = (issue: z.core.$ZodIssue) => { param: string; message: string; code?: string };

/**
 * Validates with the routes' zod schemas.
 * @throws ApiError 400 naming the first field that is wrong.
 */
export const validateWithZod: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) => {
    const result = schema.safeParse(data);
    return result.success ? { value: result.data } : { error: errorOf(result.error) };
  };

/** The 400 for the deepest thing that is wrong first. */
export function errorOf(error: z.ZodError): ApiError {
  const issue = deepest(error.issues[0] as z.core.$ZodIssue);
  const param = paramOf(issue.path);
  const missing = issue.code === "invalid_type" && issue.input === undefined;
  const code = missing ? "missing_required_parameter" : (issueCode(issue) ?? "invalid_value");
  const message = missing
    ? `Missing required parameter: '${param}'.`
    : `Invalid '${param}': ${issue.message}.`;
  return invalidRequest(
    param === "" ? undefined : param,
    param === "" ? "The body must be a JSON object." : message,
    code,
  );
}

/** A schema may carry its own error code in `params.code` of a custom issue. */
function issueCode(issue: z.core.$ZodIssue): string | undefined {
  const code: unknown = issue.code === "custom" ? issue.params?.["code"] : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Of a union's alternatives, the one that fitted best tells what is wrong. */
function deepest(issue: z.core.$ZodIssue, prefix: readonly PropertyKey[] = []): z.core.$ZodIssue {
  const path = [...prefix, ...issue.path];
  if (issue.code !== "invalid_union") return { ...issue, path };
  const inner = issue.errors.flatMap((issues) => issues.slice(0, 1).map((first) => deepest(first, path)));
  const best = inner.sort((a, b) => b.path.length - a.path.length)[0];
  return best !== undefined && best.path.length > path.length ? best : { ...issue, path };
}

/** `messages[2].content`, as OpenAI writes it. */
export function paramOf(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}
