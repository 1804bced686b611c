import { z } from "zod";
import { Failure } from "./error.ts";
import { ApprovalRequest, ClarificationRequest, Settlement } from "./interactions.ts";
import { Item } from "./item.ts";
import { Run, type RunStatus } from "./run.ts";
import { Usage } from "./usage.ts";

/** Which part of an item a delta adds to. */
export const Channel = z.enum(["text", "reasoning", "refusal", "arguments", "output"]);
export type Channel = z.infer<typeof Channel>;

/**
 * Of a delta that stands for several, as old runs have them: the `seq` of the first (its own is that of the last), and
 * how many of them said something.
 */
const Merged = z.object({ from: z.int(), count: z.int() });

/** Why a run that did not fail ended. */
export const CompletionReason = z.enum(["stop", "length", "tool_calls", "max_steps", "content_filter"]);
export type CompletionReason = z.infer<typeof CompletionReason>;

/** What happened, without its place in the log. */
export const EventBody = z.discriminatedUnion("type", [
  z.object({ type: z.literal("run.created"), run: Run, input: z.array(Item) }),
  z.object({ type: z.literal("run.started") }),
  z.object({ type: z.literal("step.started"), step: z.int() }),
  /** After a crash: the step begins again, and what was open of it is closed as incomplete. */
  z.object({ type: z.literal("step.restarted"), step: z.int() }),
  /** The item exists, empty. For a `function_call_output` of the server this is the call's start. */
  z.object({ type: z.literal("item.added"), item: Item }),
  z.object({
    type: z.literal("item.delta"),
    itemId: z.string(),
    channel: Channel,
    delta: z.string(),
    merged: Merged.exactOptional(),
  }),
  /** The item's final form; the truth of which the deltas were a preview. */
  z.object({ type: z.literal("item.done"), item: Item }),
  /** The model has answered, and every item of the answer is done. `finish`: when the answer was no whole one. */
  z.object({
    type: z.literal("step.done"),
    step: z.int(),
    usage: Usage,
    finish: z.enum(["length", "content_filter"]).exactOptional(),
  }),
  z.object({ type: z.literal("approval.requested"), approval: ApprovalRequest }),
  z.object({ type: z.literal("approval.resolved"), approvalId: z.string(), choice: Settlement }),
  z.object({ type: z.literal("input.requested"), request: ClarificationRequest }),
  /** Without an answer nobody gave one in time, or the run ended. */
  z.object({ type: z.literal("input.resolved"), inputId: z.string(), answer: z.string().exactOptional() }),
  z.object({ type: z.literal("run.steered"), text: z.string() }),
  /** News for a person (a retry, a fallback); never part of the answer. */
  z.object({ type: z.literal("run.status"), kind: z.string(), text: z.string() }),
  /** Told to whoever watches, and not stored: this process stops, and the next one goes on with the run. */
  z.object({ type: z.literal("run.suspended") }),
  z.object({ type: z.literal("run.completed"), reason: CompletionReason, usage: Usage, steps: z.int() }),
  z.object({ type: z.literal("run.failed"), error: Failure, usage: Usage, steps: z.int() }),
  z.object({ type: z.literal("run.cancelled"), reason: z.string(), usage: Usage, steps: z.int() }),
]);
export type EventBody = z.infer<typeof EventBody>;

/** Where an event stands: `seq` strictly increases within its run (gaps allowed); `at` is epoch ms. */
interface Envelope {
  runId: string;
  seq: number;
  at: number;
}

/** One entry of a run's log. */
export type AgentEvent = Envelope & EventBody;

/** An event of one type. */
export type EventOf<Type extends EventBody["type"]> = Envelope & Extract<EventBody, { type: Type }>;

/** The three events of which each run has exactly one, as its last. */
export type TerminalEvent = EventOf<"run.completed" | "run.failed" | "run.cancelled">;

/** What a run is after its last event. */
export function statusAfter(event: TerminalEvent): RunStatus {
  if (event.type === "run.completed") return "completed";
  return event.type === "run.failed" ? "failed" : "cancelled";
}

/** Whether nothing comes after the event, at least not in this process. */
export function isLast(event: AgentEvent): boolean {
  return event.type === "run.suspended" || isTerminal(event);
}

/** Whether the event ends its run. */
export function isTerminal(event: AgentEvent): event is TerminalEvent {
  return event.type === "run.completed" || event.type === "run.failed" || event.type === "run.cancelled";
}
