import { unansweredCalls } from "../context/client-calls.ts";
import type { RunId } from "../domain/id.ts";
import type { Item, ItemBody } from "../domain/item.ts";
import type { Session } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { SessionRange, SessionRun } from "../storage/session-store.ts";
import type { Store } from "../storage/store.ts";
import { createItemRun } from "./item-run.ts";
import type { Sessions } from "./service.ts";

/** What the contents of sessions are kept with. */
export interface ContentsDeps {
  store: Store;
  sessions: Sessions;
  clock: Clock;
  nextId(): string;
}

/** Runs that one read of the store brings: most pages of a list need no more. */
const RUNS_AT_ONCE = 10;

/** What stands in sessions, as their owners read and change it. Check first whose session it is. */
export class SessionContents {
  readonly #deps: ContentsDeps;

  constructor(deps: ContentsDeps) {
    this.#deps = deps;
  }

  /**
   * Makes a session that holds these items, or none at all.
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
   * Puts items at a session's end, after the run that goes on in it; a run of their own holds them.
   * @throws ApiError 400 for a result without a call, 404 for a session that is gone, 429 when too many wait for it,
   * 503 and 507 when they cannot be stored; the signal's reason when aborted before its turn.
   */
  add(session: Session, bodies: readonly ItemBody[], signal: AbortSignal): Promise<Item[]> {
    return this.#add(session, bodies, { signal });
  }

  /** The same by a run of a given id; where that run is, its items were put there before. @throws ApiError as `add`. */
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

  /** The runs of a session with their items, from one on, read as they are asked for. */
  async *runs(
    session: string,
    { order, from }: Omit<SessionRange, "limit">,
  ): AsyncGenerator<SessionRun, void, undefined> {
    let last = from;
    for (let isFirst = true; ; isFirst = false) {
      const read = await this.#deps.store.sessions.read(session, { order, from: last, limit: RUNS_AT_ONCE });
      // A page begins with the run that the page before ended with.
      yield* isFirst ? read : read.slice(1);
      if (read.length < RUNS_AT_ONCE) return;
      // A long session is read while requests have their turn.
      await new Promise(setImmediate);
      last = read.at(-1)?.run.id;
    }
  }

  /** One run of a session with its items. */
  async run(session: string, id: RunId): Promise<SessionRun | undefined> {
    return (await this.#deps.store.sessions.read(session, { order: "desc", from: id, limit: 1 }))[0];
  }

  /** Takes items out of a session: it lists them no more, and no later run reads them. */
  hide(session: string, items: readonly string[]): Promise<void> {
    return this.#deps.store.sessions.hideItems(session, items);
  }

  /** The ids of what was taken out of a session. */
  hidden(session: string): Promise<ReadonlySet<string>> {
    return this.#deps.store.sessions.listHidden(session);
  }

  /** A result that answers no call would make every later run of the session fail. */
  async #checkResults({ id, headRun }: Session, bodies: readonly ItemBody[]): Promise<void> {
    if (!bodies.some(({ type }) => type === "function_call_output")) return;
    const stored = headRun === undefined ? [] : await this.#deps.store.readTranscript(headRun as RunId, id);
    unansweredCalls([...stored, ...bodies], "items");
  }
}
