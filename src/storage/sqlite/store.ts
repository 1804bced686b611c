import type { RunId } from "../../domain/id.ts";
import type { Item } from "../../domain/item.ts";
import type { PromptSnapshot } from "../../domain/session.ts";
import type { KeyScope, PromptPass, RunQuery, RunWrite, SessionRange, Store } from "../store.ts";
import { type Db, type OpenOptions, openDatabase, storageError } from "./db.ts";
import { afterFirstFacts, EventTable, packEvents } from "./events.ts";
import { KeyTable } from "./keys.ts";
import { PlanTable } from "./plans.ts";
import { PromptTable } from "./prompts.ts";
import { PruningTable } from "./pruning.ts";
import { RunTable } from "./runs.ts";
import { SessionRunTable } from "./session-runs.ts";
import { SessionTable } from "./sessions.ts";
import { TranscriptTable } from "./transcripts.ts";

/**
 * The store on one SQLite file. The driver is synchronous: each method is done when it returns, and the promise only
 * keeps the interface the same for engines that are not.
 * @throws StorageError as `openDatabase`.
 */
export function openSqliteStore(options: OpenOptions): Store {
  return storeOn(openDatabase(options), options.file);
}

/** The store on an open database, which it closes; `file` is for messages. */
export function storeOn(db: Db, file: string): Store {
  return new SqliteStore(db, file);
}

class SqliteStore implements Store {
  readonly #db: Db;
  readonly #file: string;
  readonly #runs: RunTable;
  readonly #events: EventTable;
  readonly #sessions: SessionTable;
  readonly #keys: KeyTable;
  readonly #transcripts: TranscriptTable;
  readonly #plans: PlanTable;
  readonly #prompts: PromptTable;
  readonly #sessionRuns: SessionRunTable;
  readonly #append;
  readonly #sweep;
  readonly #sweepPrompts;
  readonly #prune;
  readonly #hide;
  readonly #deleteSession;

