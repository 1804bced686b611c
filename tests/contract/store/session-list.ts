import { describe, expect, test } from "vitest";
import { textMessage } from "../../../src/domain/item.ts";
import type { Run } from "../../../src/domain/run.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  aSession,
  COMPLETED,
  dialogue,
  following,
  itemOf,
  keep,
  numbered,
  type Open,
  OWNER,
  STARTED,
  saidItem,
  userItem,
  writeOf,
} from "../../helpers/stored.ts";

const USAGE = { inputTokens: 100, outputTokens: 20, cachedTokens: 80, reasoningTokens: 5 };

/** The part of the store's contract about lists of sessions and what they say. */
export function sessionListContract(open: Open): void {
  lists(open);
  entries(open);
  changes(open);
}

/** A turn whose model calls a tool, then answers. */
function turnWithCall(run: Run) {
  const call = {
    type: "function_call",
    call_id: "c",
    name: "f",
    arguments: "{}",
    executor: "server",
  } as const;
  const output = {
    type: "function_call_output",
    call_id: "c",
    name: "f",
    output: "r",
    executor: "server",
  } as const;
  return numbered(run, [
    { type: "run.created", run, input: [userItem(run, 0, "  What is\n it? ")] },
    STARTED,
    { type: "step.started", step: 1 },
    { type: "item.done", item: itemOf(run, 1, { type: "reasoning", summary: [] }) },
    { type: "item.done", item: saidItem(run, 2, "I will look.") },
    { type: "item.done", item: itemOf(run, 3, call) },
    { type: "item.done", item: itemOf(run, 4, output) },
    { type: "step.started", step: 2 },
    { type: "item.done", item: saidItem(run, 5, "It is.") },
    { type: "run.completed", reason: "stop", usage: USAGE, steps: 2 },
  ]);
}

async function ids(store: Store, terms: Partial<Parameters<Store["sessions"]["list"]>[0]> = {}) {
  const list = await store.sessions.list({ owner: OWNER, limit: 50, offset: 0, ...terms });
  return list.map(({ id }) => id);
}

function lists(open: Open): void {
  describe("a list of sessions", () => {
    test("a list of sessions begins with the last active, page by page, and shows nobody another owner's or what is hidden", async () => {
      const store = await open();
      for (const [n, id] of ["a", "b", "c", "d"].entries())
        await store.sessions.create(aSession(id, { createdAt: 1_000 + n }));
      await store.sessions.create(aSession("theirs", { owner: "somebody" }));
      await keep(store, aRun({ sessionId: "b" }), "?", "!");
      await store.sessions.change("c", OWNER, { changes: { hidden: true }, now: 0 });
      expect(await ids(store)).toEqual(["b", "d", "a"]);
      expect(await ids(store, { limit: 2 })).toEqual(["b", "d"]);
      expect(await ids(store, { limit: 2, offset: 2 })).toEqual(["a"]);
      expect(await ids(store, { offset: 9 })).toEqual([]);
      expect(await ids(store, { owner: "somebody" })).toEqual(["theirs"]);
    });

    test("a list of sessions is narrowed by source, and by words of titles and first questions, which are taken as they stand", async () => {
      const store = await open();
      await store.sessions.create({ ...aSession("a"), source: "cli", title: "50% of Ünits" });
      await store.sessions.create({ ...aSession("b"), title: "500 of them" });
      await keep(store, aRun({ sessionId: "b" }), "Where is\nthe Moon_stone?", "!");
      expect(await ids(store, { source: "cli" })).toEqual(["a"]);
      expect(await ids(store, { words: "0% OF" })).toEqual(["a"]);
      expect(await ids(store, { words: "the moon_stone" })).toEqual(["b"]);
      expect(await ids(store, { words: "moon%stone" })).toEqual([]);
      expect(await ids(store, { words: "\\" })).toEqual([]);
      expect(await ids(store, { words: "of", source: "cli" })).toEqual(["a"]);
    });

    test("a list of sessions of those that are pinned leaves out the hidden, and what was unpinned", async () => {
      const store = await open();
      for (const id of ["a", "b", "c"]) {
        await store.sessions.create(aSession(id));
        await store.sessions.change(id, OWNER, { changes: { pinned: true }, now: 0 });
      }
      await store.sessions.change("a", OWNER, { changes: { hidden: true }, now: 0 });
      await store.sessions.change("b", OWNER, { changes: { pinned: false }, now: 0 });
      expect((await store.sessions.listPinned(OWNER, 9)).map(({ id }) => id)).toEqual(["c"]);
      expect(await store.sessions.listPinned("somebody", 9)).toEqual([]);
    });

    test("a list of sessions by title finds one, hidden or not, and the titles that begin alike", async () => {
      const store = await open();
      await store.sessions.create({ ...aSession("a"), title: "X" });
      await store.sessions.create({ ...aSession("b"), title: "X #2" });
      await store.sessions.create({ ...aSession("c", { owner: "somebody" }), title: "X #3" });
      await store.sessions.create({ ...aSession("d"), title: "Y #2" });
      await store.sessions.change("a", OWNER, { changes: { hidden: true }, now: 0 });
      expect(await store.sessions.findTitled(OWNER, "X")).toMatchObject({ id: "a", hidden: true });
      expect(await store.sessions.findTitled(OWNER, "x")).toBeUndefined();
      expect(await store.sessions.findTitled("somebody", "X")).toBeUndefined();
      expect(await store.sessions.listTitles(OWNER, "X #")).toEqual(["X #2"]);
    });
  });
}

