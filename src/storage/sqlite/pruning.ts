import type { Db } from "./db.ts";
import { mergeRows, type PackedDeltas } from "./deltas.ts";
import { DELTAS, MERGED } from "./events.ts";

interface DeltaRow {
  batch: number;
  payload: string;
}

/** What is read for one piece of work: some 2 ms of it. */
const PIECE_ROWS = 100;
const PIECE_CHARS = 100_000;

/** Makes few deltas of many where a run is long over. */
export class PruningTable {
  readonly #next;
  readonly #rows;
  readonly #replace;
  readonly #delete;
  readonly #done;

  constructor(db: Db) {
    this.#next = db
      .prepare<[number], string>(
        "SELECT id FROM runs WHERE has_deltas = 1 AND ended_at <= ? ORDER BY ended_at LIMIT 1",
      )
      .pluck();
    this.#rows = db.prepare<[string], DeltaRow>(
      `SELECT batch, payload FROM events WHERE run_id = ? AND kind = ${DELTAS} ORDER BY batch`,
    );
    const row = `run_id = ? AND batch = ? AND kind = ${DELTAS}`;
    this.#replace = db.prepare<[string, string, number]>(
      `UPDATE events SET kind = ${MERGED}, payload = ? WHERE ${row}`,
    );
    this.#delete = db.prepare<[string, number]>(`DELETE FROM events WHERE ${row}`);
    this.#done = db.prepare<[string]>("UPDATE runs SET has_deltas = NULL WHERE id = ?");
  }

  /** Does one piece of work; false when there is none left. A run that is too large for one gets a delta for each. */
  prune(endedBefore: number): boolean {
    let [rows, chars] = [PIECE_ROWS, PIECE_CHARS];
    while (rows > 0 && chars > 0) {
      const run = this.#next.get(endedBefore);
      if (run === undefined) return false;
      const { read, isAll } = this.#read(run, rows, chars);
      // It is cut only where one piece is not enough for it.
      if (!isAll && rows < PIECE_ROWS) return true;
      this.#merge(run, read);
      if (isAll) this.#done.run(run);
      // A run counts, too, even one whose rows are gone.
      rows -= read.length + 1;
      for (const { payload } of read) chars -= payload.length;
    }
    return true;
  }

  #read(run: string, rows: number, chars: number): { read: DeltaRow[]; isAll: boolean } {
    const read: DeltaRow[] = [];
    let left = chars;
    for (const row of this.#rows.iterate(run)) {
      if (read.length === rows || left <= 0) return { read, isAll: false };
      read.push(row);
      left -= row.payload.length;
    }
    return { read, isAll: true };
  }

  #merge(run: string, read: readonly DeltaRow[]): void {
    const merged = mergeRows(read.map(({ payload }) => JSON.parse(payload) as PackedDeltas[]));
    for (const [i, { batch }] of read.entries()) {
      const left = merged[i] ?? [];
      if (left.length > 0) this.#replace.run(JSON.stringify(left), run, batch);
      else this.#delete.run(run, batch);
    }
  }
}
