import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RunStop } from "../../../src/agent/stop.ts";
import { runTimeout } from "../../../src/domain/error.ts";
import type { AgentEvent, EventBody } from "../../../src/domain/event.ts";
import { fold } from "../../../src/domain/fold.ts";
import { callId, itemId } from "../../../src/domain/id.ts";
import { type Item, textMessage } from "../../../src/domain/item.ts";
import { NO_USAGE } from "../../../src/domain/usage.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import {
  type Answer,
  call,
  cost,
  fail,
  finish,
  hold,
  refuse,
  say,
  scriptedProvider,
  think,
} from "../../helpers/scripted-provider.ts";
import { aRun, COMPLETED, dialogue, numbered, STARTED, saidItem, userItem } from "../../helpers/stored.ts";

const isFact = ({ type }: AgentEvent): boolean => type !== "item.delta";

const words = fc.array(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 4 });
const move = fc.oneof(
  words.map((deltas) => say(...deltas)),
  words.map((deltas) => think(...deltas)),
  fc.string({ maxLength: 8 }).map(refuse),
  fc.jsonValue({ maxDepth: 1 }).map((value) => call("echo", { value })),
  fc.string({ maxLength: 8 }).map((text) => call("echo", text)),
  fc.constant(call("nothing")),
);
const ending = fc.constantFrom(
  [],
  finish("length"),
  finish("content_filter"),
  fail("network"),
  fail(new Error("bug")),
);
const answer = fc
  .tuple(fc.array(move, { maxLength: 5 }), ending, fc.nat(50))
  .map(([moves, end, outputTokens]): Answer => [...moves.flat(), ...cost({ outputTokens }), ...end]);
const script = fc.record({
  answers: fc.array(answer, { minLength: 1, maxLength: 4 }),
  maxSteps: fc.integer({ min: 1, max: 4 }),
  stream: fc.boolean(),
  /** After how many events somebody stops the run. */
  stopAfter: fc.option(fc.integer({ min: 1, max: 25 }), { nil: undefined }),
});

describe("deltas are decoration", () => {
  test("whatever a run does and however it ends, it is the same without them", async () => {
    const echo = fakeTool("echo", (args, { progress }) => {
      progress("working");
      return JSON.stringify(args);
    });
    const run = fc.asyncProperty(script, async ({ answers, maxSteps, stream, stopAfter }) => {
      const abort = new AbortController();
      let heard = 0;
      const { events, end } = await playAgent({
        provider: scriptedProvider((_, n) => answers[n - 1] ?? say("The end.")),
        tools: registryOf([echo]),
        limits: { maxSteps },
        stream,
        signal: abort.signal,
        hear: () => {
          if (++heard === stopAfter) abort.abort(RunStop.fail(runTimeout(1)));
        },
      });
      const whole = fold(events);
      expect(fold(events.filter(isFact))).toEqual(whole);
      expect(whole.usage).toEqual(end.usage);
      expect(whole.items.every(({ status }) => status !== "in_progress")).toBe(true);
    });
    await fc.assert(run, { numRuns: 150 });
  });

  test("a cut item is what its deltas had said", async () => {
    const abort = new AbortController();
    const gate = createGate();
    const playing = playAgent({
      provider: scriptedProvider([[...think("h", "m"), ...say("Hel", "lo"), ...hold(gate)]]),
      signal: abort.signal,
    });
    await gate.reached();
    abort.abort(RunStop.cancel("enough"));
    const { events } = await playing;
    const closing = events.findIndex(({ type }) => type === "item.done");
    const before = fold(events.slice(0, closing)).items.map(
      (item): Item => ({ ...item, status: "incomplete" }),
    );
    expect(fold(events).items).toEqual(before);
  });
});

describe("a run's state", () => {
  test("a run's state follows its events", () => {
    const run = aRun();
    const log = dialogue(run, "a?", "b!");
    const states = log.map((_, i) => fold(log.slice(0, i + 1)));
    expect(states.map(({ status }) => status)).toEqual([
      "queued",
      "running",
      "running",
      "running",
      "running",
      "completed",
    ]);
    expect(states.at(-1)).toMatchObject({ run, reason: "stop", steps: 1, lastSeq: 6 });
    expect(states[3]?.items).toMatchObject([
      { status: "in_progress", content: [{ type: "output_text", text: "b!" }] },
    ]);
    expect(states[5]?.input).toEqual([userItem(run, 0, "a?")]);
  });

  test("a run's state of a failed and of a cancelled run says so", () => {
    const run = aRun();
    const usage = { ...NO_USAGE, outputTokens: 4 };
    const ends: EventBody[] = [
      { type: "run.failed", error: runTimeout(1_000), usage, steps: 2 },
      { type: "run.cancelled", reason: "x", usage, steps: 2 },
    ];
    const [failed, cancelled] = ends.map((end) => fold(numbered(run, [STARTED, end])));
    expect(failed).toMatchObject({ status: "failed", error: { code: "run_timeout" }, usage, steps: 2 });
    expect(cancelled).toMatchObject({ status: "cancelled", error: undefined, usage, steps: 2 });
  });

  test("a run's state has items in the order of their numbers, whenever they were done", () => {
    const run = aRun();
    const result: Item = {
      id: itemId("fco", run.id, 10),
      status: "completed",
      place: "output",
      type: "function_call_output",
      call_id: callId(run.id, 2),
      name: "x",
      output: "",
      executor: "server",
    };
    const bodies: EventBody[] = [
      { type: "item.done", item: result },
      { type: "item.done", item: saidItem(run, 9, "b") },
      { type: "item.done", item: saidItem(run, 2, "a") },
      COMPLETED,
    ];
    expect(fold(numbered(run, bodies)).items.map(({ id }) => id)).toEqual([
      itemId("msg", run.id, 2),
      itemId("msg", run.id, 9),
      itemId("fco", run.id, 10),
    ]);
  });

  test("a run's state is not shared with the events that it was made of", () => {
    const run = aRun();
    const added: EventBody = { type: "item.added", item: saidItem(run, 1, "", { status: "in_progress" }) };
    const id = itemId("msg", run.id, 1);
    const log = numbered(run, [added, { type: "item.delta", itemId: id, channel: "text", delta: "x" }]);
    const before = structuredClone(log);
    fold(log);
    expect(log).toEqual(before);
  });

  test("a run's state does not take deltas of an item that is done, unknown, or has no such text", () => {
    const run = aRun();
    const item = saidItem(run, 1, "done");
    const id = itemId("msg", run.id, 1);
    const bodies: EventBody[] = [
      { type: "item.delta", itemId: "msg_unknown", channel: "text", delta: "x" },
      { type: "item.done", item },
      { type: "item.delta", itemId: id, channel: "text", delta: "late" },
    ];
    expect(fold(numbered(run, bodies)).items).toEqual([item]);
    expect(textMessage("assistant", "done").content).toEqual(item.type === "message" ? item.content : []);
  });
});
