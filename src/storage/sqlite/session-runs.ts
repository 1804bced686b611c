import type { Run } from "../../domain/run.ts";
import type { SessionRange } from "../store.ts";
import type { Db } from "./db.ts";

interface MemberRow {
  data: string;
  parent_run: string | null;
}

/** Which runs a session has, in their order: each goes on from the one before. */
export class SessionRunTable {
  readonly #member;
  readonly #parent;
  readonly #next;
  readonly #leave;

  constructor(db: Db) {
    this.#member = db.prepare<[string, string], MemberRow>(
      "SELECT data, parent_run FROM runs WHERE id = ? AND session_id = ?",
    );
    this.#parent = db
      .prepare<[string, string], string | null>("SELECT parent_run FROM runs WHERE id = ? AND session_id = ?")
      .pluck();
    this.#next = db
      .prepare<[string, string], string>("SELECT id FROM runs WHERE parent_run = ? AND session_id = ?")
      .pluck();
    // A response has a life of its own. What else there is goes, unless a response goes on from it. What a sweep had set
    // aside (its time is negative) is looked at again.
    this.#leave = db
      .prepare<[number, string, string], string | null>(
        `UPDATE runs SET session_id = NULL,
           owner = iif(surface = 'responses', owner, ''),
           expires_at = iif(surface = 'responses', abs(expires_at), ?)
         WHERE id = ? AND session_id = ? RETURNING parent_run`,
      )
      .pluck();
  }

  /** Runs of a session whose latest is `head`; no more are read than are asked for. */
  read(session: string, head: string, { order, from, limit }: SessionRange): Run[] {
    const runs: Run[] = [];
    let id: string | null | undefined = from ?? (order === "desc" ? head : this.#first(session, head));
    while (typeof id === "string" && runs.length < limit) {
      const member = this.#member.get(id, session);
      if (member === undefined) break;
      runs.push(JSON.parse(member.data) as Run);
      id = order === "desc" ? member.parent_run : this.#next.get(id, session);
    }
    return runs;
  }

  /** The session is no more. */
  leave(session: string, head: string, now: number): void {
    let id: string | null | undefined = head;
    while (typeof id === "string") id = this.#leave.get(now, id, session);
  }

  #first(session: string, head: string): string {
    let first = head;
    for (let id: string | null | undefined = head; typeof id === "string"; ) {
      const parent: string | null | undefined = this.#parent.get(id, session);
      if (parent !== undefined) first = id;
      id = parent;
    }
    return first;
  }
}
