import type { z } from "zod";
import { type ApiError, invalidRequest } from "../domain/error.ts";
import { type ErrorCode, isErrorCode } from "../domain/error-codes.ts";
import { bestIssue, type Issue, sayIssue } from "./issue.ts";

/** What somebody sent, as a schema has it. @throws ApiError 400 naming the first field that is wrong. */
export function readAs<Schema extends z.ZodType>(schema: Schema, data: unknown): z.infer<Schema> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  throw toValidationError(result.error, data);
}

const MISSING = "missing_required_parameter";

/** The 400 for the first thing that is wrong with the data. */
export function toValidationError(error: z.ZodError, data: unknown): ApiError {
  const issue = bestIssue(error.issues[0] as Issue);
  if (issue.code === "unrecognized_keys") {
    const unknown = formatParam([...issue.path, issue.keys[0] ?? ""]);
    return invalidRequest(unknown, `Unknown parameter: '${unknown}'.`, "unknown_parameter");
  }
  const param = formatParam(issue.path);
  // Fastify says null where there is no body.
  if (param === "") {
    // It is one, and more than there may be, or too deep.
    if (issue.code === "too_big" || issue.code === "custom")
      return invalidRequest(undefined, `The body ${sayIssue(issue)}.`);
    return invalidRequest(
      undefined,
      "The body must be a JSON object.",
      data === null || data === undefined ? MISSING : undefined,
    );
  }
  const isMissing = valueAt(data, issue.path) === undefined;
  return isMissing
    ? invalidRequest(param, `Missing required parameter: '${param}'.`, MISSING)
    : invalidRequest(param, `Invalid '${param}': ${sayIssue(issue)}.`, issueCode(issue));
}

function valueAt(data: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    data,
  );
}

/** A schema may carry its own error code in `params.code` of a custom issue. */
function issueCode(issue: Issue): ErrorCode | undefined {
  // A part of a kind that the agent cannot read: hermes' clients know it by this code.
  if (issue.path.at(-1) === "type" && issue.path.includes("content")) return "unsupported_content_type";
  const code: unknown = issue.code === "custom" ? issue.params?.["code"] : undefined;
  return isErrorCode(code) ? code : undefined;
}

/** A name that a client made up need not come back whole. */
const MAX_NAME_CHARS = 64;

/** `messages[2].content`, as OpenAI writes it. */
export function formatParam(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    const name = String(key).slice(0, MAX_NAME_CHARS);
    return text === "" ? name : `${text}.${name}`;
  }, "");
}
