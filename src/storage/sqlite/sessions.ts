import type { Run } from "../../domain/run.ts";
import type { PromptSnapshot, Session } from "../../domain/session.ts";
import type { Db } from "./db.ts";

interface SessionRow {
  id: string;
  owner: string;
  created_at: number;
  head_run: string | null;
  prompt: string;
}

/** Sessions and which run each ends with. */
export class SessionTable {
  readonly #insert;
  readonly #find;
  readonly #advance;

  constructor(db: Db) {
    this.#insert = db.prepare<[string, string, number, number, string | null, string]>(
      "INSERT INTO sessions (id, owner, created_at, updated_at, head_run, prompt) VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#find = db.prepare<[string], SessionRow>(
      "SELECT id, owner, created_at, head_run, prompt FROM sessions WHERE id = ?",
    );
    this.#advance = db.prepare<[string, number, string, string | null]>(
      "UPDATE sessions SET head_run = ?, updated_at = ? WHERE id = ? AND head_run IS ?",
    );
  }

  create({ id, owner, createdAt, headRun, prompt }: Session): void {
    this.#insert.run(id, owner, createdAt, createdAt, headRun ?? null, JSON.stringify(prompt));
  }

  find(id: string, owner: string): Session | "foreign" | undefined {
    const row = this.#find.get(id);
    if (row === undefined) return undefined;
    if (row.owner !== owner) return "foreign";
    const head = row.head_run === null ? {} : { headRun: row.head_run };
    const prompt = JSON.parse(row.prompt) as PromptSnapshot;
    return { id: row.id, owner: row.owner, createdAt: row.created_at, prompt, ...head };
  }

  /**
   * Makes a run the session's latest, if it goes on from the latest so far. One that does not never had its turn (its
   * client left while it waited), and would cut off everything before it.
   */
  advance(id: string, { id: run, createdAt, parent }: Run): void {
    this.#advance.run(run, createdAt, id, parent?.runId ?? null);
  }
}
