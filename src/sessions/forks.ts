import { invalidRequest, unknownSession } from "../domain/error.ts";
import { numberOfPart, type RunId } from "../domain/id.ts";
import type { Item } from "../domain/item.ts";
import { chatMessages, messagePlace } from "../domain/messages.ts";
import type { Run } from "../domain/run.ts";
import type { Session, SessionEntry } from "../domain/session.ts";
import type { Clock } from "../lib/clock.ts";
import type { SessionRun } from "../storage/session-store.ts";
import type { Store } from "../storage/store.ts";
import { checkMade, type SessionCatalog } from "./catalog.ts";
import { createItemRun } from "./item-run.ts";
import type { Sessions } from "./service.ts";

/** What forks need. */
interface ForkDeps {
  store: Store;
  sessions: Sessions;
  catalog: SessionCatalog;
  clock: Clock;
  nextId(): string;
}

/** What a client asks for when it forks a session. */
interface ForkTerms {
  id?: string | undefined;
  title?: string | undefined;
  /** The number of the last message to keep; without it, all messages. */
  at?: number | undefined;
}

/** The end reason of a session that was forked as a whole. */
const BRANCHED = "branched";
const MAX_TITLE_CHARS = 200;

/** Creates forks. */
export interface SessionForks {
  /** @see forkSession */
  make(parent: { id: string; owner: string }, terms: ForkTerms): Promise<SessionEntry>;
}

/** Creates the forks of a store's sessions. */
export function createForks(deps: ForkDeps): SessionForks {
  return { make: (parent, terms) => forkSession(deps, parent, terms) };
}

/**
 * Creates a session that continues another one from a point. Nothing is copied: a run without items points there, so
 * the shared runs are kept as long as either session. As in hermes, the parent is ended if it was forked as a whole;
 * its next turn continues it all the same.
 * @throws ApiError 400 for a message that the parent does not have, an invalid id or a title that is taken, 404 when
 * its owner has no such session, 409 for an id that is taken.
 */
async function forkSession(
  deps: ForkDeps,
  parent: { id: string; owner: string },
  terms: ForkTerms,
): Promise<SessionEntry> {
  const { store, sessions, catalog, clock } = deps;
  const { owner } = parent;
  const from = await sessions.find(parent.id, owner);
  if (from === undefined) throw unknownSession();
  const id = catalog.newId(terms.id);
  const point = terms.at === undefined ? await findHead(store, from) : await pointAt(store, from, terms.at);
  const holder = point && createItemRun(deps, { id, owner, parent: point, bodies: [] }).write;
  const { metadata: _metadata, headRun: _headRun, ...kept } = from;
  const session = {
    ...kept,
    id,
    createdAt: clock.now(),
    title: terms.title ?? (await nextTitle(deps, parent)),
    ...(point !== undefined && { headRun: point.runId }),
  };
  const end = terms.at === undefined ? { reason: BRANCHED, at: clock.now() } : undefined;
  const fork = { parent: from.id, session, holder, end };
  const made = await store.sessions.fork(fork);
  // A title that the server has chosen must not make the request fail.
  const isUnasked = made === "title_taken" && terms.title === undefined;
  checkMade(
    isUnasked ? await store.sessions.fork({ ...fork, session: { ...session, title: undefined } }) : made,
  );
  return catalog.entry(id, owner);
}

type Point = Exclude<Run["parent"], undefined>;

/** The end of the session. What a turn that is going on says later is not part of the fork. */
async function findHead(store: Store, { id, owner, headRun }: Session): Promise<Point | undefined> {
  if (headRun === undefined) return undefined;
  const found = await store.findRun(headRun as RunId, owner);
  const [head] = await store.sessions.read(id, { order: "desc", limit: 1 });
  if (found === undefined || found.endedAt !== undefined || head === undefined) return { runId: headRun };
  return {
    runId: headRun,
    throughItem: lastNumber(head.items.filter(({ status }) => status !== "in_progress")),
  };
}

async function pointAt(store: Store, { id }: Session, at: number): Promise<Point> {
  const place = messagePlace(at);
  const [read] =
    place.run < 1 ? [] : await store.sessions.read(id, { order: "asc", skip: place.run - 1, limit: 1 });
  const message = read && findMessage(read, place.item, await store.sessions.listHidden(id));
  if (read === undefined || message === undefined)
    throw invalidRequest("at", `There is no message ${at} in this session.`, "message_not_found");
  return { runId: read.run.id, throughItem: lastNumber(message) };
}

function findMessage({ items }: SessionRun, first: number, hidden: ReadonlySet<string>): Item[] | undefined {
  const messages = chatMessages(items.filter(({ id }) => !hidden.has(id)));
  return messages.find(([item]) => item !== undefined && numberOfPart(item.id) === first);
}

function lastNumber(items: readonly Item[]): number {
  return Math.max(...items.map(({ id }) => numberOfPart(id) ?? 0));
}

/** Returns the next title of the parent's lineage ("X", "X #2", "X #3"); undefined if the parent has no title. */
async function nextTitle(
  { store, catalog }: ForkDeps,
  { id, owner }: { id: string; owner: string },
): Promise<string | undefined> {
  const { title } = await catalog.entry(id, owner);
  if (title === undefined) return undefined;
  const base = title.replace(/ #\d+$/, "");
  const numbers = (await store.sessions.listTitles(owner, `${base} #`)).map((taken) =>
    Number(/ #(\d{1,9})$/.exec(taken)?.[1] ?? 1),
  );
  const end = ` #${Math.max(1, ...numbers) + 1}`;
  return base.slice(0, MAX_TITLE_CHARS - end.length).toWellFormed() + end;
}
