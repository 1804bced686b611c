import type { PromptBuilder } from "../context/core-prompt.ts";
import { tooManyRequests, unknownConversation, unknownSession } from "../domain/error.ts";
import { isGivenId, newSessionId, type Session } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../storage/store.ts";
import { checkSessionId } from "./session-id.ts";

/** Holds a session for one run. */
export interface SessionLease {
  session: Session;
  /** Lets the next run in. */
  release(): void;
}

/** Sessions: found or created, and one run at a time. */
export interface Sessions {
  /** Makes a session whose id only its owner is told. */
  create(owner: string, metadata: Record<string, string>): Promise<Session>;
  /** A session by id and owner. */
  find(id: string, owner: string): Promise<Session | undefined>;
  /** Replaces what its client wrote on a session. */
  describe(session: Session, metadata: Record<string, string>): Promise<void>;
  /** Deletes a session; responses that were made in it stay, each under its own id. */
  remove(session: Session): Promise<void>;
  /**
   * Whether a request may go on with a session: the session, or undefined for one that its turn will make.
   * @throws ApiError 400 for an id that cannot be one, 404 for somebody else's and for one that was not given out.
   */
  check(id: string, owner: string): Promise<Session | undefined>;
  /** For a request whose client waits for it. @throws ApiError 429 when too many do already. */
  checkQueue(id: string): void;
  /**
   * Waits for the session to be free and takes it; creates it when it is unknown, unless such ids are given out. Check
   * it first.
   * @throws ApiError 404 for somebody else's and for one that is gone; the signal's reason when aborted before its
   * turn.
   */
  take(id: string, owner: string, signal: AbortSignal): Promise<SessionLease>;
}

/** Clients that may wait for one busy session. */
const MAX_WAITING = 32;

/** What sessions are made of. */
export interface SessionDeps {
  store: Store;
  prompt: Pick<PromptBuilder, "current">;
  clock: Clock;
  nextId(): string;
}

/** Opens the sessions of a store. */
export function createSessions(deps: SessionDeps): Sessions {
  /** Who waits for which session; a session in the map is busy. */
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
      await enter(busy, id, signal);
      try {
        return { session: await findOrCreate(id, owner), release: () => release(id) };
      } catch (error) {
        release(id);
        throw error;
      }
    },
  };
}

function enter(busy: Map<string, (() => void)[]>, id: string, signal: AbortSignal): Promise<void> {
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
