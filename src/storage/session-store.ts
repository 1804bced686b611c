import type { RunId } from "../domain/id.ts";
import type { Item } from "../domain/item.ts";
import type { Run } from "../domain/run.ts";
import type { Session, SessionChanges, SessionEntry } from "../domain/session.ts";
import type { RunWrite } from "./store.ts";

/** One run of a session, with its items in transcript order. */
export interface SessionRun {
  run: Run;
  /** Without those for the model only (`internal`), and of a run that was forked within up to there. */
  items: Item[];
  /** When each item was done, epoch ms, by its id. */
  times: ReadonlyMap<string, number>;
  /** Which of the session's runs it is, the oldest 1; it stays so. */
  place: number;
}

/** Which runs of a session to read. */
export interface SessionRange {
  /** `asc`: the oldest run first. */
  order: "asc" | "desc";
  /** The first run to read; without it the oldest or the latest. */
  from?: RunId | undefined;
  /** So many runs of that order are left out. */
  skip?: number | undefined;
  limit: number;
}

/** A session that is to be made. */
export interface NewSession extends Session {
  title?: string | undefined;
  /** Which program asks for it. */
  source?: string | undefined;
}

/** Which of an owner's sessions to list: those that are not hidden, the last active first. */
export interface SessionQuery {
  owner: string;
  limit: number;
  offset: number;
  source?: string | undefined;
  /** Only those whose title or first question holds these words, whatever the case of their ASCII letters. */
  words?: string | undefined;
}

/** A session that goes on from a point of another one. */
export interface SessionFork {
  /** The session that it goes on from; its owner is that of the new one. */
  parent: string;
  session: NewSession;
  /** The first run of the new session, which goes on from that point; undefined where nothing was said yet. */
  holder: RunWrite | undefined;
  /** Why the parent ends, if it does, and when (epoch ms). */
  end?: { reason: string; at: number } | undefined;
}

/** Whether a session could be made: its id and its title must be free. */
export type SessionMade = "made" | "id_taken" | "title_taken";

/** What a store remembers of sessions; as all of it, looked up by id and owner. */
export interface SessionStore {
  /** A session by id and owner, `foreign` when it is somebody else's. */
  find(id: string, owner: string): Promise<Session | "foreign" | undefined>;
  /** Stores a new session. */
  create(session: NewSession): Promise<SessionMade>;
  /** Stores a new session that goes on from a point of another one, with what is hidden there. */
  fork(fork: SessionFork): Promise<SessionMade>;
  /** Changes what is said of a session; `now` is epoch ms. */
  change(
    id: string,
    owner: string,
    change: { changes: SessionChanges; now: number },
  ): Promise<"changed" | "unknown" | "title_taken">;
  /**
   * Deletes a session; what stays of it are responses, by their own ids, with what they go on from. False: there is
   * none. `now` is epoch ms.
   */
  delete(id: string, owner: string, now: number): Promise<boolean>;
  /** What a list shows of a session. */
  findEntry(id: string, owner: string): Promise<SessionEntry | undefined>;
  /** One page of an owner's sessions. */
  list(query: SessionQuery): Promise<SessionEntry[]>;
  /** An owner's pinned sessions, the last active first. */
  listPinned(owner: string, limit: number): Promise<SessionEntry[]>;
  /** The session of that title, hidden or not. */
  findTitled(owner: string, title: string): Promise<SessionEntry | undefined>;
  /** The titles of an owner that begin so, at most 1,000. */
  listTitles(owner: string, beginning: string): Promise<string[]>;
  /**
   * Runs of a session from one on, with their items, hidden ones too; none when `from` is no run of it. A fork has
   * those of its parent up to where it began.
   */
  read(id: string, range: SessionRange): Promise<SessionRun[]>;
  /** Takes items out of a session, and only there. */
  hideItems(session: string, items: readonly string[]): Promise<void>;
  /** The ids of the items that were taken out of a session. */
  listHidden(session: string): Promise<Set<string>>;
}
