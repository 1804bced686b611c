import { describe, expect, test } from "vitest";
import { textMessage } from "../../../src/domain/item.ts";
import type { Run } from "../../../src/domain/run.ts";
import type { SessionRange } from "../../../src/storage/session-store.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  aSession,
  COMPLETED,
  following,
  itemOf,
  keep,
  numbered,
  type Open,
  OWNER,
  transcriptOf,
  userItem,
  writeOf,
} from "../../helpers/stored.ts";

const SESSION = "s";
const CALL = { type: "function_call", call_id: "c", name: "f", arguments: "{}", executor: "client" } as const;
const RESULT = {
  type: "function_call_output",
  call_id: "c",
  name: "f",
  output: "r",
  executor: "client",
} as const;

/** The part of the store's contract about what stands in a session. */
export function sessionContract(open: Open): void {
  contents(open);
  endings(open);
}

/** A session of so many runs, the oldest first. */
async function sessionOf(store: Store, count: number, terms: Partial<Run> = {}): Promise<Run[]> {
  await store.sessions.create(aSession(SESSION));
  const runs: Run[] = [];
  for (let n = 0; n < count; n++) {
    const last = runs.at(-1);
    const own = { sessionId: SESSION, ...terms };
    const run = last === undefined ? aRun(own) : following(last, own);
    await keep(store, run, `${n}?`, `${n}!`);
    runs.push(run);
  }
  return runs;
}

const idsOf = async (store: Store, range: SessionRange, session = SESSION) =>
  (await store.sessions.read(session, range)).map(({ run }) => run.id);

function contents(open: Open): void {
  describe("the contents of a session", () => {
    test("the contents of a session are its runs with their items, both ways, from any of them on", async () => {
      const store = await open();
      const runs = await sessionOf(store, 4);
      const ids = runs.map(({ id }) => id);
      await keep(store, following(runs[1] as Run), "elsewhere?", "!");
      expect(await idsOf(store, { order: "asc", limit: 10 })).toEqual(ids);
      expect(await idsOf(store, { order: "desc", limit: 10 })).toEqual(ids.toReversed());
      expect(await idsOf(store, { order: "asc", limit: 2 })).toEqual(ids.slice(0, 2));
      expect(await idsOf(store, { order: "asc", from: ids[1], limit: 2 })).toEqual(ids.slice(1, 3));
      expect(await idsOf(store, { order: "desc", from: ids[1], limit: 9 })).toEqual([ids[1], ids[0]]);
      const [first] = await store.sessions.read(SESSION, { order: "asc", limit: 1 });
      expect(first?.run).toEqual(runs[0]);
      expect(transcriptOf(first?.items ?? [])).toEqual(["user: 0?", "assistant: 0!"]);
    });

    test("the contents of a session are none from a run on that is not of the session, nor of an unknown or empty one", async () => {
      const store = await open();
      const [run] = await sessionOf(store, 1);
      const other = following(run as Run);
      await keep(store, other, "?", "!");
      await store.sessions.create(aSession("empty"));
      expect(await idsOf(store, { order: "asc", from: other.id, limit: 9 })).toEqual([]);
      expect(await idsOf(store, { order: "desc", from: run?.id, limit: 9 }, "empty")).toEqual([]);
      for (const session of ["empty", "unknown"])
        for (const order of ["asc", "desc"] as const)
          expect(await idsOf(store, { order, limit: 9 }, session)).toEqual([]);
    });

    test("the contents of a session are read by later runs without what is hidden, and the results of calls that are", async () => {
      const store = await open();
      await store.sessions.create(aSession(SESSION));
      const run = aRun({ sessionId: SESSION });
      const bodies = [textMessage("user", "a"), CALL, RESULT, textMessage("user", "b"), CALL, RESULT];
      const input = bodies.map((body, n) => itemOf(run, n, body, { place: "input" }));
      await store.append([writeOf(run, numbered(run, [{ type: "run.created", run, input }, COMPLETED]))]);
      const read = async (session?: string) => transcriptOf(await store.readTranscript(run.id, session));
      const all = ["user: a", "call f", "result r", "user: b", "call f", "result r"];
      expect(await read(SESSION)).toEqual(all);
      const hidden = [input[0]?.id, input[1]?.id] as string[];
      await store.sessions.hideItems(SESSION, hidden);
      await store.sessions.hideItems(SESSION, hidden.slice(1));
      expect(await store.sessions.listHidden(SESSION)).toEqual(new Set(hidden));
      expect(await store.sessions.listHidden("other")).toEqual(new Set());
      expect(await read(SESSION)).toEqual(all.slice(3));
      // The run itself, and whoever goes on from it elsewhere, keep them.
      expect(await read()).toEqual(all);
      expect((await store.sessions.read(SESSION, { order: "asc", limit: 1 }))[0]?.items).toHaveLength(6);
    });

    test("carry what their client wrote, until it writes something else", async () => {
      const store = await open();
      await store.sessions.create(aSession(SESSION, { metadata: { a: "ü" } }));
      expect(await store.sessions.find(SESSION, OWNER)).toMatchObject({ metadata: { a: "ü" } });
      const describe = (owner: string, metadata: Record<string, string>) =>
        store.sessions.change(SESSION, owner, { changes: { metadata }, now: 0 });
      expect(await describe("somebody", { a: "stolen" })).toBe("unknown");
      expect(await describe(OWNER, { b: "2" })).toBe("changed");
      expect(await store.sessions.find(SESSION, OWNER)).toMatchObject({ metadata: { b: "2" } });
    });
  });
}

