import type { PromptBuilder } from "../agent/prompt.ts";
import { invalidRequest, notFound, tooManyRequests } from "../domain/error.ts";
import type { Session } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../storage/store.ts";

/** Holds a session for one run. */
export interface SessionLease {
  session: Session;
  /** Lets the next run in. */
  release(): void;
}

/** Sessions: found or created, and one run at a time. */
export interface Sessions {
  /** @throws ApiError 400 for an id that cannot be one, 404 for somebody else's. */
  check(id: string, owner: string): Promise<void>;
  /**
   * Waits for the session to be free and takes it; creates it when it is unknown. Check it first.
   * @throws ApiError 404 for somebody else's, 429 when too many wait already; the signal's reason when aborted before
   * its turn.
   */
  take(id: string, owner: string, signal: AbortSignal): Promise<SessionLease>;
}

/** Requests that may wait for one busy session. */
const MAX_WAITING = 32;
const MAX_ID_CHARS = 256;

/** Opens the sessions of a store. */
export function createSessions(deps: { store: Store; prompt: PromptBuilder; clock: Clock }): Sessions {
  /** Who waits for which session; a session in the map is busy. */
  const busy = new Map<string, (() => void)[]>();

  const release = (id: string) => {
    const next = busy.get(id)?.shift();
    if (next === undefined) busy.delete(id);
    else next();
  };
  const find = async (id: string, owner: string): Promise<Session> => {
    const found = await deps.store.findSession(id, owner);
    if (found === "foreign") throw unknownSession();
    if (found !== undefined) return found;
    const session = { id, owner, createdAt: deps.clock.now(), prompt: await deps.prompt.current() };
    await deps.store.createSession(session);
    return session;
  };
  return {
    async check(id, owner) {
      checkSessionId(id);
      if ((await deps.store.findSession(id, owner)) === "foreign") throw unknownSession();
    },
    async take(id, owner, signal) {
      await enter(busy, id, signal);
      try {
        return { session: await find(id, owner), release: () => release(id) };
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
  if (waiting.length >= MAX_WAITING) throw tooManyRequests("Too many requests wait for this session.");
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

function unknownSession(): Error {
  return notFound("session_not_found", "There is no such session.");
}

/** The reference's rule: short, no control characters, nothing that could be a path. */
function checkSessionId(id: string): void {
  if (id.length > MAX_ID_CHARS) throw invalidRequest("X-Hermes-Session-Id", "Session ID too long");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  const unsafe = /[\u0000-\u001f\u007f/\\]|\.\./.test(id);
  if (unsafe || id.trim() === "") throw invalidRequest("X-Hermes-Session-Id", "Invalid session ID");
}
