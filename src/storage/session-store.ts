import type { RunId } from "../domain/id.ts";
import type { Item } from "../domain/item.ts";
import type { Run } from "../domain/run.ts";
import type { Session, SessionChanges, SessionEntry } from "../domain/session.ts";
import type { RunWrite } from "./store.ts";

/** One run of a session, with its items in transcript order. */
export interface SessionRun {
  run: Run;
  /**
   * Without items for the model only (`internal`); of a run that was forked at an item, only the items up to there.
   */
  items: Item[];
  /** When each item was completed (epoch ms), by item id. */
  times: ReadonlyMap<string, number>;
  /** The position of the run in its session, starting at 1; it never changes. */
  place: number;
}

/** Which runs of a session to read. */
export interface SessionRange {
  /** `asc`: the oldest run first. */
  order: "asc" | "desc";
  /** The first run to read; by default the oldest or the newest, as the order says. */
  from?: RunId | undefined;
  /** How many runs to skip, in that order. */
  skip?: number | undefined;
  limit: number;
}

/** A session to create. */
export interface NewSession extends Session {
  title?: string | undefined;
  /** The program that asks for it. */
  source?: string | undefined;
}

/** Which of an owner's sessions to list: hidden ones are left out, the most recently active comes first. */
export interface SessionQuery {
  owner: string;
  limit: number;
  offset: number;
  source?: string | undefined;
  /** Only sessions whose title or first question contains this text; ASCII letters match in either case. */
  words?: string | undefined;
}

/** A session that branches off from a point of another one. */
export interface SessionFork {
  /** The session that it branches off from, which has the same owner. */
  parent: string;
  session: NewSession;
  /** The first run of the new session, which marks that point; undefined if the parent is empty. */
  holder: RunWrite | undefined;
  /** Why and when (epoch ms) the parent ends, if it does. */
  end?: { reason: string; at: number } | undefined;
}

/** The outcome of creating a session: its id and title must be unique. */
export type SessionMade = "made" | "id_taken" | "title_taken";

/** The sessions of a store. Everything is looked up by id and owner. */
export interface SessionStore {
  /** Returns a session, or `foreign` if it belongs to somebody else. */
  find(id: string, owner: string): Promise<Session | "foreign" | undefined>;
  /** Stores a new session. */
  create(session: NewSession): Promise<SessionMade>;
  /** Stores a session that branches off from another one; hidden items stay hidden in it. */
  fork(fork: SessionFork): Promise<SessionMade>;
  /** Changes a session's properties; `now` is epoch ms. */
  change(
    id: string,
    owner: string,
    change: { changes: SessionChanges; now: number },
  ): Promise<"changed" | "unknown" | "title_taken">;
  /**
   * Deletes a session and its runs, except responses and what they continue; those stay available by their own ids.
   * Returns false if there is no such session. `now` is epoch ms.
   */
  delete(id: string, owner: string, now: number): Promise<boolean>;
  /** Returns a session as lists show it. */
  findEntry(id: string, owner: string): Promise<SessionEntry | undefined>;
  /** Returns one page of an owner's sessions. */
  list(query: SessionQuery): Promise<SessionEntry[]>;
  /** Returns an owner's pinned sessions, the most recently active first. */
  listPinned(owner: string, limit: number): Promise<SessionEntry[]>;
  /** Returns the session with that title, hidden or not. */
  findTitled(owner: string, title: string): Promise<SessionEntry | undefined>;
  /** Returns at most 1,000 of an owner's titles that start with a text. */
  listTitles(owner: string, beginning: string): Promise<string[]>;
  /**
   * Reads the runs of a session with their items, hidden ones included; returns none if `from` is not one of its
   * runs. A fork also has its parent's runs up to the point where it branched off.
   */
  read(id: string, range: SessionRange): Promise<SessionRun[]>;
  /** Hides items in a session; elsewhere they stay visible. */
  hideItems(session: string, items: readonly string[]): Promise<void>;
  /** Returns the ids of the items that are hidden in a session. */
  listHidden(session: string): Promise<Set<string>>;
}
