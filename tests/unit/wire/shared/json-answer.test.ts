import { describe, expect, test } from "vitest";
import type { EventBody } from "../../../../src/domain/event.ts";
import { JsonAnswer } from "../../../../src/wire/shared/json-answer.ts";
import { aRun, COMPLETED, itemOf, numbered, saidItem } from "../../../helpers/stored.ts";

const run = aRun();
const NONE = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 };
const STEP: EventBody = { type: "step.done", step: 1, usage: NONE };

function added(n: number): EventBody {
  return { type: "item.added", item: saidItem(run, n, "", { status: "in_progress" }) };
}

function delta(n: number, text: string): EventBody {
  return { type: "item.delta", itemId: saidItem(run, n, "").id, channel: "text", delta: text };
}

function done(n: number, text: string): EventBody {
  return { type: "item.done", item: saidItem(run, n, text) };
}

const CALL: EventBody = {
  type: "item.done",
  item: itemOf(run, 9, {
    type: "function_call",
    call_id: "c",
    name: "f",
    arguments: "{}",
    executor: "server",
  }),
};

/** What is told after each event. */
function told(bodies: readonly EventBody[]): number[][] {
  const answer = new JsonAnswer();
  return numbered(run, bodies).map((event) => answer.take(event).map(({ seq }) => seq));
}

describe("an answer that must be JSON", () => {
  test("an answer that must be JSON is told as it comes when it begins as JSON does", () => {
    expect(told([added(1), delta(1, " "), delta(1, "{"), delta(1, "}"), done(1, " {}"), STEP])).toEqual([
      [],
      [],
      [1, 2, 3],
      [4],
      [5],
      [6],
    ]);
  });

  test("an answer that must be JSON is without what was said before a call, whether it was announced or not", () => {
    expect(told([added(1), delta(1, "I look."), done(1, "I look."), CALL, STEP])).toEqual([
      [],
      [],
      [],
      [4],
      [5],
    ]);
    expect(told([done(1, "I look."), CALL, STEP])).toEqual([[], [2], [3]]);
  });

  test("an answer that must be JSON is without it also when the call is announced before the text is done", () => {
    const call: EventBody = { ...CALL, type: "item.added" } as EventBody;
    expect(told([added(1), delta(1, "I"), call, delta(1, " look."), done(1, "I look."), CALL, STEP])).toEqual(
      [[], [], [3], [], [], [6], [7]],
    );
  });

  test("an answer that must be JSON is told late when it is no JSON and no call follows", () => {
    expect(told([added(1), delta(1, "No."), done(1, "No."), STEP, COMPLETED])).toEqual([
      [],
      [],
      [],
      [1, 2, 3, 4],
      [5],
    ]);
    expect(told([done(1, "No."), COMPLETED])).toEqual([[], [1, 2]]);
  });

  test("an answer that must be JSON that is whole and JSON is told at once", () => {
    expect(told([done(1, "[1]"), STEP])).toEqual([[1], [2]]);
  });
});
