import type { Run } from "../../domain/run.ts";
import { DEFAULT_SOURCE, type ModelLock, type Session, type SessionChanges } from "../../domain/session.ts";
import type { NewSession } from "../session-store.ts";
import type { Db } from "./db.ts";
import type { PromptTable } from "./prompts.ts";

interface SessionRow {
  id: string;
  owner: string;
  created_at: number;
  head_run: string | null;
  /** Its hash. */
  prompt: string;
  model_lock: string | null;
  metadata: string | null;
  instructions: string | null;
}

/** What may change of a session, as it is stored. */
interface NotesRow {
  title: string | null;
  end_reason: string | null;
  ended_at: number | null;
  pinned: number;
  archived: number;
  hidden: number;
  unread: number;
  model_lock: string | null;
  metadata: string | null;
}

/** Where a fork came from. */
interface Origin {
  parentId: string | null;
  rootId: string | null;
  preview: string | null;
}

const NO_ORIGIN: Origin = { parentId: null, rootId: null, preview: null };

/** Sessions and which run each ends with. */
export class SessionTable {
  readonly #prompts: PromptTable;
  readonly #insert;
  readonly #find;
  readonly #titled;
  readonly #notes;
  readonly #change;
  readonly #origin;
  readonly #advance;
  readonly #delete;
  readonly #hide;
  readonly #hidden;
  readonly #copyHidden;
  readonly #reveal;

  constructor(db: Db, prompts: PromptTable) {
    this.#prompts = prompts;
    this.#insert = db.prepare<unknown[]>(
      `INSERT INTO sessions (id, owner, created_at, updated_at, head_run, prompt, source, title, parent_id, root_id,
         preview, model_lock, has_instructions, metadata, instructions)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#find = db.prepare<[string], SessionRow>(
      "SELECT id, owner, created_at, head_run, prompt, model_lock, metadata, instructions FROM sessions WHERE id = ?",
    );
    this.#titled = db
      .prepare<[string, string], string>("SELECT id FROM sessions WHERE owner = ? AND title = ?")
      .pluck();
    this.#notes = db.prepare<[string, string], NotesRow>(
      `SELECT title, end_reason, ended_at, pinned, archived, hidden, unread, model_lock, metadata
       FROM sessions WHERE id = ? AND owner = ?`,
    );
    this.#change = db.prepare<NotesRow & { id: string }>(
      `UPDATE sessions SET title = :title, end_reason = :end_reason, ended_at = :ended_at, pinned = :pinned,
         archived = :archived, hidden = :hidden, unread = :unread, model_lock = :model_lock, metadata = :metadata
       WHERE id = :id`,
    );
    this.#origin = db.prepare<[string], { root_id: string | null; preview: string | null }>(
      "SELECT root_id, preview FROM sessions WHERE id = ?",
    );
    // Whoever goes on with a session did not end it.
    this.#advance = db.prepare<[string, number, string | null, string, string | null]>(
      `UPDATE sessions SET head_run = ?, updated_at = ?, preview = coalesce(preview, ?), end_reason = NULL, ended_at = NULL
       WHERE id = ? AND (head_run IS ? OR head_run IS NULL)`,
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
    this.#copyHidden = db.prepare<[string, string]>(
      "INSERT INTO hidden_items (session_id, item_id) SELECT ?, item_id FROM hidden_items WHERE session_id = ?",
    );
    this.#reveal = db.prepare<[string]>("DELETE FROM hidden_items WHERE session_id = ?");
  }

  create(session: NewSession, origin: Origin = NO_ORIGIN): "made" | "id_taken" | "title_taken" {
    const { id, owner, createdAt, headRun, prompt, source, title, lock, metadata, instructions } = session;
    if (this.#find.get(id) !== undefined) return "id_taken";
    if (title !== undefined && this.#titled.get(owner, title) !== undefined) return "title_taken";
    this.#prompts.keep(prompt);
    this.#insert.run(
      id,
      owner,
      createdAt,
      createdAt,
      headRun ?? null,
      prompt.hash,
      source ?? DEFAULT_SOURCE,
      title ?? null,
      origin.parentId,
      origin.rootId,
      origin.preview,
      toJson(lock),
      instructions === undefined ? 0 : 1,
      toJson(metadata),
      instructions ?? null,
    );
    return "made";
  }

  /** What a fork of a session has of it. */
  originOf(parent: string): Origin {
    const row = this.#origin.get(parent);
    return { parentId: parent, rootId: row?.root_id ?? parent, preview: row?.preview ?? null };
  }

  find(id: string, owner: string): Session | "foreign" | undefined {
    const row = this.#find.get(id);
    if (row === undefined) return undefined;
    if (row.owner !== owner) return "foreign";
    return {
      id: row.id,
      owner: row.owner,
      createdAt: row.created_at,
      prompt: this.#prompts.snapshot(row.prompt),
      ...(row.head_run !== null && { headRun: row.head_run }),
      ...(row.metadata !== null && { metadata: JSON.parse(row.metadata) as Record<string, string> }),
      ...(row.instructions !== null && { instructions: row.instructions }),
      ...(row.model_lock !== null && { lock: JSON.parse(row.model_lock) as ModelLock }),
    };
  }

  /** The latest run of a session. */
  head(id: string): string | undefined {
    return this.#find.get(id)?.head_run ?? undefined;
  }

  change(id: string, owner: string, { changes, now }: { changes: SessionChanges; now: number }) {
    const row = this.#notes.get(id, owner);
    if (row === undefined) return "unknown";
    const { title } = changes;
    const titled = typeof title === "string" ? this.#titled.get(owner, title) : undefined;
    if (titled !== undefined && titled !== id) return "title_taken";
    this.#change.run({ ...applySessionChanges(row, changes, now), id });
    return "changed";
  }

  /**
   * Makes a run the session's latest, if it goes on from the latest so far, or is the first. One that does not never had its turn (its
   * client left while it waited), and would cut off everything before it. `preview`: how a first run's question begins.
   */
  advance(
    id: string,
    { id: run, parent }: Run,
    { at, preview }: { at: number; preview: string | null },
  ): void {
    this.#advance.run(run, at, preview, id, parent?.runId ?? null);
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

  /** What is hidden in one session is hidden in its fork. */
  copyHidden(parent: string, fork: string): void {
    this.#copyHidden.run(fork, parent);
  }
}

function applySessionChanges(row: NotesRow, changes: SessionChanges, now: number): NotesRow {
  const { title, endReason, lock, metadata } = changes;
  const flag = (name: "pinned" | "archived" | "hidden" | "unread") => Number(changes[name] ?? row[name]);
  return {
    title: title === undefined ? row.title : title,
    end_reason: endReason === undefined ? row.end_reason : endReason,
    ended_at: endReason === undefined ? row.ended_at : endReason === null ? null : now,
    pinned: flag("pinned"),
    archived: flag("archived"),
    hidden: flag("hidden"),
    unread: flag("unread"),
    model_lock: lock === undefined ? row.model_lock : toJson(lock ?? undefined),
    metadata: metadata === undefined ? row.metadata : JSON.stringify(metadata),
  };
}

function toJson(value: object | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}
