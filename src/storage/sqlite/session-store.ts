import type { RunId } from "../../domain/id.ts";
import type { Item } from "../../domain/item.ts";
import { previewOf } from "../../domain/messages.ts";
import type { SessionChanges } from "../../domain/session.ts";
import type {
  NewSession,
  SessionFork,
  SessionMade,
  SessionQuery,
  SessionRange,
  SessionStore,
} from "../session-store.ts";
import type { RunWrite } from "../store.ts";
import { ApprovalTable } from "./approvals.ts";
import type { Connection } from "./connection.ts";
import { EventTable } from "./events.ts";
import { PromptTable } from "./prompts.ts";
import { SessionListTable } from "./session-list.ts";
import { SessionRunTable } from "./session-runs.ts";
import { SessionTable } from "./sessions.ts";
import { TranscriptTable } from "./transcripts.ts";

/** What the store on SQLite remembers of sessions. */
export abstract class SqliteSessionStore implements SessionStore {
  protected readonly connection: Connection;
  protected readonly approvals: ApprovalTable;
  protected readonly events: EventTable;
  protected readonly prompts: PromptTable;
  protected readonly transcripts: TranscriptTable;
  protected readonly sessions: SessionTable;
  readonly #runs: SessionRunTable;
  readonly #list: SessionListTable;
  readonly #create;
  readonly #fork;
  readonly #change;
  readonly #delete;
  readonly #hide;

  constructor(connection: Connection) {
    this.connection = connection;
    const { db } = connection;
    this.approvals = new ApprovalTable(db);
    this.events = new EventTable(db);
    this.transcripts = new TranscriptTable(db, this.events);
    this.prompts = new PromptTable(db);
    const sessions = new SessionTable(db, this.prompts);
    const runs = new SessionRunTable(db);
    this.sessions = sessions;
    this.#runs = runs;
    this.#list = new SessionListTable(db, {
      sessions,
      runs,
      transcripts: this.transcripts,
      mayWrite: () => connection.mayWrite,
    });
    this.#create = db.transaction((session: NewSession) => sessions.create(session));
    this.#fork = db.transaction((fork: SessionFork) => this.#forked(fork));
    this.#change = db.transaction((...terms: Parameters<SessionTable["change"]>) =>
      sessions.change(...terms),
    );
    this.#delete = db.transaction((id: string, owner: string, now: number) => {
      const head = sessions.delete(id, owner);
      if (head !== undefined) this.approvals.forgetSession(id);
      if (head !== undefined && head !== null) runs.leave(id, head, now);
      return head !== undefined;
    });
    this.#hide = db.transaction((id: string, items: readonly string[]) => {
      sessions.hide(id, items);
      const head = sessions.head(id);
      if (head !== undefined) this.#list.recount(id, previewOf(this.transcriptOf(head as RunId, id)));
    });
  }

  /** Writes what happened in a run, within a transaction. */
  protected abstract write(write: RunWrite): void;

  findSession(id: string, owner: string) {
    return this.connection.read(() => this.sessions.find(id, owner));
  }

  createSession(session: NewSession): Promise<SessionMade> {
    return this.connection.write(() => this.#create.immediate(session));
  }

  forkSession(fork: SessionFork): Promise<SessionMade> {
    return this.connection.write(() => this.#fork.immediate(fork));
  }

  changeSession(id: string, owner: string, change: { changes: SessionChanges; now: number }) {
    return this.connection.write(() => this.#change.immediate(id, owner, change));
  }

  deleteSession(id: string, owner: string, now: number) {
    return this.connection.write(() => {
      const isGone = this.#delete.immediate(id, owner, now);
      if (isGone) this.transcripts.clear();
      return isGone;
    }, "makes room");
  }

  sessionEntry(id: string, owner: string) {
    return this.connection.read(() => this.#list.entry(id, owner));
  }

  listSessions(query: SessionQuery) {
    return this.connection.read(() => this.#list.page(query));
  }

  pinnedSessions(owner: string, limit: number) {
    return this.connection.read(() => this.#list.pinned(owner, limit));
  }

  titledSession(owner: string, title: string) {
    return this.connection.read(() => this.#list.titled(owner, title));
  }

  titlesLike(owner: string, beginning: string) {
    return this.connection.read(() => this.#list.titles(owner, beginning));
  }

  readSession(id: string, range: SessionRange) {
    return this.connection.read(() => {
      const head = this.sessions.head(id);
      const read = head === undefined ? [] : this.#runs.read(head, range);
      return read.map(({ run, through, place }) => {
        const { items, times } = this.transcripts.own(run.id, through);
        return { run, items, times, place };
      });
    });
  }

  hideItems(session: string, items: readonly string[]) {
    return this.connection.write(() => this.#hide.immediate(session, items), "makes room");
  }

  hiddenItems(session: string) {
    return this.connection.read(() => this.sessions.hidden(session));
  }

  /** What was said up to the end of a run; with a session, without what is hidden there. */
  protected transcriptOf(id: RunId, session: string | undefined): Item[] {
    const items = this.transcripts.read(id);
    return session === undefined ? items : withoutHidden(items, this.sessions.hidden(session));
  }

  #forked({ parent, session, holder, end }: SessionFork): SessionMade {
    const made = this.sessions.create(session, this.sessions.originOf(parent));
    if (made !== "made") return made;
    this.sessions.copyHidden(parent, session.id);
    if (holder !== undefined) this.write(holder);
    if (end !== undefined) {
      const changes = { endReason: end.reason };
      this.sessions.change(parent, session.owner, { changes, now: end.at });
    }
    return made;
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
