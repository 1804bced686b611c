import { describe, expect, test } from "vitest";
import { closest, LoopDetector } from "../../../src/agent/limits.ts";
import type { AgentEvent } from "../../../src/domain/event.ts";
import { fakeTool, playAgent, registryOf } from "../../helpers/agent-run.ts";
import { call, cost, say, scriptedProvider } from "../../helpers/scripted-provider.ts";
import { transcriptOf } from "../../helpers/stored.ts";

let count = 0;
const counter = fakeTool("count", () => String(++count));
const same = fakeTool("same", () => "the same");
const tools = registryOf([counter, same]);

function internal(events: readonly AgentEvent[]): string[] {
  return transcriptOf(
    events.flatMap((event) =>
      event.type === "item.done" && event.item.place === "internal" ? event.item : [],
    ),
  );
}

describe("the step limit", () => {
  test("the step limit asks for a summary without tools, which ends the run as max_steps", async () => {
    const provider = scriptedProvider((_, n) => (n <= 3 ? call("count") : say("So far: much.")));
    const { events, end } = await playAgent({ provider, tools, limits: { maxSteps: 3 } });
    expect(end).toMatchObject({ type: "run.completed", reason: "max_steps", steps: 4 });
    const last = provider.requests.at(-1);
    expect(last).toMatchObject({ tools: [], toolChoice: { mode: "none" } });
    expect(transcriptOf(last?.items ?? []).at(-1)).toMatch(/^user: \[The step limit is reached/);
    expect(internal(events)).toHaveLength(1);
  });

  test("the step limit is not reached by an answer on the last step", async () => {
    const provider = scriptedProvider([call("count"), say("Done.")]);
    const { end } = await playAgent({ provider, tools, limits: { maxSteps: 2 } });
    expect(end).toMatchObject({ reason: "stop", steps: 2 });
  });

  test("ends the run even when the model calls tools instead of a summary", async () => {
    let ran = 0;
    const tool = fakeTool("work", () => String(++ran));
    const provider = scriptedProvider(() => [...call("work"), ...call("weather")]);
    const input = { tools: [{ name: "weather", parameters: {} }], toolChoice: { mode: "auto" } as const };
    const own = { ...input, tools: [] };
    const { end } = await playAgent({
      provider,
      tools: registryOf([tool]),
      limits: { maxSteps: 2 },
      input: own,
    });
    expect(end).toMatchObject({ reason: "max_steps", steps: 3 });
    expect(ran).toBe(2);
  });

  test("the step limit makes no client wait for a call in place of the summary", async () => {
    const provider = scriptedProvider((_, n) => call(n === 1 ? "count" : "weather"));
    const input = { tools: [{ name: "weather", parameters: {} }] };
    const { events, end } = await playAgent({ provider, tools, limits: { maxSteps: 1 }, input });
    expect(end).toMatchObject({ reason: "max_steps" });
    const client = events.filter((event) => event.type === "item.done" && "executor" in event.item);
    expect(
      client.map((event) => event.type === "item.done" && "executor" in event.item && event.item.executor),
    ).toEqual(["server", "server", "server"]);
  });
});

describe("a model that repeats itself", () => {
  test("a model that repeats itself is told at the third time and ended at the fifth", async () => {
    const provider = scriptedProvider(() => call("same", { a: 1 }));
    const { events, end } = await playAgent({ provider, tools });
    expect(end).toMatchObject({
      type: "run.failed",
      steps: 5,
      error: { code: "tool_loop", shouldRetry: false },
    });
    expect(provider.requests).toHaveLength(5);
    const told = provider.requests.map(({ items }) =>
      transcriptOf(items).at(-1)?.startsWith("user: [You have"),
    );
    expect(told).toEqual([false, false, false, true, false]);
    expect(internal(events)).toHaveLength(1);
  });

  test("a model that repeats itself is told so within one step, too", async () => {
    const provider = scriptedProvider([[...call("same"), ...call("same"), ...call("same")], say("Oh.")]);
    const { events, end } = await playAgent({ provider, tools });
    expect(end).toMatchObject({ reason: "stop" });
    expect(internal(events)[0]).toMatch(/^user: \[You have called same 3 times/);
  });

  test("a model that repeats itself is not one whose results, arguments or tools differ", async () => {
    const provider = scriptedProvider((_, n) => (n <= 8 ? call("count") : say("Done.")));
    expect((await playAgent({ provider, tools })).end).toMatchObject({ reason: "stop" });
    const detector = new LoopDetector();
    const seen = [1, 2, 1, 2, 1, 2].map((n) =>
      detector.observe({ name: "a", arguments: `${n}`, output: "" }),
    );
    expect(new Set(seen)).toEqual(new Set(["go on"]));
    const names = ["a", "b", "a", "b"].map((name) => detector.observe({ name, arguments: "", output: "" }));
    expect(new Set(names)).toEqual(new Set(["go on"]));
  });

  test("a model that repeats itself is not one whose results are other images", () => {
    const detector = new LoopDetector();
    const observe = (image_url: string) =>
      detector.observe({ name: "look", arguments: "{}", output: [{ type: "input_image", image_url }] });
    expect(["1", "2", "3", "4", "4", "4"].map(observe)).toEqual([
      ...["go on", "go on", "go on", "go on", "go on"],
      "tell",
    ]);
  });

  test("a model that repeats itself begins anew after something else", () => {
    const detector = new LoopDetector();
    const observe = (output: string) => detector.observe({ name: "a", arguments: "{}", output });
    expect(["x", "x", "x", "x", "y", "x", "x", "x"].map(observe)).toEqual([
      "go on",
      "go on",
      "tell",
      "go on",
      "go on",
      "go on",
      "go on",
      "tell",
    ]);
  });
});

describe("the limit of output tokens", () => {
  const spend = (n: number) => [...call("count"), ...cost({ outputTokens: n })];

  test("ends the run before the next step", async () => {
    const provider = scriptedProvider(() => spend(60));
    const { end } = await playAgent({ provider, tools, limits: { maxOutputTokens: 100 } });
    expect(end).toMatchObject({
      type: "run.completed",
      reason: "length",
      steps: 2,
      usage: { outputTokens: 120 },
    });
  });

  test("the limit of output tokens is none when it is 0", async () => {
    const provider = scriptedProvider((_, n) => (n < 5 ? spend(1_000_000) : say("Done.")));
    expect((await playAgent({ provider, tools })).end).toMatchObject({ reason: "stop" });
  });
});

describe("a request's own limits", () => {
  const server = { maxSteps: 10, maxRunMs: 1_000, contextTokens: 50, maxOutputTokens: 0 };

  test.each([
    [
      { maxSteps: 3, maxRunMs: 500, maxOutputTokens: 70 },
      { maxSteps: 3, maxRunMs: 500, maxOutputTokens: 70 },
    ],
    [{ maxSteps: 30, maxRunMs: 5_000 }, {}],
  ])("a request's own limits of %j hold where they are closer than the server's", (own, held) => {
    expect(closest(server, own)).toEqual({ ...server, ...held });
  });

  test("never take an output limit of the server's away", () => {
    expect(closest({ ...server, maxOutputTokens: 5 }, { maxOutputTokens: 9 }).maxOutputTokens).toBe(5);
  });
});