function entries(open: Open): void {
  describe("what a list says of a session", () => {
    test("what a list says of a session is counted from its runs, each once, and goes on with them", async () => {
      const store = await open();
      await store.sessions.create(aSession("s", { instructions: "Be brief.", lock: { model: "m2" } }));
      const entry = async () => store.sessions.findEntry("s", OWNER);
      expect(await entry()).toMatchObject({
        tally: { messages: 0, toolCalls: 0, modelCalls: 0, model: undefined },
        preview: undefined,
        hasInstructions: true,
        lock: { model: "m2" },
      });
      const first = aRun({ sessionId: "s" });
      await store.append([writeOf(first, turnWithCall(first))]);
      const once = { messages: 4, toolCalls: 1, modelCalls: 2, usage: USAGE, model: "m", endedAt: 2_009 };
      expect(await entry()).toMatchObject({ tally: once, preview: "What is it?", activeAt: 2_009 });
      expect(await entry()).toMatchObject({ tally: once });
      const second = following(first, { sessionId: "s" });
      await store.append([writeOf(second, turnWithCall(second))]);
      expect((await entry())?.tally).toMatchObject({ messages: 8, usage: { inputTokens: 200 } });
      expect(await store.sessions.findEntry("s", "somebody")).toBeUndefined();
    });

    test("what a list says of a session is counted of a long session while others have their turn", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      let last: Run | undefined;
      for (let n = 0; n < 450; n++) {
        const run: Run = last === undefined ? aRun({ sessionId: "s" }) : following(last, { sessionId: "s" });
        await keep(store, run, "?", "!");
        last = run;
      }
      let turns = 0;
      const turn = () => {
        turns++;
        if (turns < 100) setImmediate(turn);
      };
      setImmediate(turn);
      const [one, other] = await Promise.all([
        store.sessions.findEntry("s", OWNER),
        store.sessions.findEntry("s", OWNER),
      ]);
      expect(turns).toBeGreaterThan(1);
      expect([one?.tally.messages, other?.tally.messages]).toEqual([900, 900]);
      expect((await store.sessions.findEntry("s", OWNER))?.tally.messages).toBe(900);
    });

    test("what a list says of a session has what a turn says that goes on, and counts it again when it is over", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      const run = aRun({ sessionId: "s" });
      const log = turnWithCall(run);
      await store.append([writeOf(run, log.slice(0, 2))]);
      expect((await store.sessions.findEntry("s", OWNER))?.tally.messages).toBe(1);
      await store.append([writeOf(run, log.slice(2))]);
      expect((await store.sessions.findEntry("s", OWNER))?.tally).toMatchObject({
        messages: 4,
        usage: USAGE,
      });
    });

    test("what a list says of a session says nothing of what was taken out", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      const run = aRun({ sessionId: "s" });
      await keep(store, run, "A secret", "!");
      const next = following(run, { sessionId: "s" });
      await keep(store, next, "Another", "!");
      expect(await store.sessions.findEntry("s", OWNER)).toMatchObject({ preview: "A secret" });
      await store.sessions.hideItems("s", [userItem(run, 0, "").id]);
      expect(await store.sessions.findEntry("s", OWNER)).toMatchObject({
        preview: "Another",
        tally: { messages: 3 },
      });
      expect(await ids(store, { words: "secret" })).toEqual([]);
    });

    test("what a list says of a session has only what an image's question says in words, cut to a line", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      const run = aRun({ sessionId: "s" });
      const input = [
        itemOf(run, 0, textMessage("system", "no"), { place: "input" }),
        userItem(run, 1, `${"long ".repeat(99)}`),
      ];
      await store.append([writeOf(run, numbered(run, [{ type: "run.created", run, input }, COMPLETED]))]);
      const preview = (await store.sessions.findEntry("s", OWNER))?.preview ?? "";
      expect(preview).toMatch(/^(long )+/);
      expect(preview).toHaveLength(120);
    });
  });
}

