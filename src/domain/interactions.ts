import { z } from "zod";
import type { AgentEvent } from "./event.ts";
import { type RunId, runKey } from "./id.ts";

/**
 * How a question whether a call may run was settled: by a person, by its time (`expired`), or by the end of its run
 * (`withdrawn`). `revoked`: a permission for later calls, taken back.
 */
export const ApprovalStatus = z.enum([
  "pending",
  "once",
  "session",
  "always",
  "deny",
  "expired",
  "withdrawn",
  "revoked",
]);
export type ApprovalStatus = z.infer<typeof ApprovalStatus>;

/** What a person may say: this call, this very call again in its session or anywhere, or not. */
export const Choice = ApprovalStatus.extract(["once", "session", "always", "deny"]);
export type Choice = z.infer<typeof Choice>;

/** How a question was settled. */
export const Settlement = ApprovalStatus.exclude(["pending", "revoked"]);
export type Settlement = z.infer<typeof Settlement>;

/** What of one call must be known to judge it. */
export const CallDescription = z.object({
  tool: z.string(),
  /** What would run, in full. */
  command: z.string(),
  /** Why it is asked. */
  description: z.string(),
  /** The rule of the policy that asks. */
  rule: z.string(),
  /** SHA-256 of tool, arguments and workspace: an answer is about this very call, and about no other. */
  digest: z.string(),
});
export type CallDescription = z.infer<typeof CallDescription>;

/** A question to a person about one call; stored before it is shown. */
export const ApprovalRequest = CallDescription.extend({
  id: z.string(),
  callId: z.string(),
  /** Epoch ms after which nobody can answer, and the call is denied. */
  expiresAt: z.number(),
});
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;

/** A question to the user that a call asks; stored before it is shown. */
export const ClarificationRequest = z.object({
  id: z.string(),
  callId: z.string(),
  question: z.string(),
  /** What the user may choose from, if that is all there is to say. */
  choices: z.array(z.string()).exactOptional(),
  /** Epoch ms after which nobody can answer. */
  expiresAt: z.number(),
});
export type ClarificationRequest = z.infer<typeof ClarificationRequest>;

/** Whether the call may run after all. */
export function isGranted(settlement: Settlement): boolean {
  return settlement === "once" || settlement === "session" || settlement === "always";
}

/** The id of what is asked about a call; each call is asked about once, by whichever process. */
export function approvalId(callId: string): string {
  return `appr_${callId.slice("call_".length)}`;
}

/** The id of what a call asks the user. */
export function inputId(callId: string): string {
  return `ask_${callId.slice("call_".length)}`;
}

/** Where a permission counts that is given for a session: there, or in the run itself when it has none. */
export function permissionScope(run: { id: RunId; sessionId?: string }): string {
  return run.sessionId ?? `run:${runKey(run.id)}`;
}

/** A question whether a call may run, and how it was settled. */
interface ApprovalInteraction {
  kind: "approval";
  request: ApprovalRequest;
  settled: Settlement | undefined;
}

/** A question to the user, and the answer. */
interface ClarificationInteraction {
  kind: "input";
  request: ClarificationRequest;
  /** `answer` is undefined when nobody gave one. */
  settled: { answer: string | undefined } | undefined;
}

/** What a run asked people. */
export type Interaction = ApprovalInteraction | ClarificationInteraction;

/** What a run's events say that it asked, by id, oldest first. */
export function listInteractions(events: Iterable<AgentEvent>): Map<string, Interaction> {
  const asked = new Map<string, Interaction>();
  for (const event of events) note(asked, event);
  return asked;
}

/** The questions that nobody has answered yet, oldest first. */
export function listPending(events: Iterable<AgentEvent>): Interaction[] {
  return [...listInteractions(events).values()].filter(({ settled }) => settled === undefined);
}

function note(asked: Map<string, Interaction>, event: AgentEvent): void {
  switch (event.type) {
    case "approval.requested":
      asked.set(event.approval.id, { kind: "approval", request: event.approval, settled: undefined });
      return;
    case "input.requested":
      asked.set(event.request.id, { kind: "input", request: event.request, settled: undefined });
      return;
    case "approval.resolved": {
      const found = asked.get(event.approvalId);
      if (found?.kind === "approval") found.settled = event.choice;
      return;
    }
    case "input.resolved": {
      const found = asked.get(event.inputId);
      if (found?.kind === "input") found.settled = { answer: event.answer };
      return;
    }
    default:
      return;
  }
}
