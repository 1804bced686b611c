import type { PromptBuilder } from "../context/core-prompt.ts";
import { tooManyRequests, unknownConversation, unknownSession } from "../domain/error.ts";
import { isGivenId, newSessionId, type Session } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../storage/store.ts";
import { checkSessionId } from "./session-id.ts";

/** A run's exclusive hold of a session. */
export interface SessionLease {
  session: Session;
  /** Releases the session for the next run. */
  release(): void;
}

/** Finds or creates sessions, and runs one run at a time in each. */
export interface Sessions {
  /** Creates a session whose id only its owner learns. */
  create(owner: string, metadata: Record<string, string>): Promise<Session>;
  /** Returns a session by id and owner. */
  find(id: string, owner: string): Promise<Session | undefined>;
  /** Replaces the metadata of a session. */
  describe(session: Session, metadata: Record<string, string>): Promise<void>;
  /** Deletes a session; responses that were created in it stay available by their own ids. */
  remove(session: Session): Promise<void>;
  /**
   * Returns the session that a request continues, or undefined if its turn will create it.
   * @throws ApiError 400 for an invalid id, 404 for the session of somebody else or an id that was never issued.
   */
  check(id: string, owner: string): Promise<Session | undefined>;
  /** Checks the queue for a request whose client waits. @throws ApiError 429 when it is full. */
  checkQueue(id: string): void;
  /**
   * Waits until the session is free and takes it; creates it if it is unknown, unless only the server issues such
   * ids. Call `check` first.
   * @throws ApiError 404 for the session of somebody else or one that was deleted; the signal's reason when aborted
   * before its turn.
   */
  take(id: string, owner: string, signal: AbortSignal): Promise<SessionLease>;
}

/** How many clients may wait for one busy session. */
const MAX_WAITING = 32;

/** What sessions need. */
interface SessionDeps {
  store: Store;
  prompt: Pick<PromptBuilder, "current">;
  clock: Clock;
  nextId(): string;
}

/** Creates the sessions of a store. */
export function createSessions(deps: SessionDeps): Sessions {
  /** The waiting runs of each busy session. */
  const busy = new Map<string, (() => void)[]>();

  const release = (id: string) => {
    const next = busy.get(id)?.shift();
    if (next === undefined) busy.delete(id);
    else next();
  };
  const create = async (terms: Pick<Session, "id" | "owner" | "metadata">): Promise<Session> => {
    const session = { ...terms, createdAt: deps.clock.now(), prompt: await deps.prompt.current() };
    await deps.store.sessions.create(session);
    return session;
  };
  const findOrCreate = async (id: string, owner: string): Promise<Session> => {
    const found = await deps.store.sessions.find(id, owner);
    if (found === "foreign" || (found === undefined && isGivenId(id))) throw unknown(id);
    return found ?? create({ id, owner });
  };
  return {
    create: (owner, metadata) => create({ id: newSessionId(deps.nextId), owner, metadata }),
    async find(id, owner) {
      const found = await deps.store.sessions.find(id, owner);
      return found === "foreign" ? undefined : found;
    },
    async describe({ id, owner }, metadata) {
      await deps.store.sessions.change(id, owner, { changes: { metadata }, now: deps.clock.now() });
    },
    async remove({ id, owner }) {
      await deps.store.sessions.delete(id, owner, deps.clock.now());
    },
    async check(id, owner) {
      if (!isGivenId(id)) checkSessionId(id, { param: "X-Hermes-Session-Id" });
      const found = await deps.store.sessions.find(id, owner);
      if (found === "foreign" || (found === undefined && isGivenId(id))) throw unknown(id);
      return found;
    },
    checkQueue(id) {
      if ((busy.get(id)?.length ?? 0) >= MAX_WAITING)
        throw tooManyRequests("Too many requests wait for this session.");
    },
    async take(id, owner, signal) {
      await waitForTurn(busy, id, signal);
      try {
        return { session: await findOrCreate(id, owner), release: () => release(id) };
      } catch (error) {
        release(id);
        throw error;
      }
    },
  };
}

function waitForTurn(busy: Map<string, (() => void)[]>, id: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const waiting = busy.get(id);
  if (waiting === undefined) {
    busy.set(id, []);
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const proceed = () => {
      signal.removeEventListener("abort", leave);
      resolve();
    };
    const leave = () => {
      waiting.splice(waiting.indexOf(proceed), 1);
      reject(signal.reason);
    };
    waiting.push(proceed);
    signal.addEventListener("abort", leave, { once: true });
  });
}

function unknown(id: string): Error {
  return isGivenId(id) ? unknownConversation(id, "conversation") : unknownSession();
}
