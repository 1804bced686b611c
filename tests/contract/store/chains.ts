import { describe, expect, test } from "vitest";
import type { EventBody } from "../../../src/domain/event.ts";
import { textMessage } from "../../../src/domain/item.ts";
import type { Run } from "../../../src/domain/run.ts";
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
  saidItem,
  transcriptOf,
  userItem,
  writeOf,
} from "../../helpers/stored.ts";

/** The part of the store's contract about runs that follow each other. */
export function chainContract(open: Open): void {
  transcripts(open);
  sessions(open);
  sweeping(open);
}

function transcripts(open: Open): void {
  describe("transcripts", () => {
    test("transcripts are the chain's items, oldest first, each run's input before its output", async () => {
      const store = await open();
      const first = aRun();
      const second = following(first);
      const third = following(second);
      // Later runs first: the order of the chain counts, not that of the writes.
      await keep(store, third, "3?", "3!");
      await keep(store, first, "1?", "1!");
      await keep(store, second, "2?", "2!");
      await keep(store, following(second), "branch?", "branch!");
      expect(transcriptOf(await store.readTranscript(third.id))).toEqual([
        "user: 1?",
        "assistant: 1!",
        "user: 2?",
        "assistant: 2!",
        "user: 3?",
        "assistant: 3!",
      ]);
    });

    test("transcripts have items in the order of their numbers, as they ended, without internal ones", async () => {
      const store = await open();
      const run = aRun();
      const notice = itemOf(run, 2, textMessage("user", "for the model"), { place: "internal" });
      const bodies: EventBody[] = [
        { type: "run.created", run, input: [userItem(run, 0, "a?")] },
        { type: "item.done", item: saidItem(run, 10, "last") },
        { type: "item.done", item: notice },
        { type: "item.done", item: saidItem(run, 9, "first") },
        { type: "item.added", item: saidItem(run, 11, "", { status: "in_progress" }) },
        { type: "item.done", item: saidItem(run, 11, "cut", { status: "incomplete" }) },
        COMPLETED,
      ];
      await store.append([writeOf(run, numbered(run, bodies))]);
      const items = await store.readTranscript(run.id);
      expect(transcriptOf(items)).toEqual([
        "user: a?",
        "assistant: first",
        "assistant: last",
        "assistant: cut",
      ]);
      expect(items.at(-1)?.status).toBe("incomplete");
      const output = await store.readOutput(run.id);
      expect(output.filter(({ place }) => place === "input")).toEqual([]);
      expect(transcriptOf(output.filter(({ place }) => place === "output"))).toEqual([
        "assistant: first",
        "assistant: last",
        "assistant: cut",
      ]);
    });

    test("read again are the same, whatever their reader did to the list, and whatever was added to the chain", async () => {
      const store = await open();
      const first = aRun();
      const second = following(first);
      await keep(store, first, "1?", "1!");
      await keep(store, second, "2?", "2!");
      for (const { id } of [first, second, first, second]) {
        const items = await store.readTranscript(id);
        expect(items).toHaveLength(id === first.id ? 2 : 4);
        items.length = 0;
      }
      const branch = following(first);
      await keep(store, branch, "or?", "or!");
      expect(transcriptOf(await store.readTranscript(branch.id)).at(-1)).toBe("assistant: or!");
      expect(await store.readTranscript(second.id)).toHaveLength(4);
    });

    test("transcripts of a run that goes on grow with it", async () => {
      const store = await open();
      const run = aRun();
      const log = dialogue(run, "1?", "1!");
      await store.append([writeOf(run, log.slice(0, 2))]);
      expect(transcriptOf(await store.readTranscript(run.id))).toEqual(["user: 1?"]);
      await store.append([writeOf(run, log.slice(2))]);
      expect(transcriptOf(await store.readTranscript(run.id))).toEqual(["user: 1?", "assistant: 1!"]);
    });

    test("transcripts are gone with their run, and whole as long as it is there", async () => {
      const store = await open();
      const root = aRun();
      const leaf = following(root);
      await keep(store, root, "1?", "1!");
      await keep(store, leaf, "2?", "2!");
      for (const { id } of [root, leaf]) await store.readTranscript(id);
      await store.disownRun(root.id, OWNER, 5_000);
      await store.sweep(5_000, 10);
      expect(await store.readTranscript(leaf.id)).toHaveLength(4);
      await store.disownRun(leaf.id, OWNER, 5_000);
      expect(await store.sweep(5_000, 10)).toBe(2);
      expect(await store.readTranscript(leaf.id)).toEqual([]);
    });

    test.each([200, 5_000])("transcripts of a chain of %i are read whole", async (length) => {
      const store = await open();
      const runs = [aRun()];
      while (runs.length < length) runs.push(following(runs.at(-1) as Run));
      await store.append(runs.map((run, n) => writeOf(run, dialogue(run, `${n}?`, `${n}!`))));
      const last = runs.at(-1) as Run;
      const items = await store.readTranscript(last.id);
      expect(items).toHaveLength(2 * length);
      expect(transcriptOf(items.slice(-2))).toEqual([`user: ${length - 1}?`, `assistant: ${length - 1}!`]);
    });

    test("transcripts of an unknown run are empty", async () => {
      const store = await open();
      expect(await store.readTranscript(aRun().id)).toEqual([]);
      expect(await store.readOutput(aRun().id)).toEqual([]);
    });
  });
}

