import type { RunId } from "../../domain/id.ts";
import type { PromptSnapshot } from "../../domain/session.ts";
import { describeBeginning } from "../session-rules.ts";
import type { KeyScope, PromptPass, RunQuery, RunWrite, Store } from "../store.ts";
import { SqliteApprovalStore } from "./approval-store.ts";
import { ApprovalTable } from "./approvals.ts";
import { copyDatabase } from "./backup.ts";
import { Connection, type ConnectionOptions } from "./connection.ts";
import { type Db, damaged, type OpenOptions, openDatabase } from "./db.ts";
import { EventTable } from "./events.ts";
import { SqliteJobStore } from "./job-store.ts";
import { KeyTable } from "./keys.ts";
import { PlanTable } from "./plans.ts";
import { PromptTable } from "./prompts.ts";
import { PruningTable } from "./pruning.ts";
import { RunTable } from "./runs.ts";
import { SqliteSessionStore } from "./session-store.ts";
import { SessionTable } from "./sessions.ts";
import { TranscriptTable } from "./transcripts.ts";

/** Opens the store on one SQLite file. @throws StorageError as `openDatabase`. */
export function openSqliteStore(options: OpenOptions & ConnectionOptions): Store {
  const db = openDatabase(options);
  try {
    return storeOn(db, options);
  } catch (error) {
    db.close();
    // The file says it has this program's schema, but the statements do not fit it.
    throw damaged(options.file, error);
  }
}

/** Creates the store on an open database, which it closes. */
export function storeOn(db: Db, options: ConnectionOptions): Store {
  const connection = new Connection(db, options);
  try {
    return new SqliteStore(connection);
  } catch (error) {
    connection.closeAsIs();
    throw error;
  }
}

/** The tables that runs, sessions and approvals share. */
interface Tables {
  runs: RunTable;
  events: EventTable;
  transcripts: TranscriptTable;
  sessions: SessionTable;
  approvals: ApprovalTable;
  prompts: PromptTable;
  plans: PlanTable;
  keys: KeyTable;
  pruning: PruningTable;
}

function openTables(db: Db): Tables {
  const events = new EventTable(db);
  const prompts = new PromptTable(db);
  return {
    runs: new RunTable(db),
    events,
    transcripts: new TranscriptTable(db, events),
    sessions: new SessionTable(db, prompts),
    approvals: new ApprovalTable(db),
    prompts,
    plans: new PlanTable(db),
    keys: new KeyTable(db),
    pruning: new PruningTable(db),
  };
}

class SqliteStore implements Store {
  readonly sessions: SqliteSessionStore;
  readonly approvals: SqliteApprovalStore;
  readonly jobs: SqliteJobStore;
  readonly #connection: Connection;
  readonly #tables: Tables;
  readonly #append;
  readonly #disown;
  readonly #sweep;
  readonly #sweepPrompts;
  readonly #prune;

  constructor(connection: Connection) {
    const { db } = connection;
    const tables = openTables(db);
    const { runs, keys, approvals, prompts, pruning } = tables;
    this.#connection = connection;
    this.#tables = tables;
    const writeRun = (write: RunWrite) => this.#write(write);
    this.sessions = new SqliteSessionStore(connection, { ...tables, writeRun });
    this.approvals = new SqliteApprovalStore(connection, approvals);
    this.jobs = new SqliteJobStore(connection);
    this.#append = db.transaction((writes: readonly RunWrite[]) => {
      for (const write of writes) this.#write(write);
    });
    this.#sweep = db.transaction((now: number, limit: number) => {
      const swept = runs.sweep(now, limit);
      const others = keys.sweep(now, limit - swept);
      return { runs: swept, others: others + approvals.sweep(now, limit - swept - others) };
    });
    this.#disown = db.transaction((id: RunId, owner: string, now: number) => {
      const isGone = runs.disown(id, owner, now);
      if (isGone) approvals.forgetRun(id);
      return isGone;
    });
    this.#sweepPrompts = db.transaction((pass: PromptPass) => prompts.sweep(pass));
    this.#prune = db.transaction((endedBefore: number) => pruning.prune(endedBefore));
  }

  append(writes: readonly RunWrite[]): Promise<void> {
    return this.#connection.write(() => this.#append.immediate(writes));
  }

  findRun(id: RunId, owner: string) {
    return this.#connection.read(() => this.#tables.runs.find(id, owner));
  }

  findKey(scope: KeyScope) {
    return this.#connection.read(() => {
      const row = this.#tables.keys.find(scope);
      if (row === undefined) return undefined;
      const { fingerprint, run_id: id, expires_at: expiresAt } = row;
      return { fingerprint, expiresAt, stored: this.#tables.runs.findOwned(id) };
    });
  }

  listRuns(query: RunQuery) {
    return this.#connection.read(() => this.#tables.runs.list(query));
  }

  disownRun(id: RunId, owner: string, now: number) {
    return this.#connection.write(() => {
      const isGone = this.#disown.immediate(id, owner, now);
      if (isGone) this.#tables.transcripts.forget(id);
      return isGone;
    }, "makes room");
  }

  readEvents(id: RunId, range: { afterSeq: number; limit: number }) {
    return this.#connection.read(() => this.#tables.events.read(id, range));
  }

  readFacts(id: RunId) {
    return this.#connection.read(() => this.#tables.events.facts(id));
  }

  readTranscript(id: RunId, session?: string) {
    return this.#connection.read(() =>
      session === undefined ? this.#tables.transcripts.read(id) : this.sessions.readVisible(id, session),
    );
  }

  readOutput(id: RunId) {
    return this.#connection.read(() => this.#tables.transcripts.output(id));
  }

  unfinishedRuns() {
    return this.#connection.read(() =>
      this.#tables.runs
        .unfinished()
        .map((stored) => ({ ...stored, plan: this.#tables.plans.find(stored.run.id) })),
    );
  }

  keepPrompt(prompt: PromptSnapshot) {
    return this.#connection.write(() => this.#tables.prompts.keep(prompt));
  }

  findPrompt(hash: string) {
    return this.#connection.read(() => this.#tables.prompts.find(hash));
  }

  sweep(now: number, limit: number) {
    return this.#connection.write(() => {
      const { runs, others } = this.#sweep.immediate(now, limit);
      if (runs > 0) this.#tables.transcripts.clear();
      return runs + others;
    }, "makes room");
  }

  sweepPrompts(pass: PromptPass) {
    return this.#connection.write(() => this.#sweepPrompts.immediate(pass), "makes room");
  }

  prune(endedBefore: number) {
    return this.#connection.write(() => this.#prune.immediate(endedBefore), "makes room");
  }

  copyTo(file: string): Promise<void> {
    return this.#connection.read(() => copyDatabase(this.#connection.db, file));
  }

  get health() {
    return this.#connection.health;
  }

  look() {
    return this.#connection.look();
  }

  close(): Promise<void> {
    return this.#connection.close();
  }

  #write(write: RunWrite): void {
    const { run, created, events, plan, key, endedAt } = write;
    const { runs, sessions, approvals, plans, keys, events: log } = this.#tables;
    runs.write(write, log.write(write));
    const first = events[0];
    if (first?.type === "run.created") {
      if (!created) runs.begin(run);
      if (run.sessionId !== undefined) sessions.advance(run.sessionId, run, describeBeginning(first));
    }
    if (run.attended === true) approvals.apply(run, events);
    if (plan !== undefined) plans.put(run.id, plan);
    if (run.background === true && endedAt !== undefined) plans.drop(run.id);
    if (key !== undefined) keys.put(run.id, key);
  }
}
