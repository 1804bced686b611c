import { describe, expect, test } from "vitest";
import type { AgentEvent, EventBody } from "../../../src/domain/event.ts";
import type { Run } from "../../../src/domain/run.ts";
import type { Store } from "../../../src/storage/store.ts";
import {
  aRun,
  aSession,
  COMPLETED,
  dialogue,
  keep,
  numbered,
  type Open,
  OWNER,
  STARTED,
  saidItem,
  writeOf,
} from "../../helpers/stored.ts";

/** After the end of every run here. */
const LATER = 10_000_000;

/** Pieces of work until nothing is left. */
async function pruneAll(store: Store, endedBefore = LATER): Promise<number> {
  let pieces = 1;
  while (await store.prune(endedBefore)) pieces++;
  return pieces;
}

/** A finished run whose answer came in words, in commits of so many events. */
async function keepWords(store: Store, words: readonly string[], perCommit: number): Promise<Run> {
  const run = aRun();
  const said = saidItem(run, 1, words.join(""));
  const log = numbered(run, [
    { type: "run.created", run, input: [] },
    STARTED,
    { type: "item.added", item: { ...said, status: "in_progress" } },
    ...words.map((delta): EventBody => ({ type: "item.delta", itemId: said.id, channel: "text", delta })),
    { type: "item.done", item: said },
    COMPLETED,
  ]);
  for (let at = 0; at < log.length; at += perCommit)
    await store.append([writeOf(run, log.slice(at, at + perCommit), { created: at === 0 })]);
  return run;
}

function readAll(store: Store, run: Run, afterSeq = 0): Promise<AgentEvent[]> {
  return store.readEvents(run.id, { afterSeq, limit: 1_000_000 });
}

/** The part of the store's contract about deltas of runs that are long over. */
export function pruningContract(open: Open): void {
  describe("pruning", () => {
    test.each([
      1, 2, 3, 1_000,
    ])("pruning makes one delta of an item's, and leaves all else: commits of %i", async (n) => {
      const store = await open();
      const run = await keepWords(store, ["a", "", "b", "c", ""], n);
      const before = await readAll(store, run);
      await pruneAll(store);
      const after = await readAll(store, run);
      expect(after.filter(({ type }) => type !== "item.delta")).toEqual(
        before.filter(({ type }) => type !== "item.delta"),
      );
      expect(after.filter(({ type }) => type === "item.delta")).toEqual([
        { ...before[7], delta: "abc", merged: { from: 4, count: 3 } },
      ]);
      // Wherever a reader is: before, inside, after.
      for (let at = 0; at <= 10; at++)
        expect(await readAll(store, run, at)).toEqual(after.filter(({ seq }) => seq > at));
    });

    test("pruning is once for each run, and not before its time", async () => {
      const store = await open();
      const run = await keepWords(store, ["a", "b"], 2);
      const ended = (await readAll(store, run)).at(-1)?.at ?? 0;
      const before = await readAll(store, run);
      expect(await store.prune(ended - 1)).toBe(false);
      expect(await readAll(store, run)).toEqual(before);
      await pruneAll(store, ended);
      const after = await readAll(store, run);
      expect(after).not.toEqual(before);
      await pruneAll(store);
      expect(await readAll(store, run)).toEqual(after);
    });

    test("pruning does not touch runs that go on, nor those that have one delta or none", async () => {
      const store = await open();
      const [live, short] = [aRun(), aRun()];
      const log = dialogue(live, "a", "b").slice(0, -1);
      await store.append([writeOf(live, log)]);
      await keep(store, short, "a", "b");
      await pruneAll(store);
      expect(await readAll(store, live)).toEqual(log);
      expect(await readAll(store, short)).toEqual(dialogue(short, "a", "b"));
    });

    test("pruning keeps deltas apart that do not follow each other", async () => {
      const store = await open();
      const run = aRun();
      const items = [1, 2].map((n) => saidItem(run, n, "", { status: "in_progress" }));
      const delta = (n: number, text: string): EventBody => {
        return { type: "item.delta", itemId: items[n]?.id ?? "", channel: "text", delta: text };
      };
      const log = numbered(run, [
        { type: "run.created", run, input: [] },
        delta(0, "a"),
        delta(0, "b"),
        delta(1, "c"),
        delta(0, "d"),
        { type: "run.status", kind: "retry", text: "again" },
        delta(0, "e"),
        delta(0, "f"),
        COMPLETED,
      ]);
      await store.append([writeOf(run, log)]);
      await pruneAll(store);
      const said = (await readAll(store, run)).flatMap((event) =>
        event.type === "item.delta" ? [[event.seq, event.delta, event.merged]] : [],
      );
      expect(said).toEqual([
        [3, "ab", { from: 2, count: 2 }],
        [4, "c", undefined],
        [5, "d", undefined],
        [8, "ef", { from: 7, count: 2 }],
      ]);
    });

    test("pruning of very much is done in many pieces, and in the end all of it is done", async () => {
      const store = await open();
      const words = Array.from({ length: 1_200 }, (_, i) => `${i} `);
      const run = await keepWords(store, words, 2);
      const small = await Promise.all(Array.from({ length: 300 }, () => keepWords(store, ["a", "b"], 1)));
      expect(await pruneAll(store)).toBeGreaterThan(4);
      const left = (await readAll(store, run)).flatMap((e) => (e.type === "item.delta" ? [e] : []));
      expect(left.map(({ delta }) => delta).join("")).toBe(words.join(""));
      expect(left.length).toBeLessThan(10);
      for (const one of small) expect(await readAll(store, one)).toHaveLength(6);
    });
  });

  describe("core prompts", () => {
    test("stay as long as a run or a session names them, and go when none does", async () => {
      const store = await open();
      const hashes = ["a", "b", "c", "held"];
      for (const hash of hashes) await store.keepPrompt({ hash, text: `Prompt ${hash}.` });
      for (const prompt of ["b", "c", "b"])
        await keep(store, aRun({ prompt, surface: "responses" }), "?", "!");
      await keep(store, aRun(), "?", "!");
      await store.sessions.create(aSession("s", { prompt: { hash: "of-session", text: "Its own." } }));
      const used = new Set(["held"]);
      let after: string | undefined = "";
      while (after !== undefined) after = await store.sweepPrompts({ used, after, limit: 2 });
      const left = await Promise.all(hashes.map((hash) => store.findPrompt(hash)));
      expect(left.map((prompt) => prompt?.hash)).toEqual([undefined, "b", "c", "held"]);
      expect(await store.sessions.find("s", OWNER)).toMatchObject({ prompt: { text: "Its own." } });
    });
  });
}