function endings(open: Open): void {
  describe("the end of a session", () => {
    test("the end of a session takes its runs along, but neither responses nor what they go on from", async () => {
      const store = await open();
      await store.sessions.create(aSession(SESSION));
      const own = { sessionId: SESSION };
      const held = aRun({ ...own, surface: "conversations" });
      const response = following(held, { ...own, surface: "responses" });
      const last = following(response, { ...own, surface: "conversations" });
      for (const run of [held, response, last]) await keep(store, run, "?", "!");
      expect(await store.sessions.delete(SESSION, "somebody", 5_000)).toBe(false);
      expect(await store.sweep(5_000, 9)).toBe(0);
      expect(await store.sessions.delete(SESSION, OWNER, 5_000)).toBe(true);
      expect(await store.sessions.delete(SESSION, OWNER, 5_000)).toBe(false);
      expect(await store.sessions.find(SESSION, OWNER)).toBeUndefined();
      expect(await store.sweep(5_000, 9)).toBe(1);
      expect(await store.findRun(response.id, OWNER)).toBeDefined();
      expect(await store.readTranscript(response.id)).toHaveLength(4);
      await store.disownRun(response.id, OWNER, 6_000);
      expect(await store.sweep(6_000, 9)).toBe(2);
    });

    test("the end of a session leaves nothing to a new one of the same id", async () => {
      const store = await open();
      const [run] = await sessionOf(store, 1, { surface: "responses" });
      await store.sessions.hideItems(SESSION, [userItem(run as Run, 0, "").id]);
      await store.sessions.delete(SESSION, OWNER, 5_000);
      await store.sessions.create(aSession(SESSION));
      await keep(store, aRun({ sessionId: SESSION }), "new?", "new!");
      expect(await store.sessions.listHidden(SESSION)).toEqual(new Set());
      expect(await idsOf(store, { order: "asc", from: run?.id, limit: 9 })).toEqual([]);
    });

    test("the end of a session has not come as long as a deleted response is its latest run", async () => {
      const store = await open();
      const [first, second] = await sessionOf(store, 2, { surface: "responses" });
      for (const run of [first, second]) await store.disownRun((run as Run).id, OWNER, 5_000);
      expect(await store.sweep(5_000, 9)).toBe(0);
      expect(await idsOf(store, { order: "asc", limit: 9 })).toEqual([first?.id, second?.id]);
      await store.sessions.delete(SESSION, OWNER, 5_000);
      expect(await store.sweep(5_000, 9)).toBe(2);
    });
  });
}
