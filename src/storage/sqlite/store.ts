import type { EventOf } from "../../domain/event.ts";
import type { RunId } from "../../domain/id.ts";
import { previewOf } from "../../domain/messages.ts";
import type { PromptSnapshot } from "../../domain/session.ts";
import type { ApprovalQuery, PermissionQuery } from "../approval-store.ts";
import type { KeyScope, PromptPass, RunQuery, RunWrite, Store } from "../store.ts";
import { copyDatabase } from "./backup.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { type Db, damaged, type OpenOptions, openDatabase } from "./db.ts";
import { SqliteJobStore } from "./job-store.ts";
import { KeyTable } from "./keys.ts";
import { PlanTable } from "./plans.ts";
import { PruningTable } from "./pruning.ts";
import { RunTable } from "./runs.ts";
import { SqliteSessionStore } from "./session-store.ts";

/** The store on one SQLite file. @throws StorageError as `openDatabase`. */
export function openSqliteStore(options: OpenOptions & ConnectionOptions): Store {
  const db = openDatabase(options);
  try {
    return storeOn(db, options);
  } catch (error) {
    db.close();
    // Its version says that it is ours, and yet our statements do not fit it.
    throw damaged(options.file, error);
  }
}

/** The store on an open database, which it closes. */
export function storeOn(db: Db, options: ConnectionOptions): Store {
  return new SqliteStore(new Connection(db, options));
}

class SqliteStore extends SqliteSessionStore implements Store {
  readonly jobs: SqliteJobStore;
  readonly #runs: RunTable;
  readonly #keys: KeyTable;
  readonly #plans: PlanTable;
  readonly #append;
  readonly #disown;
  readonly #sweep;
  readonly #sweepPrompts;
  readonly #prune;

  constructor(connection: Connection) {
    super(connection);
    const { db } = connection;
    this.jobs = new SqliteJobStore(connection);
    this.#runs = new RunTable(db);
    this.#keys = new KeyTable(db);
    this.#plans = new PlanTable(db);
    this.#append = db.transaction((writes: readonly RunWrite[]) => {
      for (const write of writes) this.write(write);
    });
    this.#sweep = db.transaction((now: number, limit: number) => {
      const runs = this.#runs.sweep(now, limit);
      const keys = this.#keys.sweep(now, limit - runs);
      return { runs, others: keys + this.approvals.sweep(now, limit - runs - keys) };
    });
    this.#disown = db.transaction((id: RunId, owner: string, now: number) => {
      const isGone = this.#runs.disown(id, owner, now);
      if (isGone) this.approvals.forgetRun(id);
      return isGone;
    });
    this.#sweepPrompts = db.transaction((pass: PromptPass) => this.prompts.sweep(pass));
    const pruning = new PruningTable(db);
    this.#prune = db.transaction((endedBefore: number) => pruning.prune(endedBefore));
  }

  append(writes: readonly RunWrite[]): Promise<void> {
    return this.connection.write(() => this.#append.immediate(writes));
  }

  findRun(id: RunId, owner: string) {
    return this.connection.read(() => this.#runs.find(id, owner));
  }

  findKey(scope: KeyScope) {
    return this.connection.read(() => {
      const row = this.#keys.find(scope);
      if (row === undefined) return undefined;
      const { fingerprint, run_id: id, expires_at: expiresAt } = row;
      return { fingerprint, expiresAt, stored: this.#runs.findOwned(id) };
    });
  }

  listRuns(query: RunQuery) {
    return this.connection.read(() => this.#runs.list(query));
  }

  disownRun(id: RunId, owner: string, now: number) {
    return this.connection.write(() => {
      const isGone = this.#disown.immediate(id, owner, now);
      if (isGone) this.transcripts.forget(id);
      return isGone;
    }, "makes room");
  }

  readEvents(id: RunId, range: { afterSeq: number; limit: number }) {
    return this.connection.read(() => this.events.read(id, range));
  }

  readFacts(id: RunId) {
    return this.connection.read(() => this.events.facts(id));
  }

  readTranscript(id: RunId, session?: string) {
    return this.connection.read(() => this.transcriptOf(id, session));
  }

  readOutput(id: RunId) {
    return this.connection.read(() => this.transcripts.output(id));
  }

  listApprovals(query: ApprovalQuery) {
    return this.connection.read(() => this.approvals.list(query));
  }

  findPermission(query: PermissionQuery) {
    return this.connection.read(() => this.approvals.isPermitted(query));
  }

  revokePermission(id: string, owner: string) {
    return this.connection.write(() => this.approvals.revoke(id, owner), "makes room");
  }

  unfinishedRuns() {
    return this.connection.read(() =>
      this.#runs.unfinished().map((stored) => ({ ...stored, plan: this.#plans.find(stored.run.id) })),
    );
  }

  keepPrompt(prompt: PromptSnapshot) {
    return this.connection.write(() => this.prompts.keep(prompt));
  }

  findPrompt(hash: string) {
    return this.connection.read(() => this.prompts.find(hash));
  }

  sweep(now: number, limit: number) {
    return this.connection.write(() => {
      const { runs, others } = this.#sweep.immediate(now, limit);
      if (runs > 0) this.transcripts.clear();
      return runs + others;
    }, "makes room");
  }

  sweepPrompts(pass: PromptPass) {
    return this.connection.write(() => this.#sweepPrompts.immediate(pass), "makes room");
  }

  prune(endedBefore: number) {
    return this.connection.write(() => this.#prune.immediate(endedBefore), "makes room");
  }

  copyTo(file: string): Promise<void> {
    return this.connection.read(() => copyDatabase(this.connection.db, file));
  }

  get health() {
    return this.connection.health;
  }

  look() {
    return this.connection.look();
  }

  close(): Promise<void> {
    return this.connection.close();
  }

  protected write(write: RunWrite): void {
    const { run, created, events, plan, key, endedAt } = write;
    this.#runs.write(write, this.events.write(write));
    const first = events[0];
    if (first?.type === "run.created") {
      if (!created) this.#runs.begin(run);
      if (run.sessionId !== undefined) this.sessions.advance(run.sessionId, run, newsOf(first));
    }
    if (run.attended === true) this.approvals.apply(run, events);
    if (plan !== undefined) this.#plans.put(run.id, plan);
    if (run.background === true && endedAt !== undefined) this.#plans.drop(run.id);
    if (key !== undefined) this.#keys.put(run.id, key);
  }
}

/** What a session is told of a run that begins in it: the first one is what it is about. */
function newsOf({ at, run, input }: EventOf<"run.created">): { at: number; preview: string | null } {
  return { at, preview: run.parent === undefined ? (previewOf(input) ?? null) : null };
}
