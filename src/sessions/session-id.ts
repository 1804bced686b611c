import { invalidRequest } from "../domain/error.ts";
import type { ErrorCode } from "../domain/error-codes.ts";
import { hasControlCharacter } from "../lib/text.ts";

const MAX_ID_CHARS = 256;

/** Where an id stood in its request, and what an error about it is called. */
interface Place {
  param: string;
  code?: ErrorCode;
}

/**
 * The reference's rule: short, no control characters, nothing that could be a path.
 * @throws ApiError 400 for an id that cannot be one.
 */
export function checkSessionId(id: string, { param, code }: Place): void {
  if (id.length > MAX_ID_CHARS) throw invalidRequest(param, "Session ID too long", code);
  const unsafe = hasControlCharacter(id) || /[/\\]|\.\./.test(id);
  if (unsafe || id.trim() === "") throw invalidRequest(param, "Invalid session ID", code);
}
