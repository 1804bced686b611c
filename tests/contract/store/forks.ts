import { describe, expect, test } from "vitest";
import type { EventBody } from "../../../src/domain/event.ts";
import { numberOfPart } from "../../../src/domain/id.ts";
import type { Run } from "../../../src/domain/run.ts";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import type { SessionFork } from "../../../src/storage/session-store.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  aSession,
  dialogue,
  following,
  keep,
  numbered,
  type Open,
  OWNER,
  transcriptOf,
  userItem,
  writeOf,
} from "../../helpers/stored.ts";

/** What holds items and asks no model. */
const NOTHING_DONE: EventBody = { type: "run.completed", reason: "stop", usage: NO_USAGE, steps: 0 };

const PARENT = "parent";
const FORK = "fork";

/** A session of three turns, `0?` to `2!`. */
async function parentOf(store: Store): Promise<Run[]> {
  await store.sessions.create(aSession(PARENT));
  const runs: Run[] = [];
  for (let n = 0; n < 3; n++) {
    const last = runs.at(-1);
    const run = last === undefined ? aRun({ sessionId: PARENT }) : following(last, { sessionId: PARENT });
    await keep(store, run, `${n}?`, `${n}!`);
    runs.push(run);
  }
  return runs;
}

/** A fork that goes on from a run, up to an item of it. */
function forkOf(
  from: Run,
  { id = FORK, parent = PARENT, through }: { id?: string; parent?: string; through?: number } = {},
): SessionFork & { holder: { run: Run } } {
  const point = { runId: from.id, ...(through !== undefined && { throughItem: through }) };
  const run = aRun({ surface: "conversations", sessionId: id, parent: point });
  const events = numbered(run, [{ type: "run.created", run, input: [] }, NOTHING_DONE]);
  return { parent, session: aSession(id, { headRun: from.id }), holder: writeOf(run, events) };
}

const said = async (store: Store, id = FORK) => {
  const session = await store.sessions.find(id, OWNER);
  const head = session === "foreign" ? undefined : session?.headRun;
  return transcriptOf(await store.readTranscript(head as Run["id"], id));
};

const listed = async (store: Store, order: "asc" | "desc", id = FORK) => {
  const runs = await store.sessions.read(id, { order, limit: 99 });
  return (order === "asc" ? runs : runs.toReversed()).flatMap(({ items }) => transcriptOf(items));
};

const ALL = ["user: 0?", "assistant: 0!", "user: 1?", "assistant: 1!", "user: 2?", "assistant: 2!"];

