import { describe, expect, test } from "vitest";
import type { AgentEvent } from "../../../src/domain/event.ts";
import type { Item } from "../../../src/domain/item.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import {
  call,
  cost,
  fail,
  finish,
  retry,
  say,
  scriptedProvider,
  think,
} from "../../helpers/scripted-provider.ts";
import { transcriptOf } from "../../helpers/stored.ts";

const echo = fakeTool("echo", (args) => JSON.stringify(args));
const tools = registryOf([echo]);
const limited = { settings: { maxOutputTokens: 20, temperature: 0 } };
const CUT = [...call("echo", '{"text":"and so on and'), ...finish("length"), ...cost({ outputTokens: 20 })];
const WHOLE = [...call("echo", { text: "whole" }), ...cost({ outputTokens: 40 })];

function done(events: readonly AgentEvent[], place: Item["place"] = "output"): Item[] {
  return events.flatMap((event) =>
    event.type === "item.done" && event.item.place === place ? event.item : [],
  );
}

describe("a call that the client's output limit cut", () => {
  test.each([
    true,
    false,
  ])("a call that the client's output limit cut is asked for once more without the limit (streamed: %s)", async (stream) => {
    const provider = scriptedProvider([CUT, WHOLE, say("Done.")]);
    const { events, end } = await playAgent({ provider, tools, stream, input: limited });
    expect(provider.requests.map(({ settings }) => settings)).toEqual([
      limited.settings,
      { temperature: 0 },
      limited.settings,
    ]);
    expect(provider.requests[1]?.items).toEqual(provider.requests[0]?.items);
    expect(transcriptOf(done(events))).toEqual(["call echo", 'result {"text":"whole"}', "assistant: Done."]);
    // The half call is told as ended, for those who saw it begin, and is nobody's to run.
    expect(done(events, "internal")).toMatchObject([{ type: "function_call", status: "incomplete" }]);
    expect(end).toMatchObject({
      type: "run.completed",
      reason: "stop",
      steps: 2,
      usage: { outputTokens: 60 },
    });
  });

  test("a call that the client's output limit cut does not take back what was said before it", async () => {
    const provider = scriptedProvider([
      [...think("hm"), ...say("Let me see."), ...CUT],
      [...say("Let me look."), ...WHOLE],
      say("Done."),
    ]);
    const { events } = await playAgent({ provider, tools, input: limited });
    expect(transcriptOf(done(events)).slice(0, 4)).toEqual([
      "reasoning",
      "assistant: Let me see.",
      "call echo",
      'result {"text":"whole"}',
    ]);
  });

  test("a call that the client's output limit cut fails the run when asking again fails", async () => {
    const provider = scriptedProvider([[...say("Let me see."), ...CUT], fail("overloaded")]);
    const { end } = await playAgent({ provider, tools, input: limited });
    expect(end).toMatchObject({ type: "run.failed", error: { code: "upstream_overloaded" } });
  });

  test("a call that the client's output limit cut is not asked for again when the limit is not the client's", async () => {
    const provider = scriptedProvider([CUT, say("Sorry.")]);
    const { events } = await playAgent({ provider, tools });
    expect(transcriptOf(done(events))[1]).toMatch(/^result Error: The arguments are not valid JSON/);
  });
});

test("text that the client's limit cut stays as it is", async () => {
  const provider = scriptedProvider([[...say("And so"), ...finish("length")]]);
  const { events, end } = await playAgent({ provider, input: limited });
  expect(provider.requests).toHaveLength(1);
  expect(end).toMatchObject({ reason: "length" });
  expect(done(events)).toMatchObject([{ status: "incomplete" }]);
});

test("whole calls of an answer whose limit is just reached are called", async () => {
  const provider = scriptedProvider([[...call("echo", { a: 1 }), ...finish("length")], say("Done.")]);
  const { end } = await playAgent({ provider, tools, input: limited });
  expect(end).toMatchObject({ reason: "stop", steps: 2 });
});

test("news of a retry reaches the log", async () => {
  const provider = scriptedProvider([[...retry("in 2 s"), ...say("Hi.")]]);
  const { events } = await playAgent({ provider });
  expect(events).toContainEqual(
    expect.objectContaining({ type: "run.status", kind: "retry", text: "in 2 s" }),
  );
});

test("an item that began says at its begin what it was then", async () => {
  const provider = scriptedProvider([say("One", " two")]);
  const kept: string[] = [];
  const { events } = await playAgent({
    provider,
    hear: (event) => {
      if (event.type === "item.added") kept.push(JSON.stringify(event.item));
    },
  });
  const added = events.find((event) => event.type === "item.added");
  expect(added).toMatchObject({ item: { content: [], status: "in_progress" } });
  expect(kept).toEqual([JSON.stringify(added?.type === "item.added" && added.item)]);
});
