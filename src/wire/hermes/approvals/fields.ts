import type { EventOf } from "../../../domain/event.ts";
import type {
  ApprovalRequest,
  ApprovalStatus,
  Choice,
  ClarificationRequest,
} from "../../../domain/interactions.ts";

/** What a person may say to a call that is asked about. */
const CHOICES: readonly Choice[] = ["once", "session", "always", "deny"];

/** A question about a call under the names that hermes clients read. */
export function approvalFields({ id, tool, callId, command, description, rule, expiresAt }: ApprovalRequest) {
  return {
    event: "approval.request" as const,
    request_id: id,
    approval_id: id,
    tool,
    tool_call_id: callId,
    command,
    description,
    pattern_key: rule,
    pattern_keys: [rule],
    choices: CHOICES,
    allow_session: true,
    allow_permanent: true,
    /** Unix seconds. */
    expires_at: expiresAt / 1000,
  };
}

/** A question to the user, in the same manner. */
export function inputFields({ id, callId, question, choices, expiresAt }: ClarificationRequest) {
  return {
    event: "clarify.request" as const,
    clarify_id: id,
    tool_call_id: callId,
    question,
    ...(choices !== undefined && { choices }),
    expires_at: expiresAt / 1000,
  };
}

/** How a question about a call was settled. */
function respondedFields({ approvalId, choice }: { approvalId: string; choice: string }) {
  return {
    event: "approval.responded" as const,
    request_id: approvalId,
    approval_id: approvalId,
    choice,
    resolved: 1,
  };
}

/** What the user answered, if anything. */
function answeredFields({ inputId, answer }: { inputId: string; answer?: string }) {
  return {
    event: "clarify.responded" as const,
    clarify_id: inputId,
    ...(answer === undefined ? { answered: false } : { answered: true, answer }),
  };
}

/** An event about what a run asks people. */
export type QuestionEvent = EventOf<
  "approval.requested" | "approval.resolved" | "input.requested" | "input.resolved"
>;

/** What an event about a question says to whoever watches the run, whichever surface prints it. */
export function questionFields(event: QuestionEvent): { event: string } & Readonly<Record<string, unknown>> {
  switch (event.type) {
    case "approval.requested":
      return approvalFields(event.approval);
    case "approval.resolved":
      return respondedFields(event);
    case "input.requested":
      return inputFields(event.request);
    case "input.resolved":
      return answeredFields(event);
  }
}

/** A question about a call as it is stored; times are epoch ms. */
interface StoredQuestion {
  approval: ApprovalRequest;
  runId: string;
  sessionId: string | undefined;
  status: ApprovalStatus;
  askedAt: number;
  settledAt: number | undefined;
}

/** A question about a call as it is listed; times are unix seconds. */
export function approvalObject({ approval, runId, sessionId, status, askedAt, settledAt }: StoredQuestion) {
  const { id, tool, callId, command, description, expiresAt } = approval;
  return {
    id,
    object: "hermes.approval" as const,
    status,
    run_id: runId,
    session_id: sessionId ?? null,
    tool,
    tool_call_id: callId,
    command,
    description,
    choices: [...CHOICES],
    created_at: askedAt / 1000,
    expires_at: expiresAt / 1000,
    resolved_at: settledAt === undefined ? null : settledAt / 1000,
  };
}
