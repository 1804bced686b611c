import type { AgentEvent } from "../../domain/event.ts";
import { type RunId, runKey } from "../../domain/id.ts";
import { type ApprovalRequest, type ApprovalStatus, permissionScope } from "../../domain/interactions.ts";
import type { Run } from "../../domain/run.ts";
import type { ApprovalQuery, PermissionQuery, StoredApproval } from "../approval-store.ts";
import type { Db } from "./db.ts";

interface ApprovalRow {
  run_id: RunId;
  session_id: string | null;
  status: ApprovalStatus;
  asked_at: number;
  settled_at: number | null;
  data: string;
}

interface PageTerms {
  owner: string;
  status: string;
  start: string;
  limit: number;
}

/** How long an answer that permits nothing more is kept, ms. */
const KEPT_MS = 30 * 24 * 60 * 60 * 1000;

/** After every id. */
const AFTER_ALL = "~";

/** What people were asked about calls, as the events of their runs tell. */
export class ApprovalTable {
  readonly #insert;
  readonly #settle;
  readonly #list;
  readonly #permission;
  readonly #revoke;
  readonly #forgetRun;
  readonly #forgetSession;
  readonly #sweep;

  constructor(db: Db) {
    this.#insert = db.prepare<unknown[]>(
      `INSERT INTO approvals (id, run_id, owner, scope, digest, status, asked_at, expires_at, data)
       VALUES (?, ?, ?, ?, ?, 'pending', ?, ?, ?)`,
    );
    this.#settle = db.prepare<[string, number, string]>(
      "UPDATE approvals SET status = ?, settled_at = ? WHERE id = ?",
    );
    const page = (compare: string, order: string) =>
      db.prepare<PageTerms, ApprovalRow>(
        `SELECT run_id, (SELECT session_id FROM runs WHERE runs.id = run_id) AS session_id, status, asked_at, settled_at, data
         FROM approvals WHERE owner = :owner AND status = :status AND id ${compare} :start
         ORDER BY id ${order} LIMIT :limit`,
      );
    this.#list = { asc: page(">", "ASC"), desc: page("<", "DESC") };
    this.#permission = db
      .prepare<[string, string, string]>(
        `SELECT 1 FROM approvals WHERE owner = ? AND digest = ? AND status IN ('session', 'always')
           AND (status = 'always' OR scope = ?) LIMIT 1`,
      )
      .pluck();
    this.#revoke = db.prepare<[string, string]>(
      "UPDATE approvals SET status = 'revoked' WHERE id = ? AND owner = ? AND status IN ('session', 'always')",
    );
    this.#forgetRun = db.prepare<[string, string]>(
      "DELETE FROM approvals WHERE id >= ? AND id < ? AND status <> 'always'",
    );
    this.#forgetSession = db.prepare<[string]>(
      "DELETE FROM approvals WHERE scope = ? AND status = 'session'",
    );
    this.#sweep = db.prepare<[number, number]>(
      `DELETE FROM approvals WHERE id IN (
         SELECT id FROM approvals AS old WHERE status <> 'always' AND expires_at <= ?
           AND NOT (status = 'session' AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = old.scope)) LIMIT ?
       )`,
    );
  }

  /** Keeps what a run asked, and what it was answered. */
  apply(run: Run, events: readonly AgentEvent[]): void {
    for (const event of events) {
      if (event.type === "approval.requested") {
        const { approval, at } = event;
        const { id, digest, expiresAt } = approval;
        const data = JSON.stringify(approval);
        this.#insert.run(id, run.id, run.owner, permissionScope(run), digest, at, expiresAt, data);
      } else if (event.type === "approval.resolved") {
        this.#settle.run(event.choice, event.at, event.approvalId);
      }
    }
  }

  list({ owner, status, order, limit, after }: ApprovalQuery): StoredApproval[] {
    const start = after ?? (order === "asc" ? "" : AFTER_ALL);
    return this.#list[order].all({ owner, status, start, limit }).map((row) => ({
      approval: JSON.parse(row.data) as ApprovalRequest,
      runId: row.run_id,
      sessionId: row.session_id ?? undefined,
      status: row.status,
      askedAt: row.asked_at,
      settledAt: row.settled_at ?? undefined,
    }));
  }

  isPermitted({ owner, digest, scope }: PermissionQuery): boolean {
    return this.#permission.get(owner, digest, scope) !== undefined;
  }

  revoke(id: string, owner: string): boolean {
    return this.#revoke.run(id, owner).changes > 0;
  }

  /** What was asked in a run that is deleted; what was allowed for ever stays, until it is taken back. */
  forgetRun(id: RunId): void {
    const prefix = `appr_${runKey(id)}`;
    this.#forgetRun.run(`${prefix}_`, `${prefix}~`);
  }

  /** What was allowed in a session that is gone: a later one of its name is another. */
  forgetSession(id: string): void {
    this.#forgetSession.run(id);
  }

  sweep(now: number, limit: number): number {
    return this.#sweep.run(now - KEPT_MS, limit).changes;
  }
}
