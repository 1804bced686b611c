import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { callId } from "../../../src/domain/id.ts";
import { textMessage } from "../../../src/domain/item.ts";
import type { ToolSpec } from "../../../src/domain/run.ts";
import { createGate } from "../../fake-upstream/gate.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import { call, cost, finish, say, scriptedProvider, think } from "../../helpers/scripted-provider.ts";
import { aRun, transcriptOf } from "../../helpers/stored.ts";

const echo = fakeTool("echo", (args) => `echo ${JSON.stringify(args)}`);
const WEATHER: ToolSpec = { name: "weather", parameters: { type: "object" } };

/** The finished items that a client may see, in short. */
function said(events: readonly AgentEvent[]): string[] {
  return transcriptOf(
    events.flatMap((event) =>
      event.type === "item.done" && event.item.place === "output" ? event.item : [],
    ),
  );
}

describe("a run", () => {
  test("ends with the text of the model", async () => {
    const provider = scriptedProvider([[...think("hm"), ...say("Hel", "lo."), ...cost({ outputTokens: 3 })]]);
    const { events, end } = await playAgent({ provider });
    expect(events.map(({ type }) => type)).toEqual([
      "run.started",
      "step.started",
      "item.added",
      "item.delta",
      "item.added",
      "item.delta",
      "item.delta",
      "item.done",
      "item.done",
      "step.done",
      "run.completed",
    ]);
    expect(end).toMatchObject({ reason: "stop", steps: 1, usage: { outputTokens: 3 } });
    expect(said(events)).toEqual(["reasoning", "assistant: Hello."]);
  });

  test("a run has the same items when nothing streams", async () => {
    const answer = [...think("hm"), ...say("Hel", "lo."), ...call("echo", { a: 1 })];
    const tools = registryOf([echo]);
    const run = aRun();
    const items = async (stream: boolean) => {
      const provider = scriptedProvider([answer, say("Done.")]);
      const { events } = await playAgent({ provider, tools, stream, run });
      return events.flatMap((event) => (event.type === "item.done" ? event.item : []));
    };
    expect(await items(false)).toEqual(await items(true));
  });

  test("a run asks again with the results of the tools until the model answers", async () => {
    const provider = scriptedProvider([
      [...say("Let me see."), ...call("echo", { a: 1 }), ...cost({ inputTokens: 5, outputTokens: 2 })],
      [...say("Done."), ...cost({ inputTokens: 9, outputTokens: 1 })],
    ]);
    const { events, end } = await playAgent({ provider, tools: registryOf([echo]) });
    expect(said(events)).toEqual([
      "assistant: Let me see.",
      "call echo",
      'result echo {"a":1}',
      "assistant: Done.",
    ]);
    expect(transcriptOf(provider.requests[1]?.items ?? [])).toEqual([
      "user: Do it.",
      "assistant: Let me see.",
      "call echo",
      'result echo {"a":1}',
    ]);
    expect(end).toMatchObject({ steps: 2, usage: { inputTokens: 14, outputTokens: 3 } });
  });

  test.each(["length", "content_filter"] as const)("a run says that its text was cut: %s", async (reason) => {
    const provider = scriptedProvider([[...say("So f"), ...finish(reason)]]);
    const { events, end } = await playAgent({ provider });
    expect(end).toMatchObject({ type: "run.completed", reason });
    const status = events.flatMap((event) => (event.type === "item.done" ? event.item.status : []));
    expect(status).toEqual([reason === "length" ? "incomplete" : "completed"]);
  });

  test("a run gives the model the transcript that it was given, mended, and its own tools", async () => {
    const provider = scriptedProvider([say("ok")]);
    const items = [
      textMessage("user", "a"),
      { type: "function_call", call_id: "x", name: "echo", arguments: "{}", executor: "server" } as const,
      textMessage("user", "b"),
    ];
    await playAgent({
      provider,
      items,
      tools: registryOf([echo]),
      core: "Core.",
      input: { instructions: "Be." },
    });
    const [request] = provider.requests;
    expect(transcriptOf(request?.items ?? [])[2]).toMatch(/^result \[The call was interrupted/);
    expect(request).toMatchObject({ core: "Core.", instructions: "Be.", stream: true });
    expect(request?.tools.map(({ name }) => name)).toEqual(["echo"]);
  });
});

describe("calls of one step", () => {
  test("run side by side, and their results stand in the order of the calls", async () => {
    const gates = { slow: createGate("slow"), fast: createGate("fast") };
    const finished: string[] = [];
    const wait = fakeTool("wait", async ({ name }) => {
      await gates[name as "slow" | "fast"].pass();
      finished.push(String(name));
      return String(name);
    });
    const provider = scriptedProvider([
      [...call("wait", { name: "slow" }), ...call("wait", { name: "fast" })],
      say("Done."),
    ]);
    const done: string[] = [];
    const outcome = playAgent({
      provider,
      tools: registryOf([wait]),
      hear: (event) => {
        if (event.type !== "item.done" || event.item.type !== "function_call_output") return;
        done.push(String(event.item.output));
        gates.slow.open();
      },
    });
    await Promise.all([gates.slow.reached(), gates.fast.reached()]);
    gates.fast.open();
    await outcome;
    // Told as soon as it was there; the model reads it in its place.
    expect([finished, done]).toEqual([
      ["fast", "slow"],
      ["fast", "slow"],
    ]);
    expect(transcriptOf(provider.requests[1]?.items ?? []).slice(-2)).toEqual(["result slow", "result fast"]);
  });

  test("show their progress while they run", async () => {
    const tool = fakeTool("work", (_, { progress }) => {
      progress("half");
      return "whole";
    });
    const provider = scriptedProvider([call("work"), say("Done.")]);
    const { events } = await playAgent({ provider, tools: registryOf([tool]) });
    const result = events.find(
      (event) => event.type === "item.added" && event.item.type === "function_call_output",
    );
    expect(result).toMatchObject({
      item: { status: "in_progress", display: { label: "work", emoji: "🔧" } },
    });
    expect(events).toContainEqual(expect.objectContaining({ channel: "output", delta: "half" }));
  });

  test.each<[string, Parameters<typeof call>, RegExp]>([
    ["of an unknown tool", ["nothing"], /no tool named "nothing"/],
    ["with arguments that are no JSON", ["strict", '{"n": 1'], /not valid JSON/],
    ["with wrong arguments", ["strict", { n: "one" }], /Wrong arguments for strict/],
    ["with unknown arguments", ["strict", { n: 1, m: 2 }], /Wrong arguments for strict/],
    ["that throws", ["broken"], /it broke/],
  ])("%s: the model reads an error and goes on", async (_, made, message) => {
    const strict = fakeTool("strict", () => "fine", { parameters: z.strictObject({ n: z.number() }) });
    const broken = fakeTool("broken", () => {
      throw new Error("it broke");
    });
    const provider = scriptedProvider([call(...made), say("Sorry.")]);
    const { end } = await playAgent({ provider, tools: registryOf([strict, broken]) });
    expect(end).toMatchObject({ type: "run.completed", reason: "stop" });
    expect(provider.requests[1]?.items.at(-1)).toMatchObject({
      type: "function_call_output",
      is_error: true,
      output: expect.stringMatching(message),
    });
  });
});

describe("tools of the client", () => {
  const input = { tools: [WEATHER] };

  test("tools of the client are offered beside the server's, and a call of one ends the run", async () => {
    const provider = scriptedProvider([call("weather", { city: "Oslo" })]);
    const run = aRun();
    const { events, end } = await playAgent({ provider, input, run, tools: registryOf([echo]) });
    expect(provider.requests[0]?.tools.map(({ name }) => name)).toEqual(["echo", "weather"]);
    expect(end).toMatchObject({ type: "run.completed", reason: "tool_calls" });
    expect(events).toContainEqual(
      expect.objectContaining({
        type: "item.done",
        item: expect.objectContaining({
          executor: "client",
          call_id: callId(run.id, 1),
          status: "completed",
        }),
      }),
    );
  });

  test("tools of the client are called when the server's calls of the same step are done", async () => {
    const provider = scriptedProvider([[...call("weather"), ...call("echo", { a: 1 })]]);
    const { events, end } = await playAgent({ provider, input, tools: registryOf([echo]) });
    expect(said(events)).toEqual(["call weather", "call echo", 'result echo {"a":1}']);
    expect(end).toMatchObject({ reason: "tool_calls", steps: 1 });
  });

  test("win over a server's tool of the same name", async () => {
    const mine = { ...WEATHER, name: "echo" };
    const provider = scriptedProvider([call("echo")]);
    const { events, end } = await playAgent({
      provider,
      input: { tools: [mine] },
      tools: registryOf([echo]),
    });
    expect(provider.requests[0]?.tools).toEqual([mine]);
    expect(end).toMatchObject({ reason: "tool_calls" });
    expect(said(events)).toEqual(["call echo"]);
  });

  test("tools of the client that are required are alone on the first step, and among all later", async () => {
    const provider = scriptedProvider([call("echo"), say("Done.")]);
    const toolChoice = { mode: "required" } as const;
    await playAgent({ provider, input: { ...input, toolChoice }, tools: registryOf([echo]) });
    expect(provider.requests.map(({ tools }) => tools.map(({ name }) => name))).toEqual([
      ["weather"],
      ["echo", "weather"],
    ]);
    expect(provider.requests.map(({ toolChoice: choice }) => choice.mode)).toEqual(["required", "auto"]);
  });

  test("tools of the client that were not offered cannot be called: the model reads an error", async () => {
    const provider = scriptedProvider([call("weather"), say("Then without.")]);
    const toolChoice = { mode: "none" } as const;
    const { events, end } = await playAgent({ provider, input: { ...input, toolChoice } });
    expect(provider.requests[0]?.tools).toEqual([]);
    expect(end).toMatchObject({ reason: "stop" });
    expect(said(events)[1]).toMatch(/^result Error: There is no tool named "weather"/);
  });
});
