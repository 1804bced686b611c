import type { Run } from "../../domain/run.ts";
import type { SessionRange } from "../session-store.ts";
import type { Db } from "./db.ts";

/** A run of a session, and up to which item it belongs to the session. */
export interface Link {
  id: string;
  /**
   * The number of the last item that belongs to the session, if it was forked inside the run; null for the whole run.
   */
  through: number | null;
}

/** A run of a session as it is read. */
interface ChainRun {
  run: Run;
  through: number | null;
  /** The position in the session, starting at 1. */
  place: number;
}

interface LinkRow {
  parent: string | null;
  through: number | null;
}

/** The runs of each session in order: each run continues the one before. */
export class SessionRunTable {
  readonly #link;
  readonly #data;
  readonly #leave;
  /** The chain that was read last: a longer chain needs only its newer links. Chains never change. */
  #known: { head: string; links: readonly Link[] } | undefined;

  constructor(db: Db) {
    this.#link = db.prepare<[string], LinkRow>(
      "SELECT parent_run AS parent, parent_through AS through FROM runs WHERE id = ?",
    );
    this.#data = db.prepare<[string], string>("SELECT data FROM runs WHERE id = ?").pluck();
    // Responses outlive their session; other runs are removed unless a response continues them. A negative expiry
    // marks a run that a sweep has put aside; abs() makes the next sweep look at it again.
    this.#leave = db
      .prepare<[number, string, string], string | null>(
        `UPDATE runs SET session_id = NULL,
           owner = iif(surface = 'responses', owner, ''),
           expires_at = iif(surface = 'responses', abs(expires_at), ?)
         WHERE id = ? AND session_id = ? RETURNING parent_run`,
      )
      .pluck();
  }

  /** Returns the runs that end with `head`, newest first, including those that a fork shares with its parent. */
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

  /** Reads runs of the chain that ends with `head`. */
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

  /** Releases the runs of a deleted session. */
  leave(session: string, head: string, now: number): void {
    let id: string | null | undefined = head;
    while (typeof id === "string") id = this.#leave.get(now, id, session);
  }
}
