import type { FastifyInstance } from "fastify";
import type { OperatorGate } from "../../src/auth/operator.ts";
import { conflict, notFound } from "../../src/domain/error.ts";
import type { CodeOfKind } from "../../src/domain/error-codes.ts";
import { runIdOfPart } from "../../src/domain/id.ts";
import { getPrincipal } from "../../src/http/auth.ts";
import { mount } from "../../src/http/mount.ts";
import type { PendingInteractions } from "../../src/runs/interactions.ts";
import type { Runs } from "../../src/runs/service.ts";
import { decodeApproval, decodeClarify } from "../../src/wire/hermes/approvals/decode.ts";
import { approvalObject } from "../../src/wire/hermes/approvals/fields.ts";
import {
  ApprovalAnswered,
  ApprovalList,
  ApprovalListQuery,
  ApprovalRequest,
  ApprovalRevoked,
  ClarifyAnswered,
  ClarifyRequest,
} from "../../src/wire/hermes/approvals/schema.ts";
import { ErrorBody } from "../../src/wire/shared/error.ts";
import { toListPage, unknownCursor } from "../../src/wire/shared/page.ts";
import { namedRun, unknownRun } from "./named-run.ts";

/** What the routes need. */
interface ApprovalsDeps {
  runs: Runs;
  /** Whoever answers must pass it. */
  operator: OperatorGate;
}

/** What runs ask people, and the ways to answer. */
export function approvalRoutes(app: FastifyInstance, deps: ApprovalsDeps): void {
  approvalRoute(app, deps);
  clarifyRoute(app, deps);
  listApprovalsRoute(app, deps);
  revokeRoute(app, deps);
}

function approvalRoute(app: FastifyInstance, { runs, operator }: ApprovalsDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/runs/:id/approval",
    schema: {
      operationId: "answerApproval",
      summary: "Allow or deny a call that waits",
      tags: ["runs"],
      body: ApprovalRequest,
      response: { 200: ApprovalAnswered, 403: ErrorBody, default: ErrorBody },
    },
    handler: async (request) => {
      operator(request.headers);
      const run = namedRun(request);
      const { choice, id, all } = decodeApproval(request.body as ApprovalRequest);
      const questions = await findInteractions(runs, run, "approval_not_active");
      const resolved = await questions.choose(choice, { id, all });
      if (resolved === 0)
        throw conflict(
          "approval_not_pending",
          "No such call of the run waits for approval.",
          id && "approval_id",
        );
      const named = id !== undefined && { approval_id: id, request_id: id };
      return { object: "hermes.run.approval_response", run_id: run.id, choice, ...named, resolved };
    },
  });
}

function clarifyRoute(app: FastifyInstance, { runs }: ApprovalsDeps): void {
  mount(app, {
    method: "POST",
    url: "/v1/runs/:id/clarify",
    schema: {
      operationId: "answerClarify",
      summary: "Answer a question that a run asks the user",
      tags: ["runs"],
      body: ClarifyRequest,
      response: { 200: ClarifyAnswered, default: ErrorBody },
    },
    handler: async (request) => {
      const run = namedRun(request);
      const { id, answer } = decodeClarify(request.body as ClarifyRequest);
      const questions = await findInteractions(runs, run, "clarify_not_active");
      if (!(await questions.reply(id, answer)))
        throw conflict(
          "clarify_not_pending",
          "No such question of the run waits for an answer.",
          "clarify_id",
        );
      return { object: "hermes.run.clarify_response", run_id: run.id, clarify_id: id, accepted: true };
    },
  });
}

/** @throws ApiError 404 for a run that is not there, 409 for one that asks nobody. */
async function findInteractions(
  runs: Runs,
  { id, owner }: ReturnType<typeof namedRun>,
  code: CodeOfKind<"conflict">,
): Promise<PendingInteractions> {
  if ((await runs.status(id, owner)) === undefined) throw unknownRun();
  const questions = runs.questions(id, owner);
  if (questions === undefined)
    throw conflict(code, "The run asks nobody: it is over, or goes on unattended.");
  return questions;
}

function listApprovalsRoute(app: FastifyInstance, { runs }: ApprovalsDeps): void {
  mount(app, {
    method: "GET",
    url: "/v1/approvals",
    schema: {
      operationId: "listApprovals",
      summary: "List what waits for a person, or what was answered",
      tags: ["runs"],
      querystring: ApprovalListQuery,
      response: { 200: ApprovalList, default: ErrorBody },
    },
    handler: async (request) => {
      const { status, order, limit, after } = request.query as ApprovalListQuery;
      if (after !== undefined && runIdOfPart(after) === undefined) throw unknownCursor(after);
      const owner = getPrincipal(request).id;
      const found = await runs.approvals.list({ owner, status, order, limit: limit + 1, after });
      return toListPage(found.map(approvalObject), limit);
    },
  });
}

function revokeRoute(app: FastifyInstance, { runs, operator }: ApprovalsDeps): void {
  mount(app, {
    method: "DELETE",
    url: "/v1/approvals/:id",
    schema: {
      operationId: "revokeApproval",
      summary: "Take back what was allowed for a session or always",
      tags: ["runs"],
      response: { 200: ApprovalRevoked, 403: ErrorBody, default: ErrorBody },
    },
    handler: async (request) => {
      operator(request.headers);
      const { id } = request.params as { id: string };
      if (!(await runs.approvals.revoke(id, getPrincipal(request).id)))
        throw notFound("approval_not_found", "There is no such permission for later calls.");
      return { id, object: "hermes.approval.revoked", revoked: true };
    },
  });
}
