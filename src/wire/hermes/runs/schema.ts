import { z } from "zod";
import { RunStatus as StoredStatus } from "../../../domain/run.ts";
import { HistoryEntry, InputItem } from "../../openai/responses/input.ts";
import { list } from "../../shared/bounded.ts";
import {
  MAX_ITEMS,
  Metadata,
  ModelOptions,
  onlyNull,
  optional,
  QueryNumber,
  ReasoningEffort,
} from "../../shared/fields.ts";
import { PageQuery, pageSchema } from "../../shared/page.ts";

/** Requests and answers of /v1/runs, in the words of hermes clients. */

/** The body of a request for a run. */
export const RunRequest = z
  .object({
    input: z.union([
      z.string().min(1, "must not be empty"),
      list(InputItem, MAX_ITEMS).min(1, "must have at least one item"),
    ]),
    instructions: optional(z.string()),
    session_id: optional(z.string().max(256)),
    /** What to do when the session is busy. */
    on_conflict: optional(z.enum(["enqueue", "reject", "interrupt"])),
    conversation_history: optional(list(HistoryEntry, MAX_ITEMS)),
    previous_response_id: optional(z.string().min(1).max(256)),
    model: optional(z.string().max(256)),
    provider: optional(z.string().min(1).max(128)),
    reasoning_effort: optional(ReasoningEffort),
    service_tier: optional(z.string().max(64)),
    model_options: ModelOptions,
    metadata: optional(Metadata),
    webhook: onlyNull("webhooks are not available yet; follow the run's events"),
  })
  .meta({ id: "RunRequest", description: "What to do, in the background" });
export type RunRequest = z.infer<typeof RunRequest>;

/** How far a run is; `stopping` until what it had begun has ended. */
const RunStatus = z.enum([...StoredStatus.options, "stopping", "waiting_for_approval", "waiting_for_input"]);

export const RunCreated = z
  .object({ run_id: z.string(), status: RunStatus, replayed: z.boolean() })
  .meta({ id: "RunCreated", description: "A run that was taken on" });

/** A run; more of its fields the longer it has gone on. */
export const RunObject = z
  .looseObject({
    object: z.literal("hermes.run"),
    run_id: z.string(),
    status: RunStatus,
    /** Unix seconds. */
    created_at: z.number(),
    updated_at: z.number(),
    session_id: z.string().nullable(),
    model: z.string(),
    last_event: z.string().nullable(),
  })
  .meta({ id: "Run", description: "A run as hermes clients read it" });

export const RunList = pageSchema(RunObject).meta({ id: "RunList", description: "Runs by age" });

/** Which page of which runs is asked for. */
export const RunListQuery = PageQuery.extend({
  status: StoredStatus.exactOptional(),
  session: z.string().max(256).exactOptional(),
  /** Those that were done for a job; they are listed for it alone. */
  job: z.string().max(64).exactOptional(),
});
export type RunListQuery = z.infer<typeof RunListQuery>;

const Cursor = QueryNumber(0, Number.MAX_SAFE_INTEGER);

/** From where to read a run's events: the number of the last one that the client has. */
export const RunEventsQuery = z.object({
  after: Cursor.exactOptional(),
  last_seq: Cursor.exactOptional(),
  format: z.enum(["hermes", "agent"]).default("hermes"),
});
export type RunEventsQuery = z.infer<typeof RunEventsQuery>;

/** Words for a run that goes on; clients of several ages have several names for them. */
export const SteerRequest = z
  .object({ input: optional(z.string()), message: optional(z.string()), text: optional(z.string()) })
  .meta({ id: "SteerRequest", description: "What a person has to say while the run goes on" });
export type SteerRequest = z.infer<typeof SteerRequest>;

export const RunSteered = z
  .object({ object: z.literal("hermes.run.steer"), run_id: z.string(), accepted: z.literal(true) })
  .meta({
    id: "RunSteered",
    description: "Words that were taken; the model reads them with its next tool result",
  });

/** An event stream; what is in it no schema says. */
export const RunEvents = z.string();

export const RunStopped = z
  .object({ run_id: z.string(), status: RunStatus })
  .meta({ id: "RunStopped", description: "A run that was told to stop, or was over" });
