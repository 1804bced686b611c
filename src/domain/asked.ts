import type { AgentEvent } from "./event.ts";
import type { Approval, InputRequest, Settlement } from "./question.ts";

/** A question whether a call may run, and how it was settled. */
export interface AskedApproval {
  kind: "approval";
  request: Approval;
  settled: Settlement | undefined;
}

/** A question to the user, and the answer. */
export interface AskedInput {
  kind: "input";
  request: InputRequest;
  /** `answer` is undefined when nobody gave one. */
  settled: { answer: string | undefined } | undefined;
}

/** What a run asked people. */
export type Asked = AskedApproval | AskedInput;

/** What a run's events say that it asked, by id, oldest first. */
export function askedIn(events: Iterable<AgentEvent>): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  for (const event of events) note(asked, event);
  return asked;
}

/** The questions that nobody has answered yet, oldest first. */
export function pendingIn(events: Iterable<AgentEvent>): Asked[] {
  return [...askedIn(events).values()].filter(({ settled }) => settled === undefined);
}

function note(asked: Map<string, Asked>, event: AgentEvent): void {
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
