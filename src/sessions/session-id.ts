import { invalidRequest } from "../domain/error.ts";
import type { ErrorCode } from "../domain/error-codes.ts";
import { hasControlCharacter } from "../lib/text.ts";

const MAX_ID_CHARS = 256;

/** The field that names a session, and the code of an error about it. */
interface Place {
  param: string;
  code?: ErrorCode;
}

/**
 * Checks a session id by the reference's rule: at most 256 characters, no control characters, nothing that could be a
 * path.
 * @throws ApiError 400 for an invalid id.
 */
export function checkSessionId(id: string, { param, code }: Place): void {
  if (id.length > MAX_ID_CHARS) throw invalidRequest(param, "Session ID too long", code);
  const unsafe = hasControlCharacter(id) || /[/\\]|\.\./.test(id);
  if (unsafe || id.trim() === "") throw invalidRequest(param, "Invalid session ID", code);
}
