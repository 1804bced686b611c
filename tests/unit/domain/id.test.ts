import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  callId,
  chatCompletionId,
  itemId,
  numberOfPart,
  type RunId,
  runIdFrom,
  runIdOfPart,
  runKey,
} from "../../../src/domain/id.ts";

const X = "0123456789abcdef0123456789abcdef";
const RUN: RunId = `run_${X}`;

describe("a run", () => {
  test("a run is found by each of its names", () => {
    for (const name of [RUN, `resp_${X}`, `chatcmpl-${X}`]) expect(runIdFrom(name), name).toBe(RUN);
    expect(chatCompletionId(RUN)).toBe(`chatcmpl-${X}`);
    expect(runKey(RUN)).toBe(X);
  });

  test.each([
    X,
    `run_${X}0`,
    `run_${X.slice(1)}`,
    `run_${X.toUpperCase()}`,
    `run-${X}`,
    ` run_${X}`,
    `run_${X}\n`,
    `msg_${X}`,
    "",
  ])("a run is not found by %j", (name) => {
    expect(runIdFrom(name)).toBeUndefined();
  });
});

describe("the parts of a run", () => {
  test("name their run and their place in it", () => {
    for (const part of [itemId("msg", RUN, 7), itemId("fco", RUN, 7), callId(RUN, 7)]) {
      expect(runIdOfPart(part), part).toBe(RUN);
      expect(numberOfPart(part), part).toBe(7);
    }
    expect(callId(RUN, 7)).toBe(`call_${X}_7`);
  });

  test.each([
    "call_1",
    `call_${X}`,
    `call_${X}_`,
    `call_${X}_-1`,
    `call_${X}_1x`,
    `call_${X}_1234567`,
    "toolu_01",
    "",
  ])("the parts of a run are not taken for it: %j", (part) => {
    expect(runIdOfPart(part)).toBeUndefined();
    expect(numberOfPart(part)).toBeUndefined();
  });

  test("whatever a client sends as an id, it names no run or one that could be ours", () => {
    const anything = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant(callId(RUN, 1)));
    const names = fc.property(anything, (text) => {
      for (const id of [runIdOfPart(text), runIdFrom(text)])
        if (id !== undefined) expect(id).toMatch(/^run_[0-9a-f]{32}$/);
    });
    fc.assert(names);
  });
});
