import type { AgentEvent, CompletionReason } from "../../domain/event.ts";
import { fold, type RunState } from "../../domain/fold.ts";
import { type Item, textOf } from "../../domain/item.ts";
import type { Run } from "../../domain/run.ts";
import { unusedSteers } from "../../domain/steers.ts";
import type { Usage } from "../../domain/usage.ts";

/** A run as it is stored, without its events. */
export interface StoredRun {
  run: Run;
  status: string;
  endedAt: number | undefined;
  usage: Usage | undefined;
}

/** What is known of a run beside its events. */
export interface RunFacts {
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
    last_event: lastEventOf(events),
    runtime: runtimeOf(run),
    ...(run.echo?.["metadata"] !== undefined && { metadata: run.echo["metadata"] }),
    ...(isOver && { usage: printedUsage(state.usage), ...pendingSteer(events) }),
    ...outcomeOf(state),
  };
}

/** What people put in that the model never read, for whoever wants to send it again. */
export function pendingSteer(events: readonly AgentEvent[]): { pending_steer?: string } {
  const unused = unusedSteers(events);
  return unused.length === 0 ? {} : { pending_steer: unused.join("\n\n") };
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

/** The model that serves a run. */
export function runtimeOf({ model }: Run): { provider: string; model: string; requested: string } {
  return { provider: model.provider, model: model.served, requested: model.asked };
}

/** Usage under the names that hermes clients read. */
export function printedUsage({ inputTokens, outputTokens, cachedTokens, reasoningTokens }: Usage) {
  return {
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    total_tokens: inputTokens + outputTokens,
    cache_read_tokens: cachedTokens,
    reasoning_tokens: reasoningTokens,
  };
}

/** How a completed run ended, in the words of the reference. */
export function completion(reason: CompletionReason) {
  const completed = reason === "stop" || reason === "tool_calls";
  return { completed, partial: !completed, interrupted: false, turn_exit_reason: reason };
}

/** What the run answers: what the model said last. */
export function outputOf(items: readonly Item[]): string {
  const last = items.findLast((item) => item.type === "message" && item.place === "output");
  return last?.type === "message" ? textOf(last.content) : "";
}

function outcomeOf({ status, reason, error, items }: RunState) {
  if (status === "completed" && reason !== undefined)
    return { output: outputOf(items), ...completion(reason) };
  if (status === "failed" && error !== undefined)
    return { error: error.message, code: error.code, completed: false, partial: outputOf(items) !== "" };
  if (status === "cancelled") return { completed: false, interrupted: true };
  return {};
}

function lastEventOf(events: readonly AgentEvent[]): string | null {
  return events.findLast(({ type }) => type !== "run.status")?.type ?? null;
}
