import type { RunId } from "../../domain/id.ts";
import type { Item } from "../../domain/item.ts";
import { firstQuestion } from "../../domain/messages.ts";
import type { SessionChanges } from "../../domain/session.ts";
import { withoutHidden } from "../session-rules.ts";
import type {
  NewSession,
  SessionFork,
  SessionMade,
  SessionQuery,
  SessionRange,
  SessionStore,
} from "../session-store.ts";
import type { RunWrite } from "../store.ts";
import type { ApprovalTable } from "./approvals.ts";
import type { Connection } from "./connection.ts";
import { SessionListTable } from "./session-list.ts";
import { SessionRunTable } from "./session-runs.ts";
import type { SessionTable } from "./sessions.ts";
import type { TranscriptTable } from "./transcripts.ts";

/** What the sessions of a store share with its runs. */
interface SessionParts {
  sessions: SessionTable;
  approvals: ApprovalTable;
  transcripts: TranscriptTable;
  /** Writes what happened in a run, within a transaction. */
  writeRun(write: RunWrite): void;
}

/** The sessions of a store on SQLite. */
export class SqliteSessionStore implements SessionStore {
  readonly #connection: Connection;
  readonly #parts: SessionParts;
  readonly #runs: SessionRunTable;
  readonly #list: SessionListTable;
  readonly #create;
  readonly #fork;
  readonly #change;
  readonly #delete;
  readonly #hide;

  constructor(connection: Connection, parts: SessionParts) {
    this.#connection = connection;
    this.#parts = parts;
    const { db } = connection;
    const { sessions, approvals, transcripts } = parts;
    const runs = new SessionRunTable(db);
    this.#runs = runs;
    this.#list = new SessionListTable(db, {
      sessions,
      runs,
      transcripts,
      mayWrite: () => connection.mayWrite,
    });
    this.#create = db.transaction((session: NewSession) => sessions.create(session));
    this.#fork = db.transaction((fork: SessionFork) => this.#createFork(fork));
    this.#change = db.transaction((...terms: Parameters<SessionTable["change"]>) =>
      sessions.change(...terms),
    );
    this.#delete = db.transaction((id: string, owner: string, now: number) => {
      const head = sessions.delete(id, owner);
      if (head !== undefined) approvals.forgetSession(id);
      if (head !== undefined && head !== null) runs.leave(id, head, now);
      return head !== undefined;
    });
    this.#hide = db.transaction((id: string, items: readonly string[]) => {
      sessions.hide(id, items);
      const head = sessions.head(id);
      if (head !== undefined) this.#list.recount(id, firstQuestion(this.readVisible(head as RunId, id)));
    });
  }

  find(id: string, owner: string) {
    return this.#connection.read(() => this.#parts.sessions.find(id, owner));
  }

  create(session: NewSession): Promise<SessionMade> {
    return this.#connection.write(() => this.#create.immediate(session));
  }

  fork(fork: SessionFork): Promise<SessionMade> {
    return this.#connection.write(() => this.#fork.immediate(fork));
  }

  change(id: string, owner: string, change: { changes: SessionChanges; now: number }) {
    return this.#connection.write(() => this.#change.immediate(id, owner, change));
  }

  delete(id: string, owner: string, now: number) {
    return this.#connection.write(() => {
      const isGone = this.#delete.immediate(id, owner, now);
      if (isGone) this.#parts.transcripts.clear();
      return isGone;
    }, "makes room");
  }

  findEntry(id: string, owner: string) {
    return this.#connection.read(() => this.#list.entry(id, owner));
  }

  list(query: SessionQuery) {
    return this.#connection.read(() => this.#list.page(query));
  }

  listPinned(owner: string, limit: number) {
    return this.#connection.read(() => this.#list.pinned(owner, limit));
  }

  findTitled(owner: string, title: string) {
    return this.#connection.read(() => this.#list.titled(owner, title));
  }

  listTitles(owner: string, beginning: string) {
    return this.#connection.read(() => this.#list.titles(owner, beginning));
  }

  read(id: string, range: SessionRange) {
    const { sessions, transcripts } = this.#parts;
    return this.#connection.read(() => {
      const head = sessions.head(id);
      const read = head === undefined ? [] : this.#runs.read(head, range);
      return read.map(({ run, through, place }) => {
        const { items, times } = transcripts.own(run.id, through);
        return { run, items, times, place };
      });
    });
  }

  hideItems(session: string, items: readonly string[]) {
    return this.#connection.write(() => this.#hide.immediate(session, items), "makes room");
  }

  listHidden(session: string) {
    return this.#connection.read(() => this.#parts.sessions.hidden(session));
  }

  /**
   * Returns the transcript up to the end of a run, without items hidden in a session; synchronous, for use inside a
   * read or write.
   */
  readVisible(id: RunId, session: string): Item[] {
    const { transcripts, sessions } = this.#parts;
    return withoutHidden(transcripts.read(id), sessions.hidden(session));
  }

  #createFork({ parent, session, holder, end }: SessionFork): SessionMade {
    const { sessions, writeRun } = this.#parts;
    const made = sessions.create(session, sessions.originOf(parent));
    if (made !== "made") return made;
    sessions.copyHidden(parent, session.id);
    if (holder !== undefined) writeRun(holder);
    if (end !== undefined) {
      const changes = { endReason: end.reason };
      sessions.change(parent, session.owner, { changes, now: end.at });
    }
    return made;
  }
}
