import { describe, expect, test } from "vitest";
import { hookedStore } from "../helpers/hooked-store.ts";
import { eventsOf, openRuns, RUNS } from "../helpers/runs-app.ts";
import { say, think } from "../helpers/scripted-provider.ts";

const WORDS = ["One ", "two ", "three ", "four."];

/** A run that is over and was pruned, and what was read of it before. */
async function openPruned() {
  const { store } = await hookedStore();
  const app = await openRuns([[...think("Well, ", "well."), ...say(...WORDS)]], { store });
  const { run_id: id } = await app.create();
  await app.ends(id);
  const events = async (query = "") => (await app.ask(`${RUNS}/${id}/events${query}`)).text;
  const stream = async (after?: number) => {
    const cursor = after === undefined ? "" : `&starting_after=${after}`;
    return (await app.ask(`/v1/responses/${id}?stream=true${cursor}`)).text;
  };
  const before = { events: await events(), stream: await stream(), run: await app.read(id) };
  while (await store.prune(Number.MAX_SAFE_INTEGER));
  return { ...app, id, events, stream, before };
}

/** The frames of a response's stream by their numbers. */
function numberedFrames(text: string): Map<number, { type: string; delta?: string }> {
  const found = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, data = ""]) => JSON.parse(data));
  return new Map(found.map((frame) => [frame.sequence_number, frame]));
}

describe("a run whose deltas were merged", () => {
  test("a run whose deltas were merged is read whole from the beginning, and says first where deltas are no more what they were", async () => {
    const { id, events, read, before } = await openPruned();
    const text = await events();
    const frames = text.split("\n\n").map((frame) => /data: (.*)/.exec(frame)?.[1]);
    const thought = eventsOf(before.events).filter(({ event }) => event === "reasoning.delta");
    expect(JSON.parse(frames.find((data) => data !== undefined) ?? "")).toEqual({
      event: "replay.truncated",
      run_id: id,
      timestamp: thought.at(-1)?.timestamp,
      oldest_retained_seq: thought.at(-1)?.seq,
      requested_seq: 0,
    });
    expect(text.match(/replay\.truncated/g)).toHaveLength(1);
    expect(text).not.toMatch(/id: .*\n.*replay\.truncated/);
    expect(eventsOf(text).map(({ event, delta }) => [event, delta])).toEqual([
      ["reasoning.delta", "Well, well."],
      ["message.delta", WORDS.join("")],
      ["reasoning.available", undefined],
      ["run.completed", undefined],
    ]);
    expect(await read(id)).toEqual(before.run);
  });

  test("a run whose deltas were merged is read on from any event, with the numbers that there were", async () => {
    const { events, before } = await openPruned();
    const all = eventsOf(before.events);
    const pruned = eventsOf(await events());
    const lost = pruned.filter(({ event }) => event.endsWith(".delta")).map(({ seq }) => seq);
    for (const { seq } of all) {
      const text = await events(`?after=${seq}`);
      expect(eventsOf(text)).toEqual(pruned.filter((event) => event.seq > seq));
      const isTold = lost.some((merged) => merged > seq);
      expect(text.includes(`"requested_seq":${seq}}`), `after ${seq}`).toBe(isTold);
    }
    expect(eventsOf(await events(`?after=${lost.at(-1)}`))).toEqual(
      all.filter(({ seq }) => seq > (lost.at(-1) ?? 0)),
    );
  });

  test("a run whose deltas were merged as a response keeps the numbers of its frames, wherever they are read on from", async () => {
    const { stream, before } = await openPruned();
    const all = numberedFrames(before.stream);
    const pruned = numberedFrames(await stream());
    expect(pruned.size).toBeLessThan(all.size);
    for (const [number, frame] of pruned) {
      const told = all.get(number);
      expect({ ...frame, delta: told?.delta }).toEqual(told);
    }
    for (const number of all.keys()) {
      const after = numberedFrames(await stream(number));
      expect([...after]).toEqual([...pruned].filter(([n]) => n > number));
    }
  });
});