function changes(open: Open): void {
  describe("what changes of a session", () => {
    test("what changes of a session is what is named, and nothing else", async () => {
      const store = await open();
      await store.sessions.create(aSession("s", { metadata: { a: "1" }, lock: { model: "m" } }));
      await store.sessions.change("s", OWNER, {
        changes: { title: "T", pinned: true, unread: true },
        now: 0,
      });
      await store.sessions.change("s", OWNER, { changes: { archived: true, endReason: "done" }, now: 9_000 });
      const notes = { title: "T", pinned: true, unread: true, archived: true, hidden: false };
      const lock = { model: "m" };
      expect(await store.sessions.findEntry("s", OWNER)).toMatchObject({
        ...notes,
        lock,
        endReason: "done",
        endedAt: 9_000,
      });
      const changes = { title: null, endReason: null, lock: null, pinned: false };
      await store.sessions.change("s", OWNER, { changes, now: 0 });
      expect(await store.sessions.findEntry("s", OWNER)).toMatchObject({
        title: undefined,
        endReason: undefined,
        endedAt: undefined,
        lock: undefined,
        pinned: false,
        archived: true,
      });
      expect(await store.sessions.find("s", OWNER)).toEqual(aSession("s", { metadata: { a: "1" } }));
    });

    test("what changes of a session is no title that another one of its owner has", async () => {
      const store = await open();
      expect(await store.sessions.create({ ...aSession("a"), title: "T" })).toBe("made");
      expect(await store.sessions.create({ ...aSession("b"), title: "T" })).toBe("title_taken");
      expect(await store.sessions.find("b", OWNER)).toBeUndefined();
      expect(await store.sessions.create({ ...aSession("c", { owner: "somebody" }), title: "T" })).toBe(
        "made",
      );
      await store.sessions.create(aSession("d"));
      const change = (id: string) => store.sessions.change(id, OWNER, { changes: { title: "T" }, now: 0 });
      expect(await change("d")).toBe("title_taken");
      expect(await change("a")).toBe("changed");
      expect(await store.sessions.change("a", "somebody", { changes: { title: "U" }, now: 0 })).toBe(
        "unknown",
      );
    });

    test("what changes of a session is its end, which the next turn takes back", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      await store.sessions.change("s", OWNER, { changes: { endReason: "done" }, now: 9_000 });
      const run = aRun({ sessionId: "s" });
      await store.append([writeOf(run, dialogue(run, "?", "!").slice(0, 2))]);
      expect(await store.sessions.findEntry("s", OWNER)).toMatchObject({
        endReason: undefined,
        endedAt: undefined,
      });
    });
  });
}
