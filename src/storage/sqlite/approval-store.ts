import type { ApprovalQuery, ApprovalStore, PermissionQuery } from "../approval-store.ts";
import type { ApprovalTable } from "./approvals.ts";
import type { Connection } from "./connection.ts";

/** The approvals of a store on SQLite. */
export class SqliteApprovalStore implements ApprovalStore {
  readonly #connection: Connection;
  readonly #approvals: ApprovalTable;

  constructor(connection: Connection, approvals: ApprovalTable) {
    this.#connection = connection;
    this.#approvals = approvals;
  }

  list(query: ApprovalQuery) {
    return this.#connection.read(() => this.#approvals.list(query));
  }

  findPermission(query: PermissionQuery) {
    return this.#connection.read(() => this.#approvals.isPermitted(query));
  }

  revoke(id: string, owner: string) {
    return this.#connection.write(() => this.#approvals.revoke(id, owner), "makes room");
  }
}
