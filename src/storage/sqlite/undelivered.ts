import type { Fire } from "../../domain/job.ts";
import type { Db } from "./db.ts";

const WAITING = "deliver_at IS NOT NULL";

/** Fires of which something is to be delivered: an index of their own, which is empty most of the time. */
export class UndeliveredTable {
  readonly #places;
  readonly #at;

  constructor(db: Db) {
    // From each place on to the next: a step for each place, however many fires wait for it.
    this.#places = db.prepare<[string, number], { place: string; at: number }>(
      `WITH RECURSIVE places (place) AS (
         SELECT min(place) FROM fires WHERE ${WAITING} AND place > ?
         UNION ALL
         SELECT (SELECT min(fires.place) FROM fires WHERE ${WAITING} AND fires.place > places.place)
         FROM places WHERE place IS NOT NULL
       )
       SELECT place, (SELECT min(deliver_at) FROM fires WHERE ${WAITING} AND fires.place = places.place) AS at
       FROM places WHERE place IS NOT NULL LIMIT ?`,
    );
    this.#at = db
      .prepare<[string, number, number], string>(
        `SELECT data FROM fires WHERE ${WAITING} AND place = ? AND deliver_at <= ? ORDER BY deliver_at LIMIT ?`,
      )
      .pluck();
  }

  places({ after, limit }: { after: string; limit: number }): { place: string; at: number }[] {
    return this.#places.all(after, limit);
  }

  at({ place, now, limit }: { place: string; now: number; limit: number }): Fire[] {
    return this.#at.all(place, now, limit).map((data) => JSON.parse(data) as Fire);
  }
}
