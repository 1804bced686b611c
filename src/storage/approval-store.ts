import type { RunId } from "../domain/id.ts";
import type { ApprovalRequest, ApprovalStatus } from "../domain/interactions.ts";

/** An approval request as it is stored. */
export interface StoredApproval {
  approval: ApprovalRequest;
  runId: RunId;
  sessionId: string | undefined;
  status: ApprovalStatus;
  /** Epoch ms. */
  askedAt: number;
  settledAt: number | undefined;
}

/** Which of an owner's approval requests to list, by id. */
export interface ApprovalQuery {
  owner: string;
  status: ApprovalStatus;
  order: "asc" | "desc";
  limit: number;
  /** The cursor: the last id that the reader has. */
  after?: string | undefined;
}

/** A call that may have been allowed before. */
export interface PermissionQuery {
  owner: string;
  digest: string;
  /** The session's id, or the run's if it has no session. */
  scope: string;
}

/** The approval requests of runs; they are written together with the runs' events. */
export interface ApprovalStore {
  /** Lists an owner's approval requests. */
  list(query: ApprovalQuery): Promise<StoredApproval[]>;
  /** Returns whether a person has allowed this very call before, in this scope or everywhere. */
  findPermission(query: PermissionQuery): Promise<boolean>;
  /** Revokes a permission for later calls; false if there is none with that id. */
  revoke(id: string, owner: string): Promise<boolean>;
}
