import { z } from "zod";
import { ApprovalStatus } from "../../../domain/interactions.ts";
import { optional } from "../../shared/fields.ts";
import { PageQuery, pageSchema } from "../../shared/page.ts";

/** Requests and answers about what runs ask people. */

/** An answer whether a call may run; clients of several ages have several names for its fields. */
export const ApprovalRequest = z
  // A misspelt id must not allow another call.
  .strictObject({
    /** `once`, `session`, `always` or `deny`; `approve`, `approved` and `allow` mean once. */
    choice: optional(z.string()),
    approval_id: optional(z.string()),
    request_id: optional(z.string()),
    /** Answers everything that waits in the run. */
    all: optional(z.boolean()),
    resolve_all: optional(z.boolean()),
  })
  .meta({ id: "ApprovalRequest", description: "What a person says to a call that waits" });
export type ApprovalRequest = z.infer<typeof ApprovalRequest>;

export const ApprovalAnswered = z
  .object({
    object: z.literal("hermes.run.approval_response"),
    run_id: z.string(),
    choice: z.string(),
    approval_id: z.string().exactOptional(),
    request_id: z.string().exactOptional(),
    /** How many calls it answers. */
    resolved: z.int(),
  })
  .meta({ id: "ApprovalAnswered", description: "An answer that is stored; the calls go on with it" });

/** An answer to a question that a run asks the user. */
export const ClarifyRequest = z
  .strictObject({ clarify_id: optional(z.string()), answer: optional(z.string().max(100_000)) })
  .meta({ id: "ClarifyRequest", description: "What the user answers" });
export type ClarifyRequest = z.infer<typeof ClarifyRequest>;

export const ClarifyAnswered = z
  .object({
    object: z.literal("hermes.run.clarify_response"),
    run_id: z.string(),
    clarify_id: z.string(),
    accepted: z.literal(true),
  })
  .meta({ id: "ClarifyAnswered", description: "An answer that is stored; the run goes on with it" });

/** A question about one call, and how it was settled. */
const ApprovalObject = z
  .object({
    id: z.string(),
    object: z.literal("hermes.approval"),
    status: ApprovalStatus,
    run_id: z.string(),
    session_id: z.string().nullable(),
    tool: z.string(),
    tool_call_id: z.string(),
    command: z.string(),
    description: z.string(),
    choices: z.array(z.string()),
    /** Unix seconds. */
    created_at: z.number(),
    expires_at: z.number(),
    resolved_at: z.number().nullable(),
  })
  .meta({ id: "Approval", description: "A question whether a call may run" });

export const ApprovalList = pageSchema(ApprovalObject).meta({
  id: "ApprovalList",
  description: "Questions about calls",
});

/** Which questions are listed: by default those that wait. */
export const ApprovalListQuery = PageQuery.extend({ status: ApprovalStatus.default("pending") });
export type ApprovalListQuery = z.infer<typeof ApprovalListQuery>;

export const ApprovalRevoked = z
  .object({ id: z.string(), object: z.literal("hermes.approval.revoked"), revoked: z.literal(true) })
  .meta({ id: "ApprovalRevoked", description: "A permission that counts no more" });