/** The part of the store's contract about sessions that go on from a point of another one. */
export function forkContract(open: Open): void {
  describe("a fork", () => {
    test("a fork at any item of its parent has what was said up to there, and goes on alone", async () => {
      const store = await open();
      const runs = await parentOf(store);
      for (const [n, run] of runs.entries())
        for (const through of [0, 1]) {
          const id = `fork-${n}-${through}`;
          const fork = forkOf(run, { id, through });
          expect(await store.sessions.fork(fork)).toBe("made");
          const before = ALL.slice(0, 2 * n + through + 1);
          expect(await said(store, id)).toEqual(before);
          await keep(store, following(fork.holder.run, { sessionId: id }), "new?", "new!");
          const after = [...before, "user: new?", "assistant: new!"];
          expect(await said(store, id)).toEqual(after);
          expect(await listed(store, "asc", id)).toEqual(after);
          expect(await listed(store, "desc", id)).toEqual(after);
          expect(await said(store, PARENT)).toEqual(ALL);
        }
      expect(await listed(store, "asc", PARENT)).toEqual(ALL);
    });

    test("a fork of a fork, and of a turn that goes on, ends where it was made", async () => {
      const store = await open();
      const [, , last] = (await parentOf(store)) as [Run, Run, Run];
      const running = following(last, { sessionId: PARENT });
      const log = dialogue(running, "3?", "3!");
      await store.append([writeOf(running, log.slice(0, 2))]);
      const fork = forkOf(running, { through: 0 });
      await store.sessions.fork(fork);
      await store.append([writeOf(running, log.slice(2))]);
      const expected = [...ALL, "user: 3?"];
      expect(await said(store)).toEqual(expected);
      await store.sessions.fork(forkOf(fork.holder.run, { id: "second", parent: FORK }));
      expect(await said(store, "second")).toEqual(expected);
      expect(await listed(store, "asc", "second")).toEqual(expected);
      expect(await store.sessions.findEntry("second", OWNER)).toMatchObject({
        parentId: FORK,
        rootId: PARENT,
      });
      expect(await said(store, PARENT)).toEqual([...expected, "assistant: 3!"]);
    });

    test("a fork is read run by run, from any of them on, also those of its parent", async () => {
      const store = await open();
      const [first, second] = (await parentOf(store)) as [Run, Run, Run];
      const fork = forkOf(second);
      await store.sessions.fork(fork);
      const chain = [first.id, second.id, fork.holder.run.id];
      const read = async (range: Parameters<Store["sessions"]["read"]>[1]) =>
        (await store.sessions.read(FORK, range)).map(({ run, place }) => {
          expect(chain[place - 1]).toBe(run.id);
          return run.id;
        });
      expect(await read({ order: "asc", limit: 9 })).toEqual(chain);
      expect(await read({ order: "asc", from: second.id, limit: 9 })).toEqual(chain.slice(1));
      expect(await read({ order: "desc", from: second.id, limit: 9 })).toEqual([second.id, first.id]);
      expect(await read({ order: "asc", skip: 1, limit: 1 })).toEqual([second.id]);
      const [{ times } = { times: new Map() }] = await store.sessions.read(FORK, { order: "asc", limit: 1 });
      expect([...times].map(([id, at]) => [numberOfPart(id), at])).toEqual([
        [0, 2_000],
        [1, 2_004],
      ]);
    });

    test("a fork counts its parent's messages, not what they cost, and begins as its parent does", async () => {
      const store = await open();
      const [, second] = (await parentOf(store)) as [Run, Run, Run];
      await store.sessions.fork(forkOf(second, { through: 0 }));
      expect(await store.sessions.findEntry(FORK, OWNER)).toMatchObject({
        parentId: PARENT,
        rootId: PARENT,
        preview: "0?",
        tally: { messages: 3, modelCalls: 0, model: "m" },
      });
    });

    test("a fork leaves out what was taken out of its parent, and what is taken out later only there", async () => {
      const store = await open();
      const [first, second] = (await parentOf(store)) as [Run, Run, Run];
      await store.sessions.hideItems(PARENT, [userItem(first, 0, "").id]);
      await store.sessions.fork(forkOf(second));
      await store.sessions.hideItems(FORK, [userItem(second, 0, "").id]);
      expect(await said(store)).toEqual(["assistant: 0!", "assistant: 1!"]);
      expect(await said(store, PARENT)).toEqual(ALL.slice(1));
    });

    test("a fork keeps what it needs when its parent is deleted, and gives it back with its own end", async () => {
      const store = await open();
      const runs = await parentOf(store);
      await store.sessions.fork(forkOf(runs[1] as Run, { through: 0 }));
      await store.sessions.delete(PARENT, OWNER, 5_000);
      // The last turn is nobody's now.
      expect(await store.sweep(6_000, 9)).toBe(1);
      expect(await said(store)).toEqual(ALL.slice(0, 3));
      expect(await listed(store, "asc")).toEqual(ALL.slice(0, 3));
      expect(await store.sessions.delete(FORK, OWNER, 7_000)).toBe(true);
      expect(await store.sweep(8_000, 9)).toBe(3);
    });

    test("a fork is deleted without harm to its parent", async () => {
      const store = await open();
      const runs = await parentOf(store);
      await store.sessions.fork(forkOf(runs[2] as Run));
      await store.sessions.delete(FORK, OWNER, 5_000);
      expect(await store.sweep(6_000, 9)).toBe(1);
      expect(await said(store, PARENT)).toEqual(ALL);
      expect(await store.findRun((runs[0] as Run).id, OWNER)).toBeDefined();
    });

    test("ends its parent only where that is asked for, and not at all when it cannot be made", async () => {
      const store = await open();
      const runs = await parentOf(store);
      const end = { reason: "branched", at: 9_000 };
      const taken = { ...forkOf(runs[2] as Run, { id: PARENT }), end };
      expect(await store.sessions.fork(taken)).toBe("id_taken");
      expect(await store.sessions.findEntry(PARENT, OWNER)).toMatchObject({ endReason: undefined });
      await store.sessions.fork({ ...forkOf(runs[2] as Run), end });
      expect(await store.sessions.findEntry(PARENT, OWNER)).toMatchObject({
        endReason: "branched",
        endedAt: 9_000,
      });
      await store.sessions.fork({ parent: FORK, session: aSession("empty"), holder: undefined });
      expect(await store.sessions.find("empty", OWNER)).toEqual(aSession("empty"));
    });
  });
}
