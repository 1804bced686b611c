import type { AgentEvent } from "../../../domain/event.ts";
import { fold, type RunState } from "../../../domain/fold.ts";
import { listPending } from "../../../domain/interactions.ts";
import { lastAnswer } from "../../../domain/item.ts";
import type { Run } from "../../../domain/run.ts";
import type { Usage } from "../../../domain/usage.ts";
import { approvalFields, inputFields } from "../approvals/fields.ts";
import { completion, describeRuntime, pendingSteer, printedUsage } from "./result.ts";
import { RunsView } from "./view.ts";

/** A run as it is stored, without its events. */
interface StoredRun {
  run: Run;
  status: string;
  endedAt: number | undefined;
  usage: Usage | undefined;
}

/** What is known of a run beside its events. */
interface RunFacts {
  run: Run;
  /** As it is stored and as it goes on: `stopping` when it was told to. */
  status: string;
  events: readonly AgentEvent[];
}

/** A run as hermes clients read it; times are unix seconds. */
export function runObject({ run, status, events }: RunFacts) {
  const state = fold(events);
  const { createdAt } = run;
  const updatedAt = events.at(-1)?.at ?? createdAt;
  const last = events.at(-1);
  const isOver =
    last?.type === "run.completed" || last?.type === "run.failed" || last?.type === "run.cancelled";
  return {
    object: "hermes.run" as const,
    run_id: run.id,
    status,
    created_at: createdAt / 1000,
    updated_at: updatedAt / 1000,
    session_id: run.sessionId ?? null,
    model: run.model.asked,
    last_event: status === "interrupted" ? "run.interrupted" : lastEventName(run, events),
    runtime: describeRuntime(run),
    ...(run.echo?.["metadata"] !== undefined && { metadata: run.echo["metadata"] }),
    ...(isOver && { usage: printedUsage(state.usage), ...pendingSteer(events) }),
    ...runOutcome(state),
    ...openQuestions(status, events),
  };
}

/** A run in a list: without what it says. */
export function listedRun({ run, status, endedAt, usage }: StoredRun) {
  const { createdAt } = run;
  return {
    object: "hermes.run" as const,
    run_id: run.id,
    status,
    created_at: createdAt / 1000,
    updated_at: (endedAt ?? createdAt) / 1000,
    session_id: run.sessionId ?? null,
    model: run.model.asked,
    last_event: endedAt === undefined ? null : `run.${status}`,
    ...(usage !== undefined && { usage: printedUsage(usage) }),
  };
}

function runOutcome({ status, reason, error, items }: RunState) {
  if (status === "completed" && reason !== undefined)
    return { output: lastAnswer(items), ...completion(reason) };
  if (status === "failed" && error !== undefined)
    return { error: error.message, code: error.code, completed: false, partial: lastAnswer(items) !== "" };
  if (status === "cancelled") return { completed: false, interrupted: true };
  return {};
}

/** What it waits for, while it does. */
function openQuestions(status: string, events: readonly AgentEvent[]) {
  if (status !== "waiting_for_approval" && status !== "waiting_for_input") return {};
  const asked = listPending(events);
  const approval = asked.find((question) => question.kind === "approval");
  const input = asked.find((question) => question.kind === "input");
  return {
    ...(approval && { approval: approvalFields(approval.request) }),
    ...(input && { clarify: inputFields(input.request) }),
  };
}

/** The last that its watchers were told, by their name for it. */
function lastEventName(run: Run, events: readonly AgentEvent[]): string | null {
  const view = new RunsView(run);
  let last: string | null = null;
  for (const event of events) last = view.take(event)?.event ?? last;
  return last;
}
