import { expect, test } from "vitest";
import type { Part } from "../../../src/app/part.ts";
import { CLOSE_GRACE_MS, Parts } from "../../../src/app/parts.ts";

/** Parts whose clock stands still until it is set. */
function openParts(...opened: Part[]) {
  const clock = { at: 0, elapsed: () => clock.at };
  const parts = new Parts(clock);
  for (const part of opened) parts.add(part);
  return { parts, clock };
}

function noting(calls: string[], name: string): Part {
  const note = (what: string) => async (ms?: number) =>
    void calls.push(`${what} ${name}${ms === undefined ? "" : ` ${ms}`}`);
  return { name, start: note("start"), drain: note("drain"), flush: note("flush"), stop: note("stop") };
}

test("parts are started in order, drain and flush together, and are stopped in reverse", async () => {
  const calls: string[] = [];
  const { parts } = openParts(noting(calls, "a"), { name: "idle" }, noting(calls, "b"));
  await parts.start();
  expect(calls.splice(0)).toEqual(["start a", "start b"]);
  await parts.stop(5_000);
  expect(calls).toEqual(["drain b 5000", "drain a 5000", "flush b 5000", "flush a 5000", "stop b", "stop a"]);
});

test("what the work leaves of the time is given to those who read, and never less than the grace", async () => {
  const graces: number[] = [];
  for (const workMs of [1_000, 9_000]) {
    const { parts, clock } = openParts({
      name: "slow",
      async drain() {
        clock.at += workMs;
      },
      flush: async (graceMs) => void graces.push(graceMs),
    });
    await parts.stop(5_000);
  }
  expect(graces).toEqual([4_000, CLOSE_GRACE_MS]);
});

test("no part flushes before every part has drained", async () => {
  const calls: string[] = [];
  const work = Promise.withResolvers<void>();
  const { parts } = openParts({ name: "slow", drain: () => work.promise }, noting(calls, "quick"));
  const stopped = parts.stop(1);
  await new Promise(setImmediate);
  expect(calls).toEqual(["drain quick 1"]);
  work.resolve();
  await stopped;
  expect(calls.slice(1)).toEqual([`flush quick ${CLOSE_GRACE_MS}`, "stop quick"]);
});

test("a part that fails to stop keeps no other part open, and its error is told", async () => {
  const calls: string[] = [];
  const fails = () => Promise.reject(new Error("stuck"));
  const { parts } = openParts(noting(calls, "a"), { name: "broken", drain: fails, stop: fails });
  const errors = [
    expect.objectContaining({ message: "stuck" }),
    expect.objectContaining({ message: "stuck" }),
  ];
  await expect(parts.stop(0)).rejects.toMatchObject({ errors });
  expect(calls.at(-1)).toBe("stop a");
});

test("parts that are told to stop twice stop once", async () => {
  const calls: string[] = [];
  const { parts } = openParts(noting(calls, "a"));
  await Promise.all([parts.stop(0), parts.stop(0)]);
  expect(calls).toHaveLength(3);
});
