import { describe, expect, test } from "vitest";
import { Slots } from "../../../src/runs/slots.ts";

const ONE = { owner: "ada", chars: 1 };
const GOES_ON = new AbortController().signal;

/** Which runs have had a turn, in order; the first letter is who owns a run. */
function turns(slots: Slots, names: readonly string[]) {
  const had: string[] = [];
  const places = names.map((name) => {
    const slot = slots.queue({ owner: name[0] ?? "", chars: 1 });
    void slot.turn(GOES_ON).then(() => had.push(name));
    return slot;
  });
  const told = async () => {
    await new Promise(setImmediate);
    return had;
  };
  return { places, told };
}

describe("slots", () => {
  test("slots are refused at once when all are taken, and had again when one is given back", () => {
    const slots = new Slots(2, 0);
    const [one] = [slots.take(), slots.take()];
    expect(() => slots.take()).toThrow("Too many concurrent runs (max 2;");
    one?.release();
    expect(() => slots.take()).not.toThrow();
  });

  test("go to those who wait, in order", async () => {
    const slots = new Slots(1, 10);
    const first = slots.take();
    const { places, told } = turns(slots, ["a1", "a2", "a3"]);
    expect(await told()).toEqual([]);
    first.release();
    expect(await told()).toEqual(["a1"]);
    expect(() => slots.take()).toThrow();
    places[0]?.release();
    expect(await told()).toEqual(["a1", "a2"]);
  });

  test("go to one principal after the other, whoever waits with more", async () => {
    const slots = new Slots(1, 10);
    const first = slots.take();
    const { places, told } = turns(slots, ["a1", "a2", "a3", "b1", "b2", "c1"]);
    first.release();
    for (const index of [0, 3, 5, 1, 4]) {
      await told();
      places[index]?.release();
    }
    expect(await told()).toEqual(["a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  test("slots pass over who has left, whether it still waited or had its turn", async () => {
    const slots = new Slots(1, 10);
    const first = slots.take();
    const { places, told } = turns(slots, ["a1", "a2", "a3"]);
    places[1]?.release();
    first.release();
    places[0]?.release();
    expect(await told()).toEqual(["a1", "a3"]);
    places[2]?.release();
    expect(() => slots.take()).not.toThrow();
  });

  test("slots have room for so many who wait, and for those of a former process besides", () => {
    const slots = new Slots(1, 1);
    slots.take();
    slots.queue(ONE);
    expect(() => slots.queue(ONE)).toThrow("Too many background runs wait (max 1;");
    expect(() => slots.queue(ONE, true)).not.toThrow();
    expect(() => slots.take(true)).not.toThrow();
  });

  test("slots have room for so much input of those who wait", () => {
    const slots = new Slots(1, 100);
    slots.take();
    slots.queue({ owner: "ada", chars: 60_000_000 });
    expect(() => slots.queue({ owner: "ada", chars: 5_000_000 })).toThrow("Too many background runs wait");
    expect(() => slots.queue({ owner: "ada", chars: 1_000_000 })).not.toThrow();
  });

  test("without a limit are had by all", async () => {
    const { told } = turns(new Slots(0, 1), ["a1", "a2", "a3"]);
    expect(await told()).toEqual(["a1", "a2", "a3"]);
  });

  test("slots are not waited for once the run is stopped", async () => {
    const slots = new Slots(1, 1);
    slots.take();
    const abort = new AbortController();
    const slot = slots.queue(ONE);
    const turn = slot.turn(abort.signal);
    abort.abort(new Error("stopped"));
    await expect(turn).rejects.toThrow("stopped");
    slot.release();
    expect(() => slots.queue(ONE)).not.toThrow();
  });
});
