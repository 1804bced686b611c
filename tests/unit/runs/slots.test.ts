import { describe, expect, test } from "vitest";
import { Slots } from "../../../src/runs/slots.ts";

const GOES_ON = new AbortController().signal;

/** Who has had a turn, in order. */
function turns(slots: Slots, names: readonly string[]) {
  const had: string[] = [];
  const places = names.map((name) => {
    const slot = slots.queue(1);
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
  test("are refused at once when all are taken, and had again when one is given back", () => {
    const slots = new Slots(2, 0);
    const [one] = [slots.take(), slots.take()];
    expect(() => slots.take()).toThrow("Too many concurrent runs (max 2;");
    one?.release();
    expect(() => slots.take()).not.toThrow();
  });

  test("go to those who wait, in order", async () => {
    const slots = new Slots(1, 10);
    const first = slots.take();
    const { places, told } = turns(slots, ["a", "b", "c"]);
    expect(await told()).toEqual([]);
    first.release();
    expect(await told()).toEqual(["a"]);
    expect(() => slots.take()).toThrow();
    places[0]?.release();
    expect(await told()).toEqual(["a", "b"]);
  });

  test("pass over who has left, whether it still waited or had its turn", async () => {
    const slots = new Slots(1, 10);
    const first = slots.take();
    const { places, told } = turns(slots, ["a", "b", "c"]);
    places[1]?.release();
    first.release();
    places[0]?.release();
    expect(await told()).toEqual(["a", "c"]);
    places[2]?.release();
    expect(() => slots.take()).not.toThrow();
  });

  test("have room for so many who wait, and for those of a former process besides", () => {
    const slots = new Slots(1, 1);
    slots.take();
    slots.queue(1);
    expect(() => slots.queue(1)).toThrow("Too many background runs wait (max 1;");
    expect(() => slots.queue(1, true)).not.toThrow();
    expect(() => slots.take(true)).not.toThrow();
  });

  test("have room for so much input of those who wait", () => {
    const slots = new Slots(1, 100);
    slots.take();
    slots.queue(60_000_000);
    expect(() => slots.queue(5_000_000)).toThrow("Too many background runs wait");
    expect(() => slots.queue(1_000_000)).not.toThrow();
  });

  test("without a limit are had by all", async () => {
    const { told } = turns(new Slots(0, 1), ["a", "b", "c"]);
    expect(await told()).toEqual(["a", "b", "c"]);
  });

  test("are not waited for once the run is stopped", async () => {
    const slots = new Slots(1, 1);
    slots.take();
    const abort = new AbortController();
    const slot = slots.queue(1);
    const turn = slot.turn(abort.signal);
    abort.abort(new Error("stopped"));
    await expect(turn).rejects.toThrow("stopped");
    slot.release();
    expect(() => slots.queue(1)).not.toThrow();
  });
});
