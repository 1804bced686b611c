import type { RunId } from "../../domain/id.ts";
import type { KeyClaim, KeyScope } from "../store.ts";
import type { Db } from "./db.ts";

interface KeyRow {
  fingerprint: string;
  run_id: RunId;
  expires_at: number;
}

/** Idempotency keys and the runs that they stand for. */
export class KeyTable {
  readonly #put;
  readonly #find;
  readonly #sweep;

  constructor(db: Db) {
    this.#put = db.prepare<unknown[]>(
      "INSERT OR REPLACE INTO idempotency (owner, surface, key, fingerprint, run_id, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#find = db.prepare<[string, string, string], KeyRow>(
      "SELECT fingerprint, run_id, expires_at FROM idempotency WHERE owner = ? AND surface = ? AND key = ?",
    );
    // As long as its run goes on, a key must not begin another one.
    this.#sweep = db.prepare<[number, number]>(
      `DELETE FROM idempotency WHERE (owner, surface, key) IN (
         SELECT owner, surface, key FROM idempotency AS old WHERE expires_at <= ? AND NOT EXISTS (
           SELECT 1 FROM runs WHERE runs.id = old.run_id AND runs.status IN ('queued', 'running')
         ) LIMIT ?
       )`,
    );
  }

  /** A key whose former run counts no more is the new run's. */
  put(run: RunId, { owner, surface, key, fingerprint, expiresAt }: KeyClaim): void {
    this.#put.run(owner, surface, key, fingerprint, run, expiresAt);
  }

  find({ owner, surface, key }: KeyScope): KeyRow | undefined {
    return this.#find.get(owner, surface, key);
  }

  sweep(now: number, limit: number): number {
    return this.#sweep.run(now, limit).changes;
  }
}
