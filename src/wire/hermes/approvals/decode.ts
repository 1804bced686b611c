import { invalidRequest } from "../../../domain/error.ts";
import { Choice } from "../../../domain/interactions.ts";
import type { ApprovalRequest, ClarifyRequest } from "./schema.ts";

/** What a person said, and to which calls. */
interface Answer {
  choice: Choice;
  id: string | undefined;
  all: boolean;
}

const ONCE = new Set(["approve", "approved", "allow"]);
const MAX_ID_CHARS = 256;

/** @throws ApiError 400 for a choice that is none, and for an id that cannot be one, with the contract's codes. */
export function decodeApproval(request: ApprovalRequest): Answer {
  const said = (request.choice ?? "").trim().toLowerCase();
  const choice = Choice.safeParse(ONCE.has(said) ? "once" : said);
  if (!choice.success) {
    const message = "'choice' must be one of once, session, always, deny.";
    throw invalidRequest("choice", message, "invalid_approval_choice");
  }
  const id = request.approval_id ?? request.request_id ?? undefined;
  if (id === "" || (id !== undefined && id.length > MAX_ID_CHARS)) {
    const param = request.approval_id == null ? "request_id" : "approval_id";
    const message = `'${param}' must be the id of an approval: 1 to ${MAX_ID_CHARS} characters.`;
    throw invalidRequest(param, message, "invalid_approval_request");
  }
  return { choice: choice.data, id, all: request.all === true || request.resolve_all === true };
}

/** @throws ApiError 400 when a field is missing. */
export function decodeClarify({ clarify_id: id, answer }: ClarifyRequest): { id: string; answer: string } {
  if (!id) throw invalidRequest("clarify_id", "Missing required parameter: 'clarify_id'.");
  if (!answer?.trim()) throw invalidRequest("answer", "Missing required parameter: 'answer'.");
  return { id, answer };
}
