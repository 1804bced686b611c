import type { Run } from "../../domain/run.ts";
import type { SessionRange } from "../session-store.ts";
import type { Db } from "./db.ts";

/** A run of a session, and how far it counts there. */
export interface Link {
  id: string;
  /** The number of its last item that counts, where the session was forked within it; null for all of it. */
  through: number | null;
}

/** A run of a session, as it is read. */
interface ChainRun {
  run: Run;
  through: number | null;
  /** The oldest is 1. */
  place: number;
}

interface LinkRow {
  parent: string | null;
  through: number | null;
}

/** Which runs a session has, in their order: each goes on from the one before. */
export class SessionRunTable {
  readonly #link;
  readonly #data;
  readonly #leave;
  /** The chain that was asked for last; what goes on from it needs only its newer links. Chains never change. */
  #known: { head: string; links: readonly Link[] } | undefined;

  constructor(db: Db) {
    this.#link = db.prepare<[string], LinkRow>(
      "SELECT parent_run AS parent, parent_through AS through FROM runs WHERE id = ?",
    );
    this.#data = db.prepare<[string], string>("SELECT data FROM runs WHERE id = ?").pluck();
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

  /** The runs that end with `head`, the latest first; those that a fork shares with its parent are among them. */
  chain(head: string): readonly Link[] {
    const known = this.#known;
    if (known?.head === head) return known.links;
    let links: Link[] = [];
    for (let link: Link | undefined = { id: head, through: null }; link !== undefined; ) {
      if (link.id === known?.head) {
        links = [...links, link, ...known.links.slice(1)];
        break;
      }
      const row: LinkRow | undefined = this.#link.get(link.id);
      if (row === undefined) break;
      links.push(link);
      link = row.parent === null ? undefined : { id: row.parent, through: row.through };
    }
    this.#known = { head, links };
    return links;
  }

  /** Runs of the chain that ends with `head`. */
  read(head: string, { order, from, skip = 0, limit }: SessionRange): ChainRun[] {
    const chain = this.chain(head);
    const links = order === "desc" ? chain : chain.toReversed();
    const start = (from === undefined ? 0 : links.findIndex(({ id }) => id === from)) + skip;
    if (start < skip) return [];
    return links.slice(start, start + limit).flatMap(({ id, through }, index) => {
      const data = this.#data.get(id);
      if (data === undefined) return [];
      const place = order === "desc" ? chain.length - start - index : start + index + 1;
      return [{ run: JSON.parse(data) as Run, through, place }];
    });
  }

  /** The session is no more. */
  leave(session: string, head: string, now: number): void {
    let id: string | null | undefined = head;
    while (typeof id === "string") id = this.#leave.get(now, id, session);
  }
}
