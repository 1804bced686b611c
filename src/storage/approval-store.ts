import type { RunId } from "../domain/id.ts";
import type { ApprovalRequest, ApprovalStatus } from "../domain/interactions.ts";

/** A question about a call as it is stored. */
export interface StoredApproval {
  approval: ApprovalRequest;
  runId: RunId;
  sessionId: string | undefined;
  status: ApprovalStatus;
  /** Epoch ms. */
  askedAt: number;
  settledAt: number | undefined;
}

/** Which of an owner's questions to list, by id. */
export interface ApprovalQuery {
  owner: string;
  status: ApprovalStatus;
  order: "asc" | "desc";
  limit: number;
  /** The last one that the reader has. */
  after?: string | undefined;
}

/** A call that may have been allowed before. */
export interface PermissionQuery {
  owner: string;
  digest: string;
  /** The session, or the run without one. */
  scope: string;
}

/** What people were asked about calls; runs write it with their events. */
export interface ApprovalStore {
  /** What an owner was asked about calls. */
  list(query: ApprovalQuery): Promise<StoredApproval[]>;
  /** Whether a person allowed this very call before, here or everywhere. */
  findPermission(query: PermissionQuery): Promise<boolean>;
  /** Takes a permission for later calls back. False: there is none of that id. */
  revoke(id: string, owner: string): Promise<boolean>;
}