  constructor(db: Db, file: string) {
    this.#db = db;
    this.#file = file;
    this.#runs = new RunTable(db);
    this.#events = new EventTable(db);
    this.#sessions = new SessionTable(db);
    this.#keys = new KeyTable(db);
    this.#transcripts = new TranscriptTable(db, this.#events);
    this.#plans = new PlanTable(db);
    this.#prompts = new PromptTable(db);
    this.#sessionRuns = new SessionRunTable(db);
    this.#append = db.transaction((writes: readonly RunWrite[]) => {
      for (const write of writes) this.#write(write);
    });
    this.#sweep = db.transaction((now: number, limit: number) => {
      const runs = this.#runs.sweep(now, limit);
      return { runs, keys: this.#keys.sweep(now, limit - runs) };
    });
    this.#sweepPrompts = db.transaction((pass: PromptPass) => this.#prompts.sweep(pass));
    const pruning = new PruningTable(db);
    this.#prune = db.transaction((endedBefore: number) => pruning.prune(endedBefore));
    this.#hide = db.transaction((session: string, items: readonly string[]) =>
      this.#sessions.hide(session, items),
    );
    this.#deleteSession = db.transaction((id: string, owner: string, now: number) => {
      const head = this.#sessions.delete(id, owner);
      if (head !== undefined && head !== null) this.#sessionRuns.leave(id, head, now);
      return head !== undefined;
    });
  }

  append(writes: readonly RunWrite[]): Promise<void> {
    return this.#do(() => this.#append.immediate(writes));
  }

  findRun(id: RunId, owner: string) {
    return this.#do(() => this.#runs.find(id, owner));
  }

  findKey(scope: KeyScope) {
    return this.#do(() => {
      const row = this.#keys.find(scope);
      if (row === undefined) return undefined;
      const { fingerprint, run_id: id, expires_at: expiresAt } = row;
      return { fingerprint, expiresAt, stored: this.#runs.findOwned(id) };
    });
  }

  listRuns(query: RunQuery) {
    return this.#do(() => this.#runs.list(query));
  }

  disownRun(id: RunId, owner: string, now: number) {
    return this.#do(() => {
      const isGone = this.#runs.disown(id, owner, now);
      if (isGone) this.#transcripts.forget(id);
      return isGone;
    });
  }

  readEvents(id: RunId, range: { afterSeq: number; limit: number }) {
    return this.#do(() => this.#events.read(id, range));
  }

  readFacts(id: RunId) {
    return this.#do(() => this.#events.facts(id));
  }

  readTranscript(id: RunId, session?: string) {
    return this.#do(() => {
      const items = this.#transcripts.read(id);
      return session === undefined ? items : withoutHidden(items, this.#sessions.hidden(session));
    });
  }

  readOutput(id: RunId) {
    return this.#do(() => this.#transcripts.output(id));
  }

  findSession(id: string, owner: string) {
    return this.#do(() => this.#sessions.find(id, owner));
  }

  createSession(session: Parameters<SessionTable["create"]>[0]) {
    return this.#do(() => this.#sessions.create(session));
  }

  describeSession(id: string, owner: string, metadata: Record<string, string>) {
    return this.#do(() => this.#sessions.describe(id, owner, metadata));
  }

  deleteSession(id: string, owner: string, now: number) {
    return this.#do(() => {
      const isGone = this.#deleteSession.immediate(id, owner, now);
      if (isGone) this.#transcripts.clear();
      return isGone;
    });
  }

  readSession(id: string, range: SessionRange) {
    return this.#do(() => {
      const head = this.#sessions.head(id);
      const runs = head === undefined ? [] : this.#sessionRuns.read(id, head, range);
      return runs.map((run) => ({ run, items: this.#transcripts.own(run.id) }));
    });
  }

  hideItems(session: string, items: readonly string[]) {
    return this.#do(() => this.#hide.immediate(session, items));
  }

  hiddenItems(session: string) {
    return this.#do(() => this.#sessions.hidden(session));
  }

  unfinishedRuns() {
    return this.#do(() =>
      this.#runs.unfinished().map((stored) => ({ ...stored, plan: this.#plans.find(stored.run.id) })),
    );
  }

  keepPrompt(prompt: PromptSnapshot) {
    return this.#do(() => this.#prompts.keep(prompt));
  }

  findPrompt(hash: string) {
    return this.#do(() => this.#prompts.find(hash));
  }

  sweep(now: number, limit: number) {
    return this.#do(() => {
      const { runs, keys } = this.#sweep.immediate(now, limit);
      if (runs > 0) this.#transcripts.clear();
      return runs + keys;
    });
  }

  sweepPrompts(pass: PromptPass) {
    return this.#do(() => this.#sweepPrompts.immediate(pass));
  }

  prune(endedBefore: number) {
    return this.#do(() => this.#prune.immediate(endedBefore));
  }

  close(): Promise<void> {
    return this.#do(() => {
      this.#db.close();
    });
  }

  #write(write: RunWrite): void {
    const { run, created, events, plan, key, endedAt } = write;
    const packed = packEvents(events);
    this.#events.write(run.id, created ? afterFirstFacts(packed) : packed);
    this.#runs.write(write, packed);
    if (events[0]?.type === "run.created") {
      if (!created) this.#runs.begin(run);
      if (run.sessionId !== undefined) this.#sessions.advance(run.sessionId, run);
    }
    if (plan !== undefined) this.#plans.put(run.id, plan);
    if (run.background === true && endedAt !== undefined) this.#plans.drop(run.id);
    if (key !== undefined) this.#keys.put(run.id, key);
  }

  async #do<Result>(work: () => Result): Promise<Result> {
    try {
      return work();
    } catch (error) {
      throw storageError(error, this.#file);
    }
  }
}

/** A result without its call would answer nothing. */
function withoutHidden(items: Item[], hidden: ReadonlySet<string>): Item[] {
  if (hidden.size === 0) return items;
  const calls = new Set<string>();
  return items.filter((item) => {
    if (hidden.has(item.id)) return false;
    if (item.type === "function_call") calls.add(item.call_id);
    return item.type !== "function_call_output" || calls.has(item.call_id);
  });
}
