import { unansweredCalls } from "../context/client-calls.ts";
import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { Session } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { SessionRange, SessionRun } from "../storage/session-store.ts";
import type { Store } from "../storage/store.ts";
import { createItemRun } from "./item-run.ts";
import type { Sessions } from "./service.ts";

/** What the contents of sessions need. */
interface ContentsDeps {
  store: Store;
  sessions: Sessions;
  clock: Clock;
  nextId(): string;
}

/** Runs read at a time: enough for most pages of a list. */
const RUNS_AT_ONCE = 10;

/** The items of sessions, as their owners read and change them. Callers must first check whose session it is. */
export class SessionContents {
  readonly #deps: ContentsDeps;

  constructor(deps: ContentsDeps) {
    this.#deps = deps;
  }

  /**
   * Creates a session with these items, or without any.
   * @throws ApiError as `add`.
   */
  async create(
    owner: string,
    { metadata, bodies }: { metadata: Record<string, string>; bodies: readonly ItemBody[] },
    signal: AbortSignal,
  ): Promise<Session> {
    const { sessions } = this.#deps;
    unansweredCalls(bodies, "items");
    const session = await sessions.create(owner, metadata);
    if (bodies.length > 0) await this.add(session, bodies, signal);
    return session;
  }

  /**
   * Appends items to a session, after the run that is going on in it; a run of its own holds them.
   * @throws ApiError 400 for a result without a call, 404 for a session that was deleted, 429 when too many requests
   * wait for it, 503 and 507 when they cannot be stored; the signal's reason when aborted before its turn.
   */
  add(session: Session, bodies: readonly ItemBody[], signal: AbortSignal): Promise<Item[]> {
    return this.#add(session, bodies, { signal });
  }

  /** The same with a given run id: if that run exists, the items were added before. @throws ApiError as `add`. */
  async addOnce(
    session: Session,
    bodies: readonly ItemBody[],
    terms: { runId: RunId; signal: AbortSignal },
  ): Promise<void> {
    await this.#add(session, bodies, terms);
  }

  async #add(
    { id, owner }: Session,
    bodies: readonly ItemBody[],
    { runId, signal }: { runId?: RunId; signal: AbortSignal },
  ): Promise<Item[]> {
    const { sessions, store } = this.#deps;
    sessions.checkQueue(id);
    const lease = await sessions.take(id, owner, signal);
    try {
      if (runId !== undefined && (await store.findRun(runId, owner)) !== undefined) return [];
      const { session } = lease;
      await this.#checkResults(session, bodies);
      const parent = session.headRun === undefined ? undefined : { runId: session.headRun };
      const { input, write } = createItemRun(this.#deps, { runId, id, owner, parent, bodies });
      await store.append([write]);
      return input;
    } finally {
      lease.release();
    }
  }

  /** Reads the runs of a session with their items, starting at one, as they are consumed. */
  async *runs(
    session: string,
    { order, from }: Omit<SessionRange, "limit">,
  ): AsyncGenerator<SessionRun, void, undefined> {
    let last = from;
    for (let isFirst = true; ; isFirst = false) {
      const read = await this.#deps.store.sessions.read(session, { order, from: last, limit: RUNS_AT_ONCE });
      // A page starts with the last run of the page before.
      yield* isFirst ? read : read.slice(1);
      if (read.length < RUNS_AT_ONCE) return;
      // Other requests get a turn while a long session is read.
      await new Promise(setImmediate);
      last = read.at(-1)?.run.id;
    }
  }

  /** Returns one run of a session with its items. */
  async run(session: string, id: RunId): Promise<SessionRun | undefined> {
    return (await this.#deps.store.sessions.read(session, { order: "desc", from: id, limit: 1 }))[0];
  }

  /** Hides items in a session: lists no longer show them, and no later run reads them. */
  hide(session: string, items: readonly string[]): Promise<void> {
    return this.#deps.store.sessions.hideItems(session, items);
  }

  /** Returns the ids of the hidden items. */
  hidden(session: string): Promise<ReadonlySet<string>> {
    return this.#deps.store.sessions.listHidden(session);
  }

  /** A result without a call would make every later run of the session fail. */
  async #checkResults({ id, headRun }: Session, bodies: readonly ItemBody[]): Promise<void> {
    if (!bodies.some(({ type }) => type === "function_call_output")) return;
    const stored = headRun === undefined ? [] : await this.#deps.store.readTranscript(headRun as RunId, id);
    unansweredCalls([...stored, ...bodies], "items");
  }
}
