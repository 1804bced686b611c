import type { RunInput } from "../../domain/run.ts";
import type { Plan } from "../store.ts";
import type { Db } from "./db.ts";

/** What background runs were asked to do, by run. */
export class PlanTable {
  readonly #put;
  readonly #find;
  readonly #drop;

  constructor(db: Db) {
    this.#put = db.prepare<[string, string, number]>(
      "INSERT INTO plans (run_id, input, attempts) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET attempts = excluded.attempts",
    );
    this.#find = db.prepare<[string], { input: string; attempts: number }>(
      "SELECT input, attempts FROM plans WHERE run_id = ?",
    );
    this.#drop = db.prepare<[string]>("DELETE FROM plans WHERE run_id = ?");
  }

  put(runId: string, { input, attempts }: Plan): void {
    this.#put.run(runId, JSON.stringify(input), attempts);
  }

  find(runId: string): Plan | undefined {
    const row = this.#find.get(runId);
    return row && { input: JSON.parse(row.input) as RunInput, attempts: row.attempts };
  }

  drop(runId: string): void {
    this.#drop.run(runId);
  }
}