function sessions(open: Open): void {
  describe("sessions", () => {
    test("sessions are found as they were stored, and foreign to everybody else", async () => {
      const store = await open();
      const session = aSession("s", { prompt: { text: "Snapshot “ü”", hash: "h" } });
      expect(await store.sessions.find("s", OWNER)).toBeUndefined();
      await store.sessions.create(session);
      expect(await store.sessions.find("s", OWNER)).toEqual(session);
      expect(await store.sessions.find("s", "somebody else")).toBe("foreign");
      expect(await store.sessions.create(session)).toBe("id_taken");
      expect(await store.sessions.create({ ...session, owner: "somebody else" })).toBe("id_taken");
      expect(await store.sessions.find("s", OWNER)).toEqual(session);
    });

    test("end with the latest run that began in them", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      const first = aRun({ sessionId: "s" });
      const second = following(first, { sessionId: "s" });
      await keep(store, first, "1?", "1!");
      expect(await store.sessions.find("s", OWNER)).toMatchObject({ headRun: first.id });
      await store.append([writeOf(second, dialogue(second, "2?", "2!").slice(0, 2))]);
      // A later write of an earlier run moves nothing.
      await store.append([
        writeOf(first, numbered(first, [{ type: "run.status", kind: "retry", text: "x" }], 50)),
      ]);
      await keep(store, aRun(), "elsewhere", "yes");
      expect(await store.sessions.find("s", OWNER)).toMatchObject({ headRun: second.id });
    });

    test("sessions are not moved by a run that does not go on from their latest", async () => {
      const store = await open();
      await store.sessions.create(aSession("s"));
      const first = aRun({ sessionId: "s" });
      await keep(store, first, "1?", "1!");
      await keep(store, aRun({ sessionId: "s" }), "cut off", "?");
      expect(await store.sessions.find("s", OWNER)).toMatchObject({ headRun: first.id });
    });
  });
}

function sweeping(open: Open): void {
  describe("a sweep", () => {
    test("a sweep removes what may go, a little at a time, and nothing else", async () => {
      const store = await open();
      const old = [aRun(), aRun(), aRun()];
      for (const run of old) await keep(store, run, "a", "b", 5_000);
      const [later, kept, unfinished] = [aRun(), aRun(), aRun()];
      await keep(store, later, "a", "b", 5_001);
      await keep(store, kept, "a", "b");
      await store.append([
        writeOf(unfinished, dialogue(unfinished, "a", "b").slice(0, 2), { expiresAt: 5_000 }),
      ]);
      expect(await store.sweep(5_000, 2)).toBe(2);
      expect(await store.sweep(5_000, 2)).toBe(1);
      expect(await store.sweep(5_000, 2)).toBe(0);
      for (const run of old) {
        expect(await store.findRun(run.id, OWNER)).toBeUndefined();
        expect(await store.readEvents(run.id, { afterSeq: 0, limit: 10 })).toEqual([]);
      }
      for (const run of [later, kept, unfinished])
        expect(await store.findRun(run.id, OWNER), run.id).toBeDefined();
    });

    test("a sweep leaves what a kept run goes on from, until that may go too", async () => {
      const store = await open();
      const root = aRun();
      const middle = following(root);
      const leaf = following(middle);
      await keep(store, root, "1?", "1!", 5_000);
      await keep(store, middle, "2?", "2!", 5_000);
      await keep(store, leaf, "3?", "3!", 9_000);
      expect(await store.sweep(5_000, 100)).toBe(0);
      expect(await store.readTranscript(leaf.id)).toHaveLength(6);
      expect(await store.sweep(9_000, 100)).toBe(3);
      expect(await store.findRun(root.id, OWNER)).toBeUndefined();
    });

    test("a sweep leaves what was disowned as long as something goes on from it; its owner knows it no more", async () => {
      const store = await open();
      const root = aRun();
      const leaf = following(root);
      await keep(store, root, "1?", "1!");
      await keep(store, leaf, "2?", "2!");
      expect(await store.disownRun(root.id, "somebody", 5_000)).toBe(false);
      expect(await store.disownRun(root.id, OWNER, 5_000)).toBe(true);
      expect(await store.disownRun(root.id, OWNER, 5_000)).toBe(false);
      expect(await store.findRun(root.id, OWNER)).toBeUndefined();
      expect(await store.sweep(5_000, 100)).toBe(0);
      expect(await store.readTranscript(leaf.id)).toHaveLength(4);
      await store.disownRun(leaf.id, OWNER, 5_000);
      expect(await store.sweep(5_000, 100)).toBe(2);
    });

    test("a sweep takes a part of a chain from its end", async () => {
      const store = await open();
      const root = aRun();
      const leaf = following(root);
      await keep(store, root, "1?", "1!", 5_000);
      await keep(store, leaf, "2?", "2!", 5_000);
      expect(await store.sweep(5_000, 1)).toBe(1);
      expect(await store.findRun(leaf.id, OWNER)).toBeUndefined();
      expect(await store.findRun(root.id, OWNER)).toBeDefined();
    });

    test("a sweep keeps a later expiry that a later write sets", async () => {
      const store = await open();
      const run = aRun();
      const log = dialogue(run, "a", "b");
      await store.append([writeOf(run, log.slice(0, 2), { expiresAt: 5_000 })]);
      await store.append([writeOf(run, log.slice(2), { expiresAt: 8_000 })]);
      expect(await store.sweep(7_999, 10)).toBe(0);
      expect(await store.sweep(8_000, 10)).toBe(1);
    });
  });
}
