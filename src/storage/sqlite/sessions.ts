import type { Run } from "../../domain/run.ts";
import type { PromptSnapshot, Session } from "../../domain/session.ts";
import type { Db } from "./db.ts";

interface SessionRow {
  id: string;
  owner: string;
  created_at: number;
  head_run: string | null;
  prompt: string;
  metadata: string | null;
}

/** Sessions and which run each ends with. */
export class SessionTable {
  readonly #insert;
  readonly #find;
  readonly #advance;
  readonly #describe;
  readonly #delete;
  readonly #hide;
  readonly #hidden;
  readonly #reveal;

  constructor(db: Db) {
    this.#insert = db.prepare<[string, string, number, number, string | null, string, string | null]>(
      "INSERT INTO sessions (id, owner, created_at, updated_at, head_run, prompt, metadata) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#find = db.prepare<[string], SessionRow>(
      "SELECT id, owner, created_at, head_run, prompt, metadata FROM sessions WHERE id = ?",
    );
    this.#advance = db.prepare<[string, number, string, string | null]>(
      "UPDATE sessions SET head_run = ?, updated_at = ? WHERE id = ? AND head_run IS ?",
    );
    this.#describe = db.prepare<[string, string, string]>(
      "UPDATE sessions SET metadata = ? WHERE id = ? AND owner = ?",
    );
    this.#delete = db.prepare<[string, string], { head_run: string | null }>(
      "DELETE FROM sessions WHERE id = ? AND owner = ? RETURNING head_run",
    );
    this.#hide = db.prepare<[string, string]>(
      "INSERT OR IGNORE INTO hidden_items (session_id, item_id) VALUES (?, ?)",
    );
    this.#hidden = db.prepare<[string], { item_id: string }>(
      "SELECT item_id FROM hidden_items WHERE session_id = ?",
    );
    this.#reveal = db.prepare<[string]>("DELETE FROM hidden_items WHERE session_id = ?");
  }

  create({ id, owner, createdAt, headRun, prompt, metadata }: Session): void {
    const text = metadata === undefined ? null : JSON.stringify(metadata);
    this.#insert.run(id, owner, createdAt, createdAt, headRun ?? null, JSON.stringify(prompt), text);
  }

  find(id: string, owner: string): Session | "foreign" | undefined {
    const row = this.#find.get(id);
    if (row === undefined) return undefined;
    if (row.owner !== owner) return "foreign";
    return {
      id: row.id,
      owner: row.owner,
      createdAt: row.created_at,
      prompt: JSON.parse(row.prompt) as PromptSnapshot,
      ...(row.head_run !== null && { headRun: row.head_run }),
      ...(row.metadata !== null && { metadata: JSON.parse(row.metadata) as Record<string, string> }),
    };
  }

  /** The latest run of a session. */
  head(id: string): string | undefined {
    return this.#find.get(id)?.head_run ?? undefined;
  }

  /**
   * Makes a run the session's latest, if it goes on from the latest so far. One that does not never had its turn (its
   * client left while it waited), and would cut off everything before it.
   */
  advance(id: string, { id: run, createdAt, parent }: Run): void {
    this.#advance.run(run, createdAt, id, parent?.runId ?? null);
  }

  describe(id: string, owner: string, metadata: Record<string, string>): void {
    this.#describe.run(JSON.stringify(metadata), id, owner);
  }

  /** Tells the latest run of what is gone (null: it had none); undefined when there is none. */
  delete(id: string, owner: string): string | null | undefined {
    const row = this.#delete.get(id, owner);
    if (row !== undefined) this.#reveal.run(id);
    return row?.head_run;
  }

  hide(id: string, items: readonly string[]): void {
    for (const item of items) this.#hide.run(id, item);
  }

  hidden(id: string): Set<string> {
    return new Set(this.#hidden.all(id).map(({ item_id }) => item_id));
  }
}
