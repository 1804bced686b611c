import { describe, expect, test } from "vitest";
import { Transcript } from "../../../src/agent/transcript.ts";
import type { EventBody } from "../../../src/domain/event.ts";
import { callId, itemId, type RunId } from "../../../src/domain/id.ts";
import { textMessage } from "../../../src/domain/item.ts";

const RUN: RunId = `run_${"0123456789abcdef".repeat(2)}`;
const nobody = () => false;

function open(firstNumber = 3) {
  const events: EventBody[] = [];
  return { events, transcript: new Transcript(RUN, firstNumber, (event) => events.push(event)) };
}

describe("items of a transcript", () => {
  test("items of a transcript are numbered on from the run's input, and a call's id names its run and place", () => {
    const { transcript, events } = open(3);
    const message = transcript.create(textMessage("assistant", ""), nobody);
    const call = transcript.create(
      { type: "function_call", name: "x", arguments: "" },
      (name) => name === "x",
    );
    expect(message).toMatchObject({ id: itemId("msg", RUN, 3), status: "in_progress", place: "output" });
    expect(call).toMatchObject({ id: itemId("fc", RUN, 4), call_id: callId(RUN, 4), executor: "client" });
    expect(events).toEqual([]);
  });

  test("take the upstream's name for a call, never its id", () => {
    const { transcript } = open();
    const body = {
      type: "function_call",
      name: "x",
      arguments: "",
      call_id: "toolu_1",
      id: "fc_up",
    } as const;
    const call = transcript.create(body, nobody);
    expect(call).toMatchObject({ id: itemId("fc", RUN, 3), call_id: callId(RUN, 3), executor: "server" });
  });

  test("items of a transcript are closed with what they had when the run is cut, once", () => {
    const { transcript, events } = open();
    const item = transcript.create(textMessage("assistant", ""), nobody);
    const done = transcript.create(textMessage("assistant", ""), nobody);
    for (const each of [item, done]) transcript.begin(each);
    transcript.delta(item, { type: "delta", index: 0, channel: "text", delta: "Hel" });
    transcript.delta(item, { type: "delta", index: 0, channel: "text", delta: "lo" });
    transcript.done({ ...done, status: "completed" });
    transcript.closeOpen();
    transcript.closeOpen();
    const ends = events.flatMap((event) => (event.type === "item.done" ? event.item : []));
    expect(ends.map(({ id, status }) => [id, status])).toEqual([
      [done.id, "completed"],
      [item.id, "incomplete"],
    ]);
    expect(JSON.stringify(ends[1])).toContain("Hello");
    expect([transcript.isOpen(item), transcript.isOpen(done)]).toEqual([false, false]);
  });

  test("show no progress of a call that is over", () => {
    const { transcript, events } = open();
    const call = transcript.create({ type: "function_call", name: "x", arguments: "" }, nobody);
    if (call.type !== "function_call") throw new Error(call.type);
    const result = transcript.resultOf(call, { label: "x", emoji: "" });
    transcript.begin(result);
    transcript.progress(result, "half");
    transcript.done({ ...result, status: "completed", output: "whole" });
    transcript.progress(result, "late");
    expect(events.map(({ type }) => type)).toEqual(["item.added", "item.delta", "item.done"]);
    expect(result).toMatchObject({ call_id: call.call_id, id: itemId("fco", RUN, 4), output: "" });
  });
});
