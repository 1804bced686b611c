import type { PromptBuilder } from "../context/core-prompt.ts";
import { idTaken, invalidRequest, titleTaken, unknownSession } from "../domain/error.ts";
import { isGivenId, type ModelLock, type SessionChanges, type SessionEntry } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { SessionMade, SessionQuery } from "../storage/session-store.ts";
import type { Store } from "../storage/store.ts";
import { checkSessionId } from "./session-id.ts";

/** What a client asks for when it creates a session. */
interface SessionTerms {
  /** The requested id; without it the server chooses one. */
  id?: string | undefined;
  title?: string | undefined;
  source?: string | undefined;
  instructions?: string | undefined;
  lock?: ModelLock | undefined;
}

/** What the catalog needs. */
interface CatalogDeps {
  store: Store;
  prompt: Pick<PromptBuilder, "current">;
  clock: Clock;
  nextId(): string;
}

/** A page of a list. */
interface SessionPage {
  entries: SessionEntry[];
  hasMore: boolean;
}

/** How many pinned sessions a first page shows in addition to its own. */
const MAX_PINNED = 50;

/** Manages sessions for their owners: creates, lists, renames, flags and ends them. */
export class SessionCatalog {
  readonly #deps: CatalogDeps;

  constructor(deps: CatalogDeps) {
    this.#deps = deps;
  }

  /**
   * Returns one page of an owner's sessions, the most recently active first. The first page of a list (not of a
   * search) also has the pinned sessions, at its end.
   */
  async list(query: SessionQuery): Promise<SessionPage> {
    const { store } = this.#deps;
    const { owner, limit, offset, source, words } = query;
    const found = await store.sessions.list({ ...query, limit: limit + 1 });
    const entries = found.slice(0, limit);
    const hasMore = found.length > limit;
    if (!hasMore || offset > 0 || words !== undefined) return { entries, hasMore };
    const listed = new Set(entries.map(({ id }) => id));
    const pinned = await store.sessions.listPinned(owner, MAX_PINNED);
    const missed = pinned.filter((entry) => !listed.has(entry.id));
    return {
      entries: [...entries, ...missed.filter((entry) => source === undefined || entry.source === source)],
      hasMore,
    };
  }

  /** Returns the session with that title as a list of at most one; a hidden one only if asked for. */
  async titled(owner: string, title: string, hidden: boolean): Promise<SessionPage> {
    const entry = await this.#deps.store.sessions.findTitled(owner, title);
    const isShown = entry !== undefined && (hidden || !entry.hidden);
    return { entries: isShown ? [entry] : [], hasMore: false };
  }

  /** @throws ApiError 404 when its owner has no such session. */
  async entry(id: string, owner: string): Promise<SessionEntry> {
    const entry = await this.#deps.store.sessions.findEntry(id, owner);
    if (entry === undefined) throw unknownSession();
    return entry;
  }

  /**
   * Creates a session.
   * @throws ApiError 400 for an invalid id or a title that is taken, 409 for an id that is taken.
   */
  async create(owner: string, terms: SessionTerms): Promise<SessionEntry> {
    const { store, prompt, clock } = this.#deps;
    const id = this.newId(terms.id);
    const { title, source, instructions, lock } = terms;
    const session = {
      id,
      owner,
      createdAt: clock.now(),
      prompt: await prompt.current(),
      title,
      source,
      ...(instructions !== undefined && { instructions }),
      ...(lock !== undefined && { lock }),
    };
    checkMade(await store.sessions.create(session));
    return this.entry(id, owner);
  }

  /**
   * Changes a session's properties.
   * @throws ApiError 400 for a title that another session has, 404 when its owner has no such session.
   */
  async change(id: string, owner: string, changes: SessionChanges): Promise<SessionEntry> {
    const { store, clock } = this.#deps;
    const outcome = await store.sessions.change(id, owner, { changes, now: clock.now() });
    if (outcome === "title_taken") throw titleTaken();
    if (outcome === "unknown") throw unknownSession();
    return this.entry(id, owner);
  }

  /**
   * Returns the id for a new session: the requested one, or a new one in hermes' form.
   * @throws ApiError 400 for an invalid id.
   */
  newId(wanted: string | undefined): string {
    const { clock, nextId } = this.#deps;
    if (wanted === undefined) return `api_${Math.floor(clock.now() / 1000)}_${nextId().slice(-8)}`;
    checkSessionId(wanted, { param: "id", code: "invalid_session_id" });
    // Its address would be that of the search.
    if (wanted === "search") throw invalidRequest("id", "Invalid session ID", "invalid_session_id");
    if (isGivenId(wanted))
      throw invalidRequest(
        "id",
        "Ids of this form are given out by /v1/conversations.",
        "invalid_session_id",
      );
    return wanted;
  }
}

/** @throws ApiError 409 for an id that is taken, 400 for a title that is taken. */
export function checkMade(made: SessionMade): void {
  if (made === "id_taken") throw idTaken();
  if (made === "title_taken") throw titleTaken();
}
